//! Turns rows of the journal back into the replies that were sent.

use super::{JournalReply, RecordedReply};
use crate::api::{Ending, FailureCode, Phase, Reply};
use crate::draft::Draft;
use crate::inbox::ReplyContent;

/// The replies to a request that arrived at a time, in milliseconds since 1970.
pub(super) fn sent_replies(
    rows: &[JournalReply],
    is_answered: bool,
    arrived: i64,
) -> Vec<RecordedReply> {
    let mut replies: Vec<RecordedReply> = Vec::new();
    for group in rows.chunk_by(|one, other| one.ticket == other.ticket) {
        add_group(group, arrived, &mut replies);
    }
    if is_answered {
        end_response(&mut replies, arrived);
    }
    replies
}

/// Adds the reply of rows with one ticket, after the lines of it that were sent live.
fn add_group(group: &[JournalReply], arrived: i64, replies: &mut Vec<RecordedReply>) {
    let (mut items, mut ending, mut ends_live) = (Vec::new(), None, false);
    let mut at = arrived;
    for row in group {
        at = at.max(row.at);
        match &row.content {
            ReplyContent::Live(text, phase) => replies.extend(live_lines(row.at, text, *phase)),
            ReplyContent::Rejection(message) => {
                ending = Some(Ending::Failed {
                    code: FailureCode::InvalidPrompt,
                    message: message.clone(),
                });
            }
            ReplyContent::Item(item) => match item.phase() {
                // Only the first item can have been sent live.
                Some(phase) if items.is_empty() && is_live(row) => {
                    replies.extend(live_lines(row.at, &item.words(), phase));
                    ends_live = true;
                }
                _ => items.push(item.clone()),
            },
        }
    }
    let reply = match ending {
        Some(ending) => Reply::End { items, ending },
        None if items.is_empty() && !ends_live => return,
        None => Reply::Items(items),
    };
    replies.push(RecordedReply { at, reply });
}

/// Makes the last reply end the response.
fn end_response(replies: &mut Vec<RecordedReply>, arrived: i64) {
    let ending = Ending::Completed;
    let at = match replies.last_mut() {
        Some(last) if last.reply.ends() => return,
        Some(last) if matches!(last.reply, Reply::Items(_)) => {
            let items = last.reply.items().to_vec();
            last.reply = Reply::End { items, ending };
            return;
        }
        last => last.map_or(arrived, |last| last.at),
    };
    let items = Vec::new();
    let reply = Reply::End { items, ending };
    replies.push(RecordedReply { at, reply });
}

/// Whether a message was sent live, line by line.
fn is_live(row: &JournalReply) -> bool {
    // A quick check first, because most are not live.
    row.typed.contains("\"live\"") && Draft::from_json(&row.typed).live
}

/// The lines of a live message as single replies. All get the time of the first, which is the only one that
/// is known.
fn live_lines(at: i64, text: &str, phase: Phase) -> Vec<RecordedReply> {
    let lines = text.split_inclusive('\n');
    let live = lines.map(|line| Reply::Live {
        delta: line.to_owned(),
        phase,
    });
    live.map(|reply| RecordedReply { at, reply }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Body;
    use crate::journal::SaidState;

    fn row(at: i64, ticket: i64, words: ReplyContent, live: bool) -> JournalReply {
        let draft = Draft {
            live,
            ..Draft::default()
        };
        JournalReply {
            at,
            ticket,
            state: SaidState::Delivered,
            content: words,
            typed: draft.to_json(),
        }
    }

    fn message(text: &str, phase: Phase) -> Body {
        Body::message(text, phase)
    }

    fn live(delta: &str, phase: Phase) -> Reply {
        let delta = delta.to_owned();
        Reply::Live { delta, phase }
    }

    #[test]
    fn what_left_together_leaves_together_and_the_last_ends_it() {
        let note = message("One moment", Phase::Commentary);
        let (first, second) = (Body::reasoning("Hm"), message("Done", Phase::FinalAnswer));
        let rows = [
            row(110, 0, ReplyContent::Item(note.clone()), false),
            row(150, 1, ReplyContent::Item(first.clone()), false),
            row(150, 1, ReplyContent::Item(second.clone()), false),
        ];
        let said = |at, reply| RecordedReply { at, reply };
        let end = |items| Reply::End {
            items,
            ending: Ending::Completed,
        };
        let notes = said(110, Reply::Items(vec![note]));
        let both = vec![first, second];
        assert_eq!(
            sent_replies(&rows, true, 100),
            [notes.clone(), said(150, end(both.clone()))]
        );
        assert_eq!(
            sent_replies(&rows, false, 100)[1],
            said(150, Reply::Items(both))
        );
        assert_eq!(sent_replies(&rows[..1], false, 100), [notes]);
        assert_eq!(sent_replies(&[], true, 100), [said(100, end(Vec::new()))]);
        assert_eq!(sent_replies(&[], false, 100), []);
    }

    #[test]
    fn what_was_typed_live_is_typed_live_again() {
        let phase = Phase::FinalAnswer;
        let call = Body::CustomToolCall {
            name: "apply_patch".into(),
            input: "x".into(),
        };
        let rows = [
            row(110, 3, ReplyContent::Item(message("a\nb", phase)), true),
            row(190, 3, ReplyContent::Item(call.clone()), false),
        ];
        let said = |at, reply| RecordedReply { at, reply };
        let lines = [said(110, live("a\n", phase)), said(110, live("b", phase))];
        let end = Reply::End {
            items: vec![call],
            ending: Ending::Completed,
        };
        let replies = sent_replies(&rows, true, 100);
        assert_eq!(replies[..2], lines);
        assert_eq!(replies[2..], [said(190, end)]);
        // The client went away before it was whole.
        let rows = [row(110, 3, ReplyContent::Live("a\nb".into(), phase), true)];
        assert_eq!(sent_replies(&rows, false, 100), lines);
    }

    #[test]
    fn a_rejection_ends_what_it_is_said_to() {
        let rows = [row(120, 0, ReplyContent::Rejection("No".into()), false)];
        let replies = sent_replies(&rows, true, 100);
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0].reply.rejection(), Some("No"));
    }
}
