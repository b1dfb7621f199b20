//! A person at `humanllm` with the real Codex set up for them.

use super::{Builder, CodexHome, Key, Person, Pty, Tap};

/// A person, a Codex set up for them, and the wire between the two.
pub struct Scene {
    pub person: Person,
    pub codex: CodexHome,
    pub wire: Tap,
}

impl Scene {
    /// Sets the stage, or nothing if there is no Codex to test with.
    pub fn new() -> Option<Self> {
        Self::of(Person::builder())
    }

    /// Sets the stage with a configuration file for `humanllm`.
    pub fn with(config: &str) -> Option<Self> {
        Self::of(Person::builder().config(config))
    }

    /// Sets the stage for a person who is started like this.
    pub fn of(person: Builder) -> Option<Self> {
        super::codex::binary()?;
        let person = person.start();
        let wire = Tap::new(person.place().address);
        let codex = CodexHome::new(wire.address)?;
        Some(Self {
            person,
            codex,
            wire,
        })
    }
}

/// A row of the screen that is this text, whatever frames and bars are around it.
pub fn has_row(screen: &str, text: &str) -> bool {
    screen.lines().any(|row| {
        let mut cells = row.split(['│', '┃', '║', '▌', '▎', '█', '|']);
        cells.any(|cell| cell.trim() == text)
    })
}

/// Gives the interactive Codex a prompt. Pasted, because Codex takes Enter right after fast typing for
/// a pasted newline.
pub fn ask(codex: &mut Pty, prompt: &str) {
    codex.paste(prompt);
    codex.wait_for(prompt);
    codex.key(Key::Enter);
}
