//! Recordings of what the journal has.

use serde_json::Value;

use super::{Conversation, Recording, Said, Turn};
use crate::api::{Body, Ending, FailureCode, Interner, Reply};
use crate::draft::Draft;
use crate::inbox::Words;
use crate::journal::{self, ReadError, Reader, State};
use crate::store::request_of;

/// A conversation of the journal; `None` if there is none of this number. Requests that cannot be read any
/// more are left out.
///
/// # Errors
///
/// If the journal cannot be read.
pub fn of_journal(reader: &Reader, id: i64) -> Result<Option<Recording>, ReadError> {
    let Some(row) = reader.conversation(id)? else {
        return Ok(None);
    };
    let said = reader.said(id)?;
    // What the requests have in common is held once.
    let interner = Interner::default();
    let mut recording = Recording {
        conversations: vec![Conversation {
            id,
            agent: row.agent,
            title: row.title,
        }],
        turns: Vec::new(),
    };
    for turn in reader.turns(id)? {
        let Some(row) = reader.turn(turn)? else {
            continue;
        };
        let Some(request) = request_of(&row, &interner) else {
            continue;
        };
        let own: Vec<&journal::Said> = said.iter().filter(|said| said.turn == turn).collect();
        recording.turns.push(Turn {
            id: turn,
            conversation: id,
            request,
            arrived: row.arrived,
            said: replies(&own, row.state == State::Answered, row.arrived),
            gone: row.state == State::Gone,
        });
    }
    Ok(Some(recording))
}

/// What was said to a request, from its rows: all that left with one reply has the ticket of that.
fn replies(rows: &[&journal::Said], is_answered: bool, arrived: i64) -> Vec<Said> {
    let mut replies: Vec<Said> = Vec::new();
    for group in rows.chunk_by(|one, other| one.ticket == other.ticket) {
        let mut items = Vec::new();
        let mut ending = None;
        let mut closes_live = false;
        let mut at = arrived;
        for row in group {
            at = at.max(row.at);
            match serde_json::from_str(&row.words) {
                Ok(Words::Item(item)) => match live(row, &item).filter(|_| items.is_empty()) {
                    Some(lines) => {
                        replies.extend(lines);
                        closes_live = true;
                    }
                    None => items.push(item),
                },
                Ok(Words::Live(text, phase)) => replies.extend(lines(row.at, &text, phase)),
                Ok(Words::Rejection(message)) => {
                    let code = FailureCode::InvalidPrompt;
                    ending = Some(Ending::Failed { code, message });
                }
                Err(error) => tracing::warn!(%error, row.id, "what was said cannot be read"),
            }
        }
        let reply = match ending {
            Some(ending) => Reply::End { items, ending },
            None if items.is_empty() && !closes_live => continue,
            None => Reply::Items(items),
        };
        replies.push(Said { at, reply });
    }
    if is_answered {
        end(&mut replies, arrived);
    }
    replies
}

/// The last reply to what was answered ended the response, which its row does not say.
fn end(replies: &mut Vec<Said>, arrived: i64) {
    let ending = Ending::Completed;
    match replies.last_mut() {
        Some(last) if last.reply.ends() => {}
        Some(Said {
            reply: reply @ Reply::Items(_),
            ..
        }) => {
            let items = reply.items().to_vec();
            *reply = Reply::End { items, ending };
        }
        last => {
            let at = last.map_or(arrived, |last| last.at);
            let items = Vec::new();
            let reply = Reply::End { items, ending };
            replies.push(Said { at, reply });
        }
    }
}

/// The lines of a message that was typed live.
fn live(row: &journal::Said, item: &Body) -> Option<Vec<Said>> {
    let phase = item.phase()?;
    // Most rows are not worth the reading of all of them.
    let is_live = || {
        let typed: Option<Value> = serde_json::from_str(&row.typed).ok();
        typed.is_some_and(|typed| typed["live"] == true) && Draft::from_json(&row.typed).live
    };
    let text = item.words();
    is_live().then(|| lines(row.at, &text, phase))
}

/// Each line left when it was ended. Only of the first is it known when.
fn lines(at: i64, text: &str, phase: crate::api::Phase) -> Vec<Said> {
    let lines = text.split_inclusive('\n');
    let live = lines.map(|line| Reply::Live {
        delta: line.to_owned(),
        phase,
    });
    live.map(|reply| Said { at, reply }).collect()
}
