//! Labels and hints for the kinds of reply.

pub use crate::draft::ReplyKind;

impl ReplyKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Send,
        Self::Progress,
        Self::Command,
        Self::Tool,
        Self::Think,
        Self::Reject,
    ];

    /// The name on the screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Progress => "Progress",
            Self::Command => "Run command",
            Self::Tool => "Call tool",
            Self::Think => "Think",
            Self::Reject => "Reject",
        }
    }

    /// A shorter name, for narrow terminals.
    pub fn short(self) -> &'static str {
        match self {
            Self::Command => "Run",
            Self::Tool => "Call",
            kind => kind.label(),
        }
    }

    /// What Enter does with this kind, in a word or two.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Progress => "send note",
            Self::Command => "run",
            Self::Tool => "call",
            Self::Think => "send thought",
            Self::Reject => "reject",
        }
    }

    /// What an empty composer shows in place of text.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Send => "The final answer",
            Self::Progress => "A note on what you are doing",
            Self::Command => "A shell command for the agent to run",
            Self::Tool => "Part of a tool's name",
            Self::Think => "A summary of your thoughts",
            Self::Reject => "Why you reject this",
        }
    }

    /// Whether its lines can be sent while it is typed: it is a message.
    pub fn can_be_live(self) -> bool {
        matches!(self, Self::Send | Self::Progress)
    }

    /// The suffix of a file with such a text.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Command => ".sh",
            _ => ".md",
        }
    }

    /// The next kind, or the previous one.
    pub fn step(self, forward: bool) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0);
        Self::ALL[(at + if forward { 1 } else { count - 1 }) % count]
    }
}
