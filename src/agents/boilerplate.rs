//! Tells what an agent added to a conversation by itself from what its user asked.

use std::sync::Arc;

use super::{ALL, KnownAgent, drafts, title};
use crate::api::{ContentPart, Format, Item, Purpose, Request, is_block};

/// Most items at the beginning that may be example turns.
const MAX_EXAMPLE_ITEMS: usize = 24;

impl Item {
    /// Whether an agent put this into the conversation by itself: instructions of the system or
    /// the developer, and user messages that are nothing but one XML-like block, such as Codex's
    /// `<environment_context>`, or that begin as those of its agent do.
    pub(crate) fn is_boilerplate(&self) -> bool {
        let content = self.content();
        match self.role() {
            Some("system" | "developer") => true,
            Some("user") => {
                !content.is_empty()
                    && content.iter().all(|part| match part {
                        ContentPart::Text(text) => is_block(text) || is_context(text),
                        _ => false,
                    })
            }
            _ => false,
        }
    }

    /// Whether it is nothing but blocks in tags.
    pub(crate) fn is_tagged(&self) -> bool {
        let mut texts = self.content().iter().map(ContentPart::words);
        texts.all(|text| text.is_some_and(is_block))
    }

    /// Whether a person asked this: a user message that is not boilerplate.
    pub(crate) fn is_prompt(&self) -> bool {
        self.role() == Some("user") && !self.is_boilerplate()
    }

    /// Whether it is a message of an agent's own that an invented answer of the model follows, such
    /// as "Ok.".
    fn is_confirmed_context(&self) -> bool {
        let first = self.content().first().and_then(ContentPart::words);
        self.role() == Some("user") && first.is_some_and(is_confirmed)
    }
}

/// Whether a text begins like one that an agent adds to conversations.
fn is_context(text: &str) -> bool {
    has_agent_prefix(text, |agent| agent.context_openings) || is_confirmed(text)
}

/// Whether a text begins like one that an agent has an invented answer confirm.
fn is_confirmed(text: &str) -> bool {
    has_agent_prefix(text, |agent| agent.confirmed_openings)
}

fn has_agent_prefix(text: &str, beginnings: fn(&KnownAgent) -> &'static [&'static str]) -> bool {
    let text = text.trim_start();
    let begins = |own: &&str| text.starts_with(own);
    ALL.iter().any(|agent| beginnings(agent).iter().any(begins))
}

/// The turns that an agent invented: example turns at the beginning, and answers that confirm its
/// own messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InventedTurns {
    /// How many items at the beginning are examples, or stand before them.
    examples: usize,
}

impl InventedTurns {
    /// The invented turns of a request. Items of the Responses API are not parsed for this: agents
    /// that use it are not known to invent turns.
    pub(crate) fn of(request: &Request) -> Self {
        if !matches!(request.format, Format::Chat | Format::Messages) {
            return Self::default();
        }
        let begin = request.items.iter().take(MAX_EXAMPLE_ITEMS);
        let ends = |item: &&Arc<Item>| {
            let first = item.content().first().and_then(ContentPart::words);
            let begins = |end: &str| first.is_some_and(|text| text.starts_with(end));
            let mut ends = ALL.iter().filter_map(|agent| agent.examples_end);
            item.role() == Some("user") && ends.any(begins)
        };
        let end = begin.collect::<Vec<_>>().iter().rposition(ends);
        Self {
            examples: end.map_or(0, |end| end + 1),
        }
    }

    /// Whether an agent added the item at this index by itself.
    pub(crate) fn contains(self, items: &[Arc<Item>], index: usize) -> bool {
        let Some(item) = items.get(index) else {
            return false;
        };
        let before = index.checked_sub(1).and_then(|before| items.get(before));
        index < self.examples
            || item.is_boilerplate()
            || (item.role() == Some("assistant")
                && before.is_some_and(|item| item.is_confirmed_context()))
    }
}

/// The title that a prompt gives, on one line.
pub(crate) fn prompt_title(prompt: &Item) -> String {
    title::title(&prompt.text())
}

impl Request {
    /// The prompts of the user, oldest first.
    pub fn prompts(&self) -> impl DoubleEndedIterator<Item = &Arc<Item>> {
        let prompts = self.with_prompts().filter(|(_, is_prompt)| *is_prompt);
        prompts.map(|(item, _)| item)
    }

    /// All items, each with whether it is a prompt of the user.
    pub(crate) fn with_prompts(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&Arc<Item>, bool)> + ExactSizeIterator {
        let items = &self.items;
        let opening = InventedTurns::of(self);
        let with = move |(index, item): (usize, _)| {
            let item: &Arc<Item> = item;
            (item, item.is_prompt() && !opening.contains(items, index))
        };
        items.iter().enumerate().map(with)
    }

    /// Whether the model has not answered yet, apart from invented turns.
    pub(crate) fn is_beginning(&self) -> bool {
        let opening = InventedTurns::of(self);
        let mut items = self.items.iter().enumerate();
        !items.any(|(index, item)| item.is_from_model() && !opening.contains(&self.items, index))
    }

