//! What the rows of a conversation say: what it is, what it is doing, and what tells it from those
//! beside it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::api::Body;
use crate::inbox::{Conversation, ReplyContent, SentReply};
use crate::tui::marks::all_in_words;
use crate::tui::text::format::agent_name;
use crate::tui::text::one_line;
use crate::tui::transcript::block::TranscriptBlock;

/// Columns of what came last.
const LONGEST_NEWS: u16 = 60;
/// Columns of a prompt in which a word is looked for that tells it from another.
const LONGEST_PROMPT: u16 = 4_000;
/// Characters of the name of a thread that tell it from another.
const TAIL: usize = 4;

/// What is found out about a conversation, until there is something new in it.
#[derive(Debug)]
pub(super) struct About {
    /// When something had happened last, and how much was said by then.
    active: Timestamp,
    said: usize,
    is_loaded: bool,
    /// What came last.
    pub news: String,
    /// The beginning of what was asked first.
    prompt: String,
}

impl About {
    pub fn new(conversation: &Conversation) -> Self {
        let prompt = conversation.request().prompts().next();
        let prompt = prompt.map(|item| one_line(&item.text(), LONGEST_PROMPT));
        Self {
            active: conversation.last_activity,
            said: conversation.said().len(),
            is_loaded: conversation.is_loaded(),
            news: news(conversation),
            prompt: prompt.unwrap_or_default(),
        }
    }

    /// Whether it still says what is so.
    pub fn is_of(&self, conversation: &Conversation) -> bool {
        self.active == conversation.last_activity
            && self.said == conversation.said().len()
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

/// All words by which a conversation is looked for in the list.
pub(super) fn known(conversation: &Conversation) -> String {
    let directory = conversation.directory().unwrap_or_default();
    let agent = agent_name(&conversation.agent);
    format!(
        "{} {directory} {agent} {} {} {}",
        conversation.title(),
        conversation.request().model,
        assigned(conversation),
        all_in_words(conversation.marks())
    )
}

/// Whose it is in a study: the participant and the condition.
pub(in crate::tui) fn assigned(conversation: &Conversation) -> String {
    let Some(assigned) = &conversation.request().assigned else {
        return String::new();
    };
    let parts = [&assigned.participant, &assigned.condition].into_iter();
    let parts: Vec<&str> = parts.flatten().map(String::as_str).collect();
    parts.join(" ")
}

/// What came last: nothing where all there is is the title.
fn news(conversation: &Conversation) -> String {
    if let (
        Some(_),
        Some(SentReply {
            words: ReplyContent::Item(answer @ Body::Message { .. }),
            ..
        }),
    ) = (&conversation.automatic, conversation.said().last())
    {
        let text = answer.words();
        // The answer itself, where it stands in JSON.
        let json: Result<BTreeMap<String, String>, _> = serde_json::from_str(&text);
        let values = json.map(|fields| fields.into_values().collect::<Vec<_>>().join(", "));
        return one_line(&values.unwrap_or_else(|_| text.into_owned()), LONGEST_NEWS);
    }
    match conversation.newest() {
        Some(item) if conversation.is_continued() => {
            let block = TranscriptBlock::of_item(item, None);
            let detail = match block.detail.as_str() {
                "" => one_line(block.preview(), LONGEST_NEWS),
                detail => detail.to_owned(),
            };
            format!("{}: {detail}", block.label)
        }
        _ => String::new(),
    }
}

/// What tells each conversation from those whose titles look the same, where there are such: the
/// folder, the client, the model, a word of the prompt, or the end of the thread's name.
pub(super) fn distinctions(rows: &[(String, &Conversation, &About)]) -> Vec<String> {
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
                thread.map(|thread| tail(thread)).unwrap_or_default(),
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

/// The first words that are not the same in all of these texts.
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

fn tail(thread: &str) -> String {
    let skipped = thread.chars().count().saturating_sub(TAIL);
    format!("#{}", thread.chars().skip(skipped).collect::<String>())
}
