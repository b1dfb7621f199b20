//! The provenance of a reply: where each range of its text comes from, when drafts were asked for, when
//! it was sent, and the drafts that were not used.

use std::fmt::Write;
use std::ops::Range;

use jiff::Timestamp;

use super::{TextView, View, ViewSource};
use crate::api::{Body, Usage};
use crate::draft::{Call, Contribution, Draft, Editor, Origin, Sender, Source};
use crate::inbox::{DraftState, ModelDraft, Partial};
use crate::rules::Decision;
use crate::tui::composer::{ComposedCall as OpenCall, ReplyKind};
use crate::tui::keys::action::Action;
use crate::tui::markup::{Markup, Tone};
use crate::tui::text::format::time_of_day;
use crate::tui::transcript::Transcript;
use crate::tui::transcript::block::TranscriptBlock;

/// The message if there is nothing to show.
const NOTHING: &str = "nothing was said or drafted here";

pub(super) const VIEW: View = View {
    action: Action::Provenance,
    open: |source| {
        let mut page = ProvenancePage {
            source,
            text: String::new(),
            spans: Vec::new(),
        };
        page.write();
        if page.text.is_empty() {
            Err(NOTHING)
        } else {
            Ok(TextView::foreign(
                "provenance",
                page.text,
                Markup::Toned(page.spans),
            ))
        }
    },
};

/// The text of the view while it is built.
struct ProvenancePage<'a> {
    source: &'a ViewSource<'a>,
    text: String,
    spans: Vec<(Range<usize>, Tone)>,
}

impl ProvenancePage<'_> {
    fn write(&mut self) {
        let transcript = self.source.transcript;
        let is_reply = |block: &&TranscriptBlock| block.composed().is_some();
        let chosen = transcript.and_then(Transcript::selected_block);
        let chosen = chosen.filter(is_reply);
        let last = transcript.and_then(|all| all.blocks().iter().rev().find(is_reply));
        let conversation = self.source.conversation;
        let waiting = conversation.map_or(&[][..], |found| found.drafts());
        if let Some(block) = chosen.or(last)
            && let Some(draft) = block.composed()
        {
            let decision = self.source.answered_decision;
            self.reply(block, draft, self.source.answered_drafts, decision);
        }
        if !waiting.is_empty() {
            self.heading("drafts for the request that waits");
            let decision = conversation.and_then(|found| found.decision());
            self.decision(decision);
            for draft in waiting {
                self.draft(draft);
            }
        }
    }

    fn reply(
        &mut self,
        block: &TranscriptBlock,
        draft: &Draft,
        drafts: &[ModelDraft],
        decision: Option<&Decision>,
    ) {
        let used = draft_ids_in(draft);
        let hand = Contribution::of(draft).map_or("you".to_owned(), |hand| hand.to_string());
        self.heading(&format!("{} · {}", block.label, hand));
        for made in drafts.iter().filter(|made| used.contains(&made.id.0)) {
            self.times(made);
            self.decision(made.decision.as_ref());
        }
        self.decision(decision);
        if let Some(at) = block.at {
            let state = match block.detail.as_str() {
                "" => String::new(),
                detail => format!(" · {detail}"),
            };
            let by = match &draft.sender {
                Sender::Person => "by you".to_owned(),
                Sender::Auto { .. } => "by itself".to_owned(),
                Sender::Rule(rule) => format!("by rule \"{rule}\""),
                Sender::Script => "by a script".to_owned(),
            };
            self.field("sent", &format!("{} {by}{state}", self.time(at)));
        }
        for part in &draft.parts {
            self.part(part.kind, &part.text, &part.origin, part.call.as_ref());
        }
        self.part(draft.kind, &draft.text, &draft.origin, draft.call.as_ref());
        if draft.text.is_empty() && draft.parts.is_empty() && draft.call.is_none() {
            self.text.push('\n');
            let (text, from) = (block.text().as_str().to_owned(), self.text.len());
            self.text.push_str(&text);
            self.text.push('\n');
            self.tone(from, Tone::StringLit);
        }
        let is_sent = |made: &ModelDraft| made.sent_items > 0 || made.sent_message_bytes > 0;
        let unused = drafts.iter();
        let unused = unused.filter(|made| !used.contains(&made.id.0) && !is_sent(made));
        let unused: Vec<&ModelDraft> = unused.collect();
        if !unused.is_empty() {
            self.heading("drafts that were not used");
        }
        for made in unused {
            self.draft(made);
        }
    }

    /// A part of a reply, each range of it after the name of its source.
    fn part(&mut self, kind: ReplyKind, text: &str, origin: &Origin, call: Option<&Call>) {
        if let Some(call) = call.filter(|_| kind == ReplyKind::Tool) {
            return self.call(call);
        }
        if text.is_empty() {
            return;
        }
        let _ = write!(self.text, "\n{}: ", kind.label());
        let mut rest = text;
        for span in origin.spans() {
            let end = rest.char_indices().nth(span.chars).map(|(at, _)| at);
            let (words, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            self.stretch(&name_of(&span.source), tone_of(&span.source), words);
        }
        if !rest.is_empty() {
            self.stretch("unknown", Tone::Comment, rest);
        }
        self.text.push('\n');
    }

    fn stretch(&mut self, name: &str, tone: Tone, words: &str) {
        let from = self.text.len();
        let _ = write!(self.text, "[{name}]");
        self.tone(from, Tone::Marker);
        let from = self.text.len();
        self.text.push_str(words);
        self.tone(from, tone);
    }

    fn call(&mut self, call: &Call) {
        let open = OpenCall::from_draft(call.clone());
        let _ = writeln!(self.text, "\nCall {}", open.title());
        match &call.drafted {
            Some(drafted) if drafted.is_edited => {
                self.stretch(&format!("{} wrote", drafted.model), Tone::Removed, "");
                self.block(&drafted.arguments, Tone::Removed);
                self.stretch("you sent", Tone::Added, "");
                self.block(&open.text(), Tone::Added);
            }
            Some(drafted) => {
                self.stretch(&drafted.model, Tone::StringLit, "");
                self.block(&drafted.arguments, Tone::StringLit);
            }
            None => {
                self.stretch("typed", Tone::Strong, "");
                let text = match &call.editor {
                    Editor::Text { text, .. } => text.clone(),
                    Editor::Form(_) => open.text(),
                };
                self.block(&text, Tone::Strong);
            }
        }
    }

    fn block(&mut self, text: &str, tone: Tone) {
        self.text.push('\n');
        let from = self.text.len();
        self.text.push_str(text);
        self.tone(from, tone);
        self.text.push('\n');
    }

    /// All of a model's draft, including its reasoning.
    fn draft(&mut self, made: &ModelDraft) {
        self.text.push('\n');
        let from = self.text.len();
        let state = match made.outcome() {
            words if !words.is_empty() => words,
            _ if made.is_streaming() => format!("{} · still being made", made.model),
            _ => made.model.clone(),
        };
        let _ = writeln!(self.text, "{}. {state}", made.id.0);
        self.tone(from, Tone::Strong);
        if let Some(hint) = &made.hint {
            self.field("hint", hint);
        }
        self.times(made);
        for item in &made.items {
            let tone = match item {
                Body::Reasoning { .. } => Tone::Comment,
                _ => Tone::StringLit,
            };
            let block = TranscriptBlock::of_output(item);
            let _ = writeln!(self.text, "{}:", block.label);
            let from = self.text.len();
            self.text.push_str(block.text().as_str());
            self.tone(from, tone);
            self.text.push('\n');
        }
        let (words, tone) = match &made.partial {
            Partial::Nothing => return,
            Partial::Text(text) => (text.clone(), Tone::StringLit),
            Partial::Thought(text) => (text.clone(), Tone::Comment),
            Partial::Call { title, arguments } => {
                (format!("{title}: {arguments}"), Tone::StringLit)
            }
        };
        let from = self.text.len();
        let _ = writeln!(self.text, "{words}…");
        self.tone(from, tone);
    }

    fn times(&mut self, made: &ModelDraft) {
        self.field(
            "asked",
            &format!("{} {}", self.time(made.begun), made.model),
        );
        let after = |at: Timestamp| at.duration_since(made.begun).as_secs_f64();
        if let Some(first) = made.first_piece {
            let words = format!("{} after {:.1} s", self.time(first), after(first));
            self.field("first word", &words);
        }
        if let Some(ended) = made.ended {
            let how = match &made.state {
                DraftState::Complete | DraftState::Streaming => "whole",
                DraftState::CutOff => "cut off",
                DraftState::Failed(_) => "failed",
                DraftState::Cancelled => "stopped",
            };
            let tokens = made.usage.as_ref();
            let tokens = tokens.map(|Usage { output, .. }| format!(" · {output} tokens"));
            let words = format!(
                "{} after {:.1} s{}",
                self.time(ended),
                after(ended),
                tokens.unwrap_or_default()
            );
            self.field(how, &words);
        }
    }

    fn decision(&mut self, decision: Option<&Decision>) {
        if let Some(decision) = decision {
            let words = format!("\"{}\" matched {}", decision.rule, decision.matched);
            self.field("rule", &words);
        }
    }

    fn heading(&mut self, words: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let from = self.text.len();
        self.text.push_str(words);
        self.tone(from, Tone::Heading);
        self.text.push('\n');
    }

    fn field(&mut self, name: &str, words: &str) {
        let _ = writeln!(self.text, "{name:<11} {words}");
    }

    fn tone(&mut self, from: usize, tone: Tone) {
        self.spans.push((from..self.text.len(), tone));
    }

    fn time(&self, at: Timestamp) -> String {
        time_of_day(at, self.source.zone)
    }
}

