//! What a request is for.

/// What a request is for: a turn of the conversation, or one of the side requests ("errands") that
/// agents make by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A turn of the conversation with the client's user.
    #[default]
    Turn,
    /// A title for a conversation.
    Title,
    /// A check whether the server answers.
    Probe,
    /// A commit message.
    CommitMessage,
    /// A summary that replaces the conversation so far.
    Summary,
    /// A decision whether an agent may do something.
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

    /// Whether such a request is not part of the conversation that it is about.
    pub(crate) fn is_outside_conversation(self) -> bool {
        !matches!(self, Self::Turn | Self::Summary)
    }
}
