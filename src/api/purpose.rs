//! Why a client asks.

/// What a request is for: the person's own turn, or one of the errands that agents run beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// To go on with what the person on the other side wants.
    #[default]
    Turn,
    /// A name for a conversation.
    Title,
    /// Whether anybody answers at all.
    Probe,
    /// The message of a commit.
    CommitMessage,
    /// What stands for the conversation from then on.
    Summary,
    /// Whether an agent may do something.
    PermissionCheck,
}

impl Purpose {
    /// The purpose in words for the person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Title => "thread title",
            Self::Probe => "probe",
            Self::CommitMessage => "commit message",
            Self::Summary => "summary",
            Self::PermissionCheck => "permission check",
        }
    }

    /// Whether such a request stands beside the conversation that it is about, and not in it.
    pub(crate) fn stands_apart(self) -> bool {
        !matches!(self, Self::Turn | Self::Summary)
    }
}
