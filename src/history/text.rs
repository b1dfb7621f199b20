//! The text output of `humanllm history`.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ConversationRows, ListedConversation, SearchResult, TurnMarks, provenance};
use crate::api::{Assignment, Body, Interner};
use crate::inbox;
use crate::journal::{DecisionRow, ModelDraftRow, SaidState, TurnState};
use crate::plain;
use crate::rules::RuleAction;
use crate::store::LoadedConversation;
use crate::store::marks::describe;
use crate::tui::text::format::size;
use crate::tui::transcript::Transcript;

/// The width of the column with the agent's name; longer names are cut.
const AGENT_WIDTH: usize = 14;

pub(super) fn list(list: &[ListedConversation], zone: &TimeZone) -> String {
    match list {
        [] => "No conversations yet.\n".into(),
        _ => list.iter().map(|row| line(row, zone)).collect(),
    }
}

pub(super) fn found(found: &[SearchResult], zone: &TimeZone) -> String {
    if found.is_empty() {
        return "Nothing found.\n".into();
    }
    let lines = found.iter().map(|found| {
        let excerpt = plain::line(&found.hit.excerpt.text);
        format!("{}{:8}{excerpt}\n", line(&found.listed, zone), "")
    });
    lines.collect()
}

/// The transcript of the newest request and its reply, as the terminal interface shows it.
pub(super) fn show(mut whole: ConversationRows, zone: &TimeZone) -> String {
    let mut out = head(&whole, zone);
    let loaded = whole.newest.as_ref().and_then(|newest| {
        let (row, said) = (whole.listed.row.clone(), std::mem::take(&mut whole.said));
        LoadedConversation::of_rows(row, newest, said, &Interner::default())
    });
    let Some(loaded) = loaded else {
        out.push_str("\nNo request can be read; --raw shows what is there.\n");
        return out;
    };
    let asked = time(loaded.arrived, zone);
    let _ = writeln!(out, "\nNewest request, of {asked}:");
    let conversation = inbox::Conversation::of_loaded(loaded);
    let mut transcript = Transcript::default();
    transcript.sync(&conversation);
    let said = conversation.replies().len();
    let first_said = transcript.blocks().len().saturating_sub(said);
    for (index, block) in transcript.blocks().iter().enumerate() {
        let _ = write!(out, "\n── {}", plain::line(&block.label));
        // Items of the request have the time of the newest request, not the one when they were first sent.
        let at = block.at.filter(|_| index >= first_said);
        let at = at
            .map(|at| time(at.as_millisecond(), zone))
            .unwrap_or_default();
        let said = index.checked_sub(first_said);
        let said = said.and_then(|index| conversation.replies().get(index));
        let origin = said.map(|said| provenance::summary(&said.draft));
        for fact in [plain::line(&block.detail), at, origin.unwrap_or_default()] {
            if !fact.is_empty() {
                let _ = write!(out, " · {fact}");
            }
        }
        out.push('\n');
        let body = block.body();
        for line in body.lines() {
            // With a bar in front, so that no body line can pass for the heading of a block.
            let _ = writeln!(out, "│ {}", plain::line(line));
        }
    }
    push_draft(&mut out, &whole, zone);
    let newest = whole.newest.as_ref().map(|turn| turn.id);
    let of_newest = |turn: i64| Some(turn) == newest;
    let drafts = whole.model_drafts.iter();
    let decisions = whole.decisions.iter();
    push_model_drafts(&mut out, drafts.filter(|draft| of_newest(draft.turn)), zone);
    push_decisions(
        &mut out,
        decisions.filter(|decision| of_newest(decision.turn)),
        zone,
    );
    let earlier = |drafts: usize| match drafts {
        0 => String::new(),
        1 => "\n1 draft of a model to an earlier request; --raw shows it.\n".into(),
        drafts => format!("\n{drafts} drafts of models to earlier requests; --raw shows them.\n"),
    };
    let before = whole
        .model_drafts
        .iter()
        .filter(|draft| !of_newest(draft.turn));
    out.push_str(&earlier(before.count()));
    out
}

/// Appends drafts of models with their items.
fn push_model_drafts<'a>(
    out: &mut String,
    drafts: impl Iterator<Item = &'a ModelDraftRow>,
    zone: &TimeZone,
) {
    for draft in drafts {
        let _ = write!(
            out,
            "\n── draft {} of {} · {} · {}",
            draft.id,
            plain::line(&draft.model),
            time(draft.begun, zone),
            provenance::state(draft.state),
        );
        let _ = writeln!(
            out,
            "{} · {}",
            provenance::times(draft),
            provenance::fate(draft.fate)
        );
        for (name, words) in [("hint", &draft.hint), ("failure", &draft.failure)] {
            if let Some(words) = words {
                let _ = writeln!(out, "│ {name}: {}", plain::line(words));
            }
        }
        let items: Vec<Body> = serde_json::from_str(&draft.items).unwrap_or_default();
        let partial = draft.partial.as_deref();
        let partial = partial.and_then(|text| serde_json::from_str::<Body>(text).ok());
        for item in items.iter().chain(&partial) {
            for line in item.text().lines() {
                let _ = writeln!(out, "│ {}", plain::line(line));
            }
        }
    }
}

