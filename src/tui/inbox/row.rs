//! The content of a conversation's rows: a summary, and what distinguishes it from others with the
//! same title.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::api::Body;
use crate::inbox::{Conversation, ReplyContent, SentReply, Status};
use crate::tui::marks::marks_in_words;
use crate::tui::text::format::{agent_name, elapsed, elapsed_seconds};
use crate::tui::text::one_line;
use crate::tui::transcript::block::TranscriptBlock;

/// The most columns of the latest item.
const MAX_LATEST_COLUMNS: u16 = 60;
/// Columns of a prompt that are searched for a word that distinguishes it from another.
const MAX_PROMPT_COLUMNS: u16 = 4_000;
/// Characters at the end of a thread's ID that are shown to distinguish it from another.
const TAIL: usize = 4;

/// A cached summary of a conversation, valid until there is something new in it.
#[derive(Debug)]
pub(super) struct RowSummary {
    /// The last activity, and the number of replies by then.
    active: Timestamp,
    said: usize,
    is_loaded: bool,
    /// The latest item, in words.
    pub latest: String,
    /// The beginning of the first prompt.
    prompt: String,
}

impl RowSummary {
    pub(super) fn new(conversation: &Conversation) -> Self {
        let prompt = conversation.request().prompts().next();
        let prompt = prompt.map(|item| one_line(&item.text(), MAX_PROMPT_COLUMNS));
        Self {
            active: conversation.last_activity,
            said: conversation.replies().len(),
            is_loaded: conversation.is_loaded(),
            latest: latest(conversation),
            prompt: prompt.unwrap_or_default(),
        }
    }

    /// Whether it is still valid.
    pub(super) fn is_current(&self, conversation: &Conversation) -> bool {
        self.active == conversation.last_activity
            && self.said == conversation.replies().len()
            && self.is_loaded == conversation.is_loaded()
    }
}

/// The name of the folder that the agent works in.
pub(in crate::tui) fn folder(conversation: &Conversation) -> &str {
    let path = conversation.directory().unwrap_or_default();
    let names = path.rsplit(['/', '\\']);
    names
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or(path)
}

/// The status of a conversation, as text.
pub(in crate::tui) fn status_words(conversation: &Conversation, now: Timestamp) -> String {
    match conversation.status() {
        Status::Waiting { since } => {
            let behind = match conversation.waiting() {
                0 | 1 => String::new(),
                n => format!(" (+{} behind)", n - 1),
            };
            format!("waiting {}{behind}", elapsed(since, now))
        }
        Status::Answered => match (&conversation.automatic, conversation.refused_retries()) {
            (Some(_), _) => "auto-answered".into(),
            (None, 0) => "answered".into(),
            (None, n) => format!("refused again ×{n}"),
        },
        Status::ClientGone => "client gone".into(),
    }
}

/// How long the client of a conversation still waits, if it has said so: in seconds, and as text.
pub(in crate::tui) fn time_left(
    conversation: &Conversation,
    now: Timestamp,
) -> Option<(u64, String)> {
    let Status::Waiting { since } = conversation.status() else {
        return None;
    };
    let patience = conversation.request().gives_up_after()?;
    let until = since.checked_add(patience).ok()?;
    Some(match elapsed_seconds(now, until) {
        0 => (0, "out of time".into()),
        seconds => (seconds, format!("{} left", elapsed(now, until))),
    })
}

/// The text that the filter of the list matches against.
pub(super) fn searchable_text(conversation: &Conversation) -> String {
    let directory = conversation.directory().unwrap_or_default();
    let agent = agent_name(&conversation.agent);
    format!(
        "{} {directory} {agent} {} {} {}",
        conversation.title(),
        conversation.request().model,
        study_assignment(conversation),
        marks_in_words(conversation.marks())
    )
}

