//! Server-sent events of a model on another server.

use humanllm::model::{EventParser, ServerEvent, TooLong};

/// Wherever a stream is cut, its events are the same, and no input breaks the parser. The first
/// byte sets the length of the pieces.
pub fn events(bytes: &[u8]) {
    let Some((length, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read([stream]);
    assert_eq!(read(stream.chunks(1)), whole);
    assert_eq!(read(stream.chunks(usize::from(*length).max(1))), whole);
    for (name, data) in whole {
        assert!(!name.contains(['\r', '\n']) && !data.contains('\r'));
    }
}

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
    let mut parser = EventParser::default();
    let mut events = Vec::new();
    let mut take = |event: ServerEvent<'_>| {
        events.push((event.name.to_owned(), event.data.to_owned()));
        Ok::<_, TooLong>(())
    };
    for piece in pieces {
        parser.feed(piece, &mut take).expect("short");
    }
    parser.end(&mut take).expect("short");
    events
}