/// Appends decisions of rules, one line each.
fn push_decisions<'a>(
    out: &mut String,
    decisions: impl Iterator<Item = &'a DecisionRow>,
    zone: &TimeZone,
) {
    for (number, decision) in decisions.enumerate() {
        if number == 0 {
            out.push_str("\nDecided by rules:\n\n");
        }
        let action: Option<RuleAction> = serde_json::from_str(&decision.action).ok();
        let action = action.map_or_else(|| decision.action.clone(), |action| action.words());
        let waited = if decision.waited {
            "after its timeout, "
        } else {
            ""
        };
        let of = decision.draft.map(|draft| format!(" of draft {draft}"));
        let _ = writeln!(
            out,
            "{}  {}{}: {waited}{} ({})",
            time(decision.at, zone),
            plain::line(&decision.rule),
            of.unwrap_or_default(),
            plain::line(&action),
            plain::line(&decision.matched)
        );
    }
}

/// The header of a conversation: its id, title and properties.
fn head(whole: &ConversationRows, zone: &TimeZone) -> String {
    let ListedConversation { row, assigned } = &whole.listed;
    let mut out = format!("{}  {}\n\n", row.id, plain::line(&row.title));
    let mut fact = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<10}{}", plain::line(value));
    };
    fact("agent", &row.agent);
    match participant_and_condition(assigned) {
        whose if whose.is_empty() => {}
        whose => fact("study", &whose),
    }
    if let Some(thread) = &row.thread {
        fact("thread", thread);
    }
    if let Some(reason) = &row.automatic {
        fact("automatic", reason);
    }
    fact("begun", &time(row.begun, zone));
    fact("active", &time(row.active, zone));
    fact("state", state(row.state));
    fact("requests", &whole.turns.len().to_string());
    out
}

fn push_draft(out: &mut String, whole: &ConversationRows, zone: &TimeZone) {
    if let Some(draft) = &whole.draft {
        let at = time(draft.updated, zone);
        let text = crate::draft::Draft::from_json(&draft.body).text;
        let _ = write!(out, "\nDraft of {at}:\n\n{}\n", plain::lines(&text));
    }
}

pub(super) fn show_raw(whole: &ConversationRows, zone: &TimeZone) -> String {
    let mut out = head(whole, zone);
    if !whole.said.is_empty() {
        out.push_str("\nSaid:\n");
    }
    for said in &whole.said {
        let state = match said.state {
            SaidState::Sent => "sent",
            SaidState::Delivered => "delivered",
            SaidState::Undelivered => "not delivered",
        };
        let at = time(said.at, zone);
        let _ = write!(out, "\n{at}  {state}\n{}\n", plain::lines(&said.typed));
    }
    if let Some(draft) = &whole.draft {
        let at = time(draft.updated, zone);
        let _ = write!(out, "\nDraft of {at}:\n\n{}\n", plain::lines(&draft.body));
    }
    push_model_drafts(&mut out, whole.model_drafts.iter(), zone);
    push_decisions(&mut out, whole.decisions.iter(), zone);
    if let Some(turn) = &whole.newest {
        let at = time(turn.arrived, zone);
        let _ = write!(out, "\nItems of the newest request, of {at}:\n\n");
        for item in &turn.items {
            out.push_str(&plain::lines(&item.text));
            out.push('\n');
        }
    }
    out
}

pub(super) fn delete_question(to_delete: &[ListedConversation]) -> String {
    let mut out = String::from("Delete for good:\n");
    for ListedConversation { row, .. } in to_delete {
        let _ = writeln!(out, "{:>6}  {}", row.id, plain::line(&row.title));
    }
    out.push_str("Are you sure? [y/N] ");
    out
}

pub(super) fn deleted(number: usize) -> String {
    match number {
        1 => "Deleted 1 conversation.\n".into(),
        _ => format!("Deleted {number} conversations.\n"),
    }
}

/// The marks of a conversation and its turns, one line each.
pub(super) fn marks(marks: &TurnMarks) -> String {
    let row = &marks.listed.row;
    let mut out = format!("{:>6}  {}\n", row.id, plain::line(&row.title));
    if marks.marks.is_empty() {
        out.push_str("        Nothing is said of it.\n");
    }
    for (number, mark) in &marks.marks {
        let what = match number {
            Some(number) => format!("turn {number}"),
            None => "conversation".into(),
        };
        let _ = writeln!(out, "{:8}{what}: {}", "", plain::line(&describe(mark)));
    }
    out
}

pub(super) fn compacted(before: u64, after: u64) -> String {
    let [before, after] = [before, after].map(|bytes| size(usize::try_from(bytes).unwrap_or(0)));
    format!("The journal had {before} and has {after} now.\n")
}

fn line(ListedConversation { row, assigned }: &ListedConversation, zone: &TimeZone) -> String {
    let whose = match participant_and_condition(assigned) {
        whose if whose.is_empty() => whose,
        whose => format!("  ({})", plain::line(&whose)),
    };
    let agent: String = plain::line(&row.agent).chars().take(AGENT_WIDTH).collect();
    format!(
        "{:>6}  {}  {agent:<AGENT_WIDTH$}  {:<11}  {}{whose}\n",
        row.id,
        time(row.active, zone),
        state(row.state),
        plain::line(&row.title)
    )
}

/// Participant and condition, separated by a space.
fn participant_and_condition(assigned: &Assignment) -> String {
    let parts = [&assigned.participant, &assigned.condition].into_iter();
    let parts: Vec<&str> = parts.flatten().map(String::as_str).collect();
    parts.join(" ")
}

pub(super) fn state(state: TurnState) -> &'static str {
    match state {
        TurnState::Waiting => "waiting",
        TurnState::Answered => "answered",
        TurnState::Gone => "client gone",
    }
}

pub(super) fn time(milliseconds: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MIN);
    let at = zone.to_datetime(at);
    format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute())
}
