//! Every action that a key can be bound to.

/// Defines [`Action`] from one table, so that a new action is one new row below its group: variant,
/// name in the config file, words for the help view, default keys. The order is that of the help view.
macro_rules! actions {
    ($([$group:ident, $title:literal] $($variant:ident, $name:literal, $description:literal, [$($key:literal),+];)+)+) => {
        /// The groups of actions: the sections of the help.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Group {
            $(#[doc = $title] $group,)+
        }

        impl Group {
            /// All of them, in the order in which help lists them.
            pub const ALL: &[Self] = &[$(Self::$group,)+];

            /// The heading of the section.
            pub fn title(self) -> &'static str {
                match self { $(Self::$group => $title,)+ }
            }
        }

        /// Something that a key can be bound to.
        ///
        /// Typing text is not an action: characters always go to the composer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $description] $variant,)+)+
        }

        impl Action {
            /// All actions, in the order in which help lists them.
            pub const ALL: &[Self] = &[$($(Self::$variant,)+)+];

            /// The action's name in the `[keys]` table of the config file.
            pub fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)+)+ }
            }

            /// A few words for the help view, in the imperative and without a full stop.
            pub fn description(self) -> &'static str {
                match self { $($(Self::$variant => $description,)+)+ }
            }

            /// The keys bound to it when the config file says nothing, the one to show first.
            pub fn default_keys(self) -> &'static [&'static str] {
                match self { $($(Self::$variant => &[$($key),+],)+)+ }
            }

            /// The group that help lists it in.
            pub fn group(self) -> Group {
                match self { $($(Self::$variant => Group::$group,)+)+ }
            }
        }
    };
}