/// The participant and the condition of a conversation in a study; empty outside of one.
pub(in crate::tui) fn study_assignment(conversation: &Conversation) -> String {
    let Some(assigned) = &conversation.request().assignment else {
        return String::new();
    };
    let parts = [&assigned.participant, &assigned.condition].into_iter();
    let parts: Vec<&str> = parts.flatten().map(String::as_str).collect();
    parts.join(" ")
}

/// The latest item in words; empty if there is nothing besides the prompt that is the title.
fn latest(conversation: &Conversation) -> String {
    if let (
        Some(_),
        Some(SentReply {
            content: ReplyContent::Item(answer @ Body::Message { .. }),
            ..
        }),
    ) = (&conversation.automatic, conversation.replies().last())
    {
        let text = answer.words();
        // Of a JSON answer, show the values.
        let json: Result<BTreeMap<String, String>, _> = serde_json::from_str(&text);
        let values = json.map(|fields| fields.into_values().collect::<Vec<_>>().join(", "));
        return one_line(
            &values.unwrap_or_else(|_| text.into_owned()),
            MAX_LATEST_COLUMNS,
        );
    }
    match conversation.newest_item() {
        Some(item) if conversation.is_continued() => {
            let block = TranscriptBlock::of_item(item, None);
            let detail = match block.detail.as_str() {
                "" => one_line(block.preview(), MAX_LATEST_COLUMNS),
                detail => detail.to_owned(),
            };
            format!("{}: {detail}", block.label)
        }
        _ => String::new(),
    }
}

/// What distinguishes each conversation from others with the same title, empty if there are none: the
/// folder, the client, the model, a word of the prompt, or the end of the thread's ID.
pub(super) fn distinctions(rows: &[(String, &Conversation, &RowSummary)]) -> Vec<String> {
    let mut alike: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, (title, ..)) in rows.iter().enumerate() {
        alike.entry(title).or_default().push(at);
    }
    let mut found = vec![String::new(); rows.len()];
    for group in alike.into_values().filter(|group| group.len() > 1) {
        let prompts = group.iter().map(|at| rows[*at].2.prompt.as_str());
        let words = differing_words(&prompts.collect::<Vec<_>>());
        let traits = |place: usize| {
            let (_, conversation, _) = rows[group[place]];
            let request = conversation.request();
            let thread = request.thread.as_ref().or(request.chain.as_ref());
            [
                folder(conversation).to_owned(),
                agent_name(&conversation.agent).to_owned(),
                request.model.clone(),
                words[place].clone(),
                thread.map(|thread| thread_tail(thread)).unwrap_or_default(),
            ]
        };
        let traits: Vec<[String; 5]> = (0..group.len()).map(traits).collect();
        let mut chosen: Vec<Vec<&str>> = vec![Vec::new(); group.len()];
        for place in 0..5 {
            if traits.iter().all(|own| own[place] == traits[0][place]) {
                continue;
            }
            for (own, chosen) in traits.iter().zip(&mut chosen) {
                chosen.push(&own[place]);
            }
            if chosen.iter().collect::<HashSet<_>>().len() == chosen.len() {
                break;
            }
        }
        for (at, mut own) in group.into_iter().zip(chosen) {
            own.retain(|words| !words.is_empty());
            found[at] = own.join(" ");
        }
    }
    found
}

/// The first word of each text that is not the same in all of them.
fn differing_words(texts: &[&str]) -> Vec<String> {
    let mut words: Vec<_> = texts.iter().map(|text| text.split_whitespace()).collect();
    loop {
        let next: Vec<Option<&str>> = words.iter_mut().map(Iterator::next).collect();
        if next.iter().any(|word| *word != next[0]) {
            let shown = |word: Option<&str>| word.map_or(String::new(), |word| format!("…{word}"));
            return next.into_iter().map(shown).collect();
        }
        if next.iter().all(Option::is_none) {
            return vec![String::new(); texts.len()];
        }
    }
}

fn thread_tail(thread: &str) -> String {
    let skipped = thread.chars().count().saturating_sub(TAIL);
    format!("#{}", thread.chars().skip(skipped).collect::<String>())
}
