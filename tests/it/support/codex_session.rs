//! `humanllm` and the real Codex set up for it.

use super::{CodexHome, Key, Operator, OperatorBuilder, Pty, Tap};

/// `humanllm`, a Codex set up for it, and the wire between the two.
pub struct CodexSession {
    pub operator: Operator,
    pub codex: CodexHome,
    pub wire: Tap,
}

impl CodexSession {
    /// A session with defaults; `None` if there is no Codex to test with.
    pub fn new() -> Option<Self> {
        Self::with_operator(Operator::builder())
    }

    /// A session with a configuration file for `humanllm`.
    pub fn with_config(config: &str) -> Option<Self> {
        Self::with_operator(Operator::builder().config(config))
    }

    /// A session with a program that is started like this.
    pub fn with_operator(operator: OperatorBuilder) -> Option<Self> {
        super::codex::binary()?;
        let operator = operator.start();
        let wire = Tap::new(operator.sandbox().address);
        let codex = CodexHome::new(wire.address)?;
        Some(Self {
            operator,
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
pub fn submit_prompt(codex: &mut Pty, prompt: &str) {
    codex.paste(prompt);
    codex.wait_for(prompt);
    codex.key(Key::Enter);
}
