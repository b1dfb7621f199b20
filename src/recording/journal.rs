//! Recordings of what the journal has.

use super::{KeptReply, RecordedConversation, RecordedTurn, Recording};
use crate::api::Interner;
use crate::journal::{self, ReadError, Reader};
use crate::store::request_of;

/// A conversation of the journal; `None` if there is none of this number. Requests that cannot be read any
/// more, and those that the program answered by itself and will again, are left out.
///
/// # Errors
///
/// If the journal cannot be read.
pub fn of_journal(reader: &Reader, id: i64) -> Result<Option<Recording>, ReadError> {
    let Some(row) = reader.conversation(id)? else {
        return Ok(None);
    };
    let turns = match row.automatic {
        Some(_) => Vec::new(),
        None => reader.turns(id)?,
    };
    let said = reader.said(id)?;
    // What the requests have in common is held once.
    let interner = Interner::default();
    let mut recording = Recording {
        conversations: vec![RecordedConversation {
            id,
            agent: row.agent,
            title: row.title,
        }],
        turns: Vec::new(),
    };
    for (number, turn) in (1..).zip(turns) {
        let Some(row) = reader.turn(turn)? else {
            continue;
        };
        let Some(request) = request_of(&row, &interner) else {
            continue;
        };
        let own = said.iter().filter(|said| said.turn == turn);
        recording.turns.push(RecordedTurn {
            number,
            conversation: id,
            request,
            arrived: row.arrived,
            state: row.state,
            rows: own.filter_map(kept).collect(),
        });
    }
    Ok(Some(recording))
}

fn kept(said: &journal::Said) -> Option<KeptReply> {
    let words = serde_json::from_str(&said.words)
        .inspect_err(|error| tracing::warn!(%error, said.id, "what was said cannot be read"));
    Some(KeptReply {
        at: said.at,
        ticket: said.ticket,
        state: said.state,
        words: words.ok()?,
        typed: said.typed.clone(),
    })
}