    /// The title of the conversation: the first words of the first prompt on one line, or for
    /// errands what they are for.
    pub fn title(&self) -> String {
        let words = self.purpose.words();
        match self.purpose {
            Purpose::Turn | Purpose::Summary => {}
            Purpose::Title | Purpose::Probe => return words.to_owned(),
            Purpose::CommitMessage => {
                let draft = drafts(self).into_iter().next();
                return format!("{words}: {}", draft.unwrap_or_default());
            }
            // What is asked about comes last in what was done, and how to answer may stand below.
            Purpose::PermissionCheck => {
                let asked = self.prompts().next_back().map(|item| item.text());
                let asked = asked.unwrap_or_default();
                let done = asked.split_once("</transcript>");
                let done = done.map_or(asked.as_str(), |(done, _)| done);
                return format!("{words}: {}", title::last_line_title(done));
            }
        }
        let prompt = self.prompts().next().or(self.items.first());
        prompt.map_or_else(String::new, |item| prompt_title(item))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Interner;

    #[test]
    fn tells_prompts_from_what_agents_add() {
        let boilerplate = |role, text| Item::message(role, text).is_boilerplate();
        assert!(boilerplate("developer", "You are a coding agent"));
        assert!(boilerplate("system", "Be brief"));
        assert!(boilerplate(
            "user",
            "<environment_context>\n <cwd>/</cwd>\n</environment_context>"
        ));
        assert!(boilerplate(
            "user",
            "<permissions instructions>\nno\n</permissions instructions>\n"
        ));
        assert!(boilerplate("user", "# AGENTS.md instructions for /src\n…"));
        assert!(!boilerplate("user", "hello"));
        assert!(!boilerplate("user", "<div>why is this not centred?</div>"));
        assert!(!boilerplate("user", "<a_b> is that a tag?"));
        assert!(!boilerplate("assistant", "<a_b></a_b>"));
    }

    fn folded(format: Format, body: Value) -> (Vec<String>, String) {
        let request = format
            .parse(body.to_string().as_bytes(), &Interner::default())
            .unwrap();
        let opening = InventedTurns::of(&request);
        let items = request.items.iter().enumerate();
        let open = items.filter(|(index, _)| !opening.contains(&request.items, *index));
        let open = open.map(|(_, item)| item.text()).collect();
        (open, request.title())
    }

    #[test]
    fn made_up_turns_and_reminders_are_no_part_of_what_was_asked() {
        let message = |role: &str, text: &str| json!({"role": role, "content": text});
        let aider = json!({"model": "m", "messages": [
            message("system", "Act as an expert developer."),
            message("user", "Turn the greeting into a function"),
            message("assistant", "greet.py\n```\n…\n```"),
            message("user", "I switched to a new code base. Forget what was above."),
            message("assistant", "Ok."),
            message("user", "Add a test"),
            message("assistant", "Done: test_a.py"),
            message("user", "I have *added these files to the chat* so you can edit them.\na.py"),
            message("assistant", "Ok, any changes I propose will be to those files."),
            message("user", "Now remove it\n\nAnswer with blocks only."),
        ]});
        let (open, title) = folded(Format::Chat, aider);
        assert_eq!(
            open,
            [
                "Add a test",
                "Done: test_a.py",
                "Now remove it\n\nAnswer with blocks only."
            ]
        );
        assert_eq!(title, "Add a test");

        let qwen = json!({"model": "m", "messages": [
            message("system", "You are Qwen Code."),
            {"role": "user", "content": [{"type": "text",
                "text": "This is the Qwen Code. We are setting up the context for our chat.\n…"}]},
            message("assistant", "Got it. Thanks for the context!"),
            {"role": "user", "content": [{"type": "text", "text": "List the files"}]},
            message("assistant", "There are none."),
        ]});
        let begun = json!({"model": "m", "messages": qwen["messages"].as_array().unwrap()[..4]});
        let is_beginning = |body: &Value| {
            let body = body.to_string();
            let request = Format::Chat.parse(body.as_bytes(), &Interner::default());
            request.unwrap().is_beginning()
        };
        assert!(is_beginning(&begun) && !is_beginning(&qwen));
        let (open, title) = folded(Format::Chat, qwen);
        assert_eq!(open, ["List the files", "There are none."]);
        assert_eq!(title, "List the files");

        // What answers a summary is the person's own.
        let compacted = "This session is being continued from a previous conversation.\n…";
        for context in [compacted, "# AGENTS.md instructions for /src\n…"] {
            let body = json!({"model": "m", "messages": [
                message("user", context),
                message("assistant", "It is a.rs."),
                message("user", "Fix it")]});
            let (open, _) = folded(Format::Chat, body);
            assert_eq!(open, ["It is a.rs.", "Fix it"]);
        }

        let claude = json!({"model": "m", "max_tokens": 9, "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"},
            {"type": "text", "text": "You are Claude Code."}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "<system-reminder>\nIt is Tuesday\n</system-reminder>\n"},
                    {"type": "text", "text": "<local-command-stdout>x</local-command-stdout>"},
                    {"type": "text", "text": "Fix the parser", "cache_control": {"type": "ephemeral"}}]},
                message("system", "Available agents: none")]});
        let (open, title) = folded(Format::Messages, claude);
        assert_eq!(
            (open.as_slice(), title.as_str()),
            (["Fix the parser".to_owned()].as_slice(), "Fix the parser")
        );
    }
}