/// The IDs of the drafts that a reply contains something of.
fn draft_ids_in(draft: &Draft) -> Vec<i64> {
    let calls = draft.parts.iter().filter_map(|part| part.call.as_ref());
    let calls = calls.chain(&draft.call);
    let calls = calls.filter_map(|call| Some(call.drafted.as_ref()?.draft));
    let origins = draft.parts.iter().map(|part| &part.origin);
    let spans = origins.chain([&draft.origin]).flat_map(Origin::spans);
    let spans = spans.filter_map(|span| match &span.source {
        Source::Model { draft, .. } => Some(*draft),
        _ => None,
    });
    let sender = match &draft.sender {
        Sender::Auto { draft, .. } => Some(*draft),
        Sender::Person | Sender::Rule(_) | Sender::Script => None,
    };
    calls.chain(spans).chain(sender).collect()
}

fn name_of(source: &Source) -> String {
    match source {
        Source::Typed => "typed".into(),
        Source::Pasted => "pasted".into(),
        Source::Snippet(name) => format!("snippet {name}"),
        Source::Recalled => "recalled".into(),
        Source::Template => "template".into(),
        Source::Model { model, .. } => model.clone(),
        Source::Rule(rule) => format!("rule \"{rule}\""),
        Source::Script => "script".into(),
    }
}

fn tone_of(source: &Source) -> Tone {
    match source {
        Source::Typed => Tone::Strong,
        Source::Pasted => Tone::Number,
        Source::Snippet(_) => Tone::Type,
        Source::Recalled => Tone::Variable,
        Source::Template => Tone::Key,
        Source::Model { .. } => Tone::StringLit,
        Source::Rule(_) | Source::Script => Tone::Keyword,
    }
}
