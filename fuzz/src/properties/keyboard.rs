//! What a terminal sends.

use crossterm::event::{Event, KeyCode};
use humanllm::tui::terminal::input::{Input, Parser};

/// The size of the pieces in which it comes, and the bytes.
pub fn keyboard(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(&[bytes]);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(*size).max(1)).collect();
    assert_eq!(read(&pieces), whole, "how it comes does not matter");
    assert!(whole.len() <= bytes.len());
    for input in whole {
        if let Input::Event(Event::Key(key)) = input
            && let KeyCode::Char(c) = key.code
        {
            assert!(!c.is_control(), "{c:?} is no character that anybody types");
        }
    }
}

fn read(pieces: &[&[u8]]) -> Vec<Input> {
    let mut parser = Parser::default();
    for piece in pieces {
        parser.push(piece);
    }
    parser.time_out();
    std::iter::from_fn(|| parser.take()).collect()
}
