//! Makes recordings of conversations in the journal.

use super::{JournalReply, RecordedConversation, RecordedTurn, Recording};
use crate::journal::{self, JournalReader, ReadError};
use crate::store::PastTurns;

/// The recording of a conversation; `None` if there is none with this id. Requests that cannot be read are
/// left out, and so are automatic conversations, whose requests the program answers itself in a replay too.
///
/// # Errors
///
/// If the journal cannot be read.
pub(crate) fn of_journal(reader: &JournalReader, id: i64) -> Result<Option<Recording>, ReadError> {
    let Some(row) = reader.conversation(id)? else {
        return Ok(None);
    };
    let is_automatic = row.automatic.is_some();
    let mut recording = Recording {
        conversations: vec![RecordedConversation {
            id,
            agent: row.agent,
            title: row.title,
        }],
        turns: Vec::new(),
    };
    if is_automatic {
        return Ok(Some(recording));
    }
    let said = reader.said(id)?;
    for turn in PastTurns::of(reader, id)? {
        let turn = turn?;
        let Some(request) = turn.request else {
            continue;
        };
        let own = said.iter().filter(|said| said.turn == turn.id);
        recording.turns.push(RecordedTurn {
            number: turn.number,
            conversation: id,
            request,
            arrived: turn.arrived,
            state: turn.state,
            rows: own.filter_map(journal_reply).collect(),
        });
    }
    Ok(Some(recording))
}

fn journal_reply(said: &journal::SaidRow) -> Option<JournalReply> {
    let words = serde_json::from_str(&said.words)
        .inspect_err(|error| tracing::warn!(%error, said.id, "what was said cannot be read"));
    Some(JournalReply {
        at: said.at,
        ticket: said.ticket,
        state: said.state,
        content: words.ok()?,
        typed: said.typed.clone(),
    })
}
