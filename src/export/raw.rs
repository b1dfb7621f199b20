//! The rows of the journal as JSON Lines: one for each request, byte for byte, and one for each reply,
//! draft and decision. `humanllm replay` reads them; [`crate::recording`] documents the format.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::atif::{draft_state, fate, mark_json, time};
use super::study::ConversationStudy;
use super::{ExportError, ExportRun};
use crate::api::Format;
use crate::journal::{
    ConversationRow, DecisionRow, JournalReader, MarkRow, ModelDraftRow, ReadError, SaidRow,
    TurnRow,
};
use crate::recording::line::{
    ConversationDetails, ConversationLine, RecordingLine, RequestLine, SaidLine, json_or_text,
    timestamp,
};
use crate::store;

/// Writes the lines of a conversation.
pub(super) fn lines(
    reader: &JournalReader,
    id: i64,
    run: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let Some(row) = reader.conversation(id)? else {
        return Ok(());
    };
    let marks = reader.marks(id)?;
    let of = |turn: Option<i64>| marks.iter().find(|mark| mark.turn == turn);
    let mut study = ConversationStudy::of(reader, id)?;
    let head = conversation_of(&row, &study, of(None));
    write(run, written(&head))?;
    let mut said = reader.said(id)?.into_iter().peekable();
    let mut drafts = Paged::new(|after| reader.model_drafts(id, after, 64), |row| row.id);
    let mut decisions = Paged::new(|after| reader.decisions(id, after, 64), |row| row.id);
    let turns = reader.turns(id)?;
    // Rows are in the order of their turns: concurrent requests may be answered in another order.
    let number_of = |turn: i64| turns.partition_point(|known| *known < turn) + 1;
    let is_out = |turn: i64| of(Some(turn)).is_some_and(|mark| mark.excluded);
    for turn in turns.iter().copied() {
        run.step()?;
        let row = if is_out(turn) {
            None
        } else {
            reader.turn(turn)?
        };
        if let Some(row) = row {
            run.report.turns += 1;
            let request = request_of(&row, number_of(turn), &mut study, of(Some(turn)));
            run.report.unreadable += u64::from(request.body.is_none());
            write(run, written(&RecordingLine::Request(Box::new(request))))?;
        }
        while let Some(row) = said.next_if(|row| row.turn <= turn) {
            if !is_out(row.turn) {
                write(run, written(&said_of(&row, number_of(row.turn))))?;
            }
        }
        while let Some(row) = drafts.next_of(|row| row.turn <= turn)? {
            if !is_out(row.turn) {
                write(run, draft_of(&row, number_of(row.turn)).to_string())?;
            }
        }
        while let Some(row) = decisions.next_of(|row| row.turn <= turn)? {
            if !is_out(row.turn) {
                write(run, decision_of(&row, number_of(row.turn)).to_string())?;
            }
        }
    }
    Ok(())
}

fn conversation_of(
    row: &ConversationRow,
    study: &ConversationStudy,
    mark: Option<&MarkRow>,
) -> RecordingLine {
    let more = ConversationDetails {
        begun: timestamp(row.begun),
        active: timestamp(row.active),
        state: Some(row.state.into()),
        thread: row.thread.clone(),
        automatic: row.automatic.clone(),
        assigned: study.assigned.clone(),
        mark: mark.map(|mark| Value::Object(mark_json(mark))),
    };
    ConversationLine::line(row.id, &row.title, &row.agent, Some(more))
}

fn request_of(
    row: &TurnRow,
    number: usize,
    study: &mut ConversationStudy,
    mark: Option<&MarkRow>,
) -> RequestLine {
    let (body, context) = store::body_and_context(row).unzip();
    let study = study.take(row.id);
    RequestLine {
        conversation: row.conversation,
        turn: number,
        at: timestamp(row.arrived),
        format: Format::of_number(row.format).into(),
        state: row.state.into(),
        body,
        context: context.unwrap_or_default(),
        assigned: study.assigned,
        phase: study.phase,
        mark: mark.map(|mark| Value::Object(mark_json(mark))),
    }
}

fn said_of(row: &SaidRow, number: usize) -> RecordingLine {
    RecordingLine::Said(SaidLine {
        conversation: row.conversation,
        turn: number,
        at: timestamp(row.at),
        delivery: row.state.into(),
        ticket: row.ticket,
        words: json_or_text(&row.words),
        typed: json_or_text(&row.typed),
    })
}

/// Serializes a line. Strings, numbers and JSON values always serialize.
fn written(line: &RecordingLine) -> String {
    serde_json::to_string(line).unwrap_or_default()
}

fn draft_of(row: &ModelDraftRow, number: usize) -> Value {
    json!({"type": "draft", "conversation": row.conversation, "turn": number, "draft": row.id,
        "model": row.model, "hint": row.hint, "begun": time(row.begun),
        "first_word": row.first.map(time), "ended": row.ended.map(time),
        "state": draft_state(row.state), "failure": row.failure, "items": json_or_text(&row.items),
        "partial": row.partial.as_deref().map(json_or_text), "usage": row.usage.as_deref().map(json_or_text),
        "sent": row.sent, "fate": fate(row.fate)})
}

fn decision_of(row: &DecisionRow, number: usize) -> Value {
    json!({"type": "decision", "conversation": row.conversation, "turn": number,
        "at": time(row.at), "rule": row.rule, "matched": row.matched,
        "action": json_or_text(&row.action), "waited": row.waited, "draft": row.draft})
}

/// Rows that are read page by page, by ascending id.
struct Paged<T, F, I> {
    read: F,
    id: I,
    page: VecDeque<T>,
    after: i64,
    is_over: bool,
}

impl<T, F, I> Paged<T, F, I>
where
    F: Fn(i64) -> Result<Vec<T>, ReadError>,
    I: Fn(&T) -> i64,
{
    fn new(read: F, id: I) -> Self {
        Self {
            read,
            id,
            page: VecDeque::new(),
            after: 0,
            is_over: false,
        }
    }

    /// Takes the next row if `is_meant` accepts it.
    fn next_of(&mut self, is_meant: impl Fn(&T) -> bool) -> Result<Option<T>, ExportError> {
        if self.page.is_empty() && !self.is_over {
            self.page = (self.read)(self.after)?.into();
            self.is_over = self.page.is_empty();
            self.after = self.page.back().map_or(self.after, &self.id);
        }
        Ok(if self.page.front().is_some_and(is_meant) {
            self.page.pop_front()
        } else {
            None
        })
    }
}