actions! {
    [Reply, "REPLY"]
    Submit, "submit", "Send the text as the chosen kind of reply", ["Enter"];
    Newline, "newline", "Insert a line break", ["Alt+Enter", "Shift+Enter", "Ctrl+J"];
    NextKind, "next_kind", "Choose the next kind of reply", ["Tab"];
    PreviousKind, "previous_kind", "Choose the previous kind of reply", ["Shift+Tab"];
    CallTool, "call_tool", "Choose a tool to call", ["Ctrl+T"];
    ToggleForm, "toggle_form", "Switch a call between form and raw JSON", ["Alt+E"];
    Options, "options", "Set a command's directory, escalation, timeouts", ["Alt+O"];
    ContinueProcess, "continue_process", "Type into the running process", ["Alt+S"];
    InterruptProcess, "interrupt_process", "Send Ctrl+C to the running process", ["Alt+Shift+C"];
    EndInput, "end_input", "Send Ctrl+D to the running process", ["Alt+Shift+D"];
    AddPart, "add_part", "Add this as a part of the reply", ["Alt+A"];
    Parts, "parts", "Edit the parts added so far", ["Alt+P"];
    Skeleton, "skeleton", "Insert a skeleton or draft of what is expected", ["Alt+I"];
    Allow, "allow", "Allow what an agent asks leave for, at once", ["Alt+1"];
    Block, "block", "Block what an agent asks leave for, at once", ["Alt+2"];
    Live, "live", "Type live: send each line as you finish it", ["Alt+L"];
    Recall, "recall", "Insert a snippet or an earlier reply", ["Ctrl+R"];
    Editor, "editor", "Edit the draft in $VISUAL or $EDITOR", ["Ctrl+G"];
    ExpandPaste, "expand_paste", "Show a long pasted text", ["Alt+Y"];
    Undo, "undo", "Undo the last change to the draft", ["Alt+U", "Ctrl+_"];
    Redo, "redo", "Redo the last undone change", ["Alt+R"];
    [Drafts, "MODELS"]
    Draft, "draft", "Ask a model for a draft; again, for another one", ["Alt+D"];
    DraftWith, "draft_with", "Ask for a draft with a hint, or another model", ["Alt+H"];
    ContinueDraft, "continue_draft", "Have a model go on from your words", ["Alt+F"];
    NextDraft, "next_draft", "Show the next draft, or your own words", ["Alt+B"];
    PreviousDraft, "previous_draft", "Show the previous draft, or your own words", ["Alt+Shift+B"];
    Mode, "mode", "Change who answers here: manual, draft, auto", ["Alt+T"];
    SaveRule, "save_rule", "Save a rule for replies like this one", ["Alt+Shift+R"];
    [Conversations, "CONVERSATIONS"]
    NextConversation, "next_conversation", "Open the next conversation", ["Alt+Down"];
    PreviousConversation, "previous_conversation", "Open the previous conversation", ["Alt+Up"];
    NextWaiting, "next_waiting", "Open the next waiting conversation", ["Alt+N"];
    Inbox, "inbox", "Go to the inbox, and back", ["F2"];
    WidenInbox, "widen_inbox", "Make the inbox wider", ["Alt+."];
    NarrowInbox, "narrow_inbox", "Make the inbox narrower", ["Alt+,"];
    Dismiss, "dismiss", "Dismiss the conversation from the inbox", ["Alt+W"];
    DismissDone, "dismiss_done", "Dismiss all that are done", ["Alt+Shift+W"];
    LiftRejection, "lift_rejection", "Let what was rejected be asked again", ["F7"];
    FindConversation, "find_conversation", "Find a conversation, earlier ones too", ["F6"];
    Mark, "mark", "Label, rate or exclude the conversation or a turn", ["Alt+Shift+L"];
    Export, "export", "Export the conversation to a file", ["Alt+Shift+E"];
    Fork, "fork", "Ask a turn again, as a conversation of its own", ["Alt+Shift+F"];
    DeleteConversation, "delete_conversation", "Delete the conversation for good", ["F8"];
    [Read, "TRANSCRIPT"]
    ScrollUp, "scroll_up", "Scroll the transcript up a page", ["PageUp"];
    ScrollDown, "scroll_down", "Scroll the transcript down a page", ["PageDown"];
    ScrollLineUp, "scroll_line_up", "Scroll the transcript up a line", ["Ctrl+Up"];
    ScrollLineDown, "scroll_line_down", "Scroll the transcript down a line", ["Ctrl+Down"];
    ScrollTop, "scroll_top", "Go to the top of the transcript", ["Ctrl+Home"];
    ScrollBottom, "scroll_bottom", "Go to the end of the transcript", ["Ctrl+End"];
    Search, "search", "Search what is shown", ["Ctrl+F"];
    NextPrompt, "next_prompt", "Go to the next prompt", ["Alt+PageDown"];
    PreviousPrompt, "previous_prompt", "Go to the previous prompt", ["Alt+PageUp"];
    NextBlock, "next_block", "Select the next block", ["Alt+J"];
    PreviousBlock, "previous_block", "Select the previous block", ["Alt+K"];
    Fold, "fold", "Fold or unfold the selected block", ["Ctrl+O"];
    Copy, "copy", "Copy the selected block, the selection, or the view", ["Alt+C"];
    CopyCode, "copy_code", "Copy a code block of the selected block, the last first", ["Alt+X"];
    Page, "page", "Read the selected block in $PAGER", ["Alt+V"];
    OpenPicture, "open_picture", "Open the pictures of the selected block", ["Alt+G"];
    SavePicture, "save_picture", "Save the pictures of the selected block", ["Alt+Shift+G"];
    [Views, "VIEWS"]
    ShowTools, "show_tools", "Show the tools this request offers", ["F3"];
    ShowRaw, "show_raw", "Show the raw JSON of the request or the selected block", ["F4"];
    ShowStatistics, "show_statistics", "Show statistics", ["F5"];
    Provenance, "provenance", "Show where the words of a reply come from", ["F12"];
    Cancel, "cancel", "Close a view, or clear the selection", ["Esc"];
    Help, "help", "Show help", ["F1"];
    Palette, "palette", "Find an action by name", ["F10", "Alt+M"];
    [Program, "PROGRAM"]
    Study, "study", "Start the study's clock, or pause it", ["Alt+Shift+S"];
    Redraw, "redraw", "Redraw the screen", ["Ctrl+L"];
    Reload, "reload", "Reload the configuration", ["F9"];
    Suspend, "suspend", "Suspend to the shell (fg resumes)", ["Ctrl+Z"];
    Interrupt, "interrupt", "Clear the draft; if empty, press twice to quit", ["Ctrl+C"];
    Quit, "quit", "Quit", ["Ctrl+Q"];
}

impl Action {
    /// The action that the config file calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.name() == name)
    }

    /// Whether it scrolls, and does nothing else.
    pub fn scrolls(self) -> bool {
        matches!(
            self,
            Self::ScrollUp
                | Self::ScrollDown
                | Self::ScrollLineUp
                | Self::ScrollLineDown
                | Self::ScrollTop
                | Self::ScrollBottom
        )
    }

    /// Whether the program could not be used if no key were bound to it.
    pub fn is_essential(self) -> bool {
        matches!(self, Self::Submit | Self::Quit)
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
