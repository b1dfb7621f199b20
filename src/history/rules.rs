//! `humanllm rules`: lists the rules, and tries them on the requests and replies of the journal.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{HistoryError, HistoryFormat, find, json, text};
use crate::api::{Body, Interner, Request};
use crate::inbox::ReplyContent;
use crate::journal::{ConversationRow, DraftFate, JournalReader, TurnRow, now};
use crate::plain;
use crate::rules::{Decision, RuleAction, Rules, Subject};
use crate::store;

/// The number of turns read with one query.
const PAGE: u32 = 256;
/// The number of conversation rows that are cached.
const MAX_CACHED_CONVERSATIONS: usize = 256;
const DAY: i64 = 24 * 3600 * 1000;

/// The part of the journal that the rules are tried on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrialScope {
    /// Only requests of the last so many days; all if this is absent.
    pub days: Option<u32>,
    /// Only requests of this conversation; of any if this is absent.
    pub conversation: Option<i64>,
}

/// Why trying the rules failed.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The journal cannot be read, or has no such conversation.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Write(#[from] io::Error),
}

/// The list of the rules.
pub fn list(rules: &Rules, form: HistoryFormat) -> String {
    match form {
        HistoryFormat::Json => {
            json::document(&rules.descriptions().map(TriedRule::of).collect::<Vec<_>>())
        }
        HistoryFormat::Text if rules.is_empty() => NO_RULES.into(),
        HistoryFormat::Text => {
            let rules = (1..).zip(rules.descriptions()).map(|(number, told)| {
                let asked = if told.asks_of_draft {
                    "draft"
                } else {
                    "request"
                };
                let what = outcome_text(told.action, told.timeout);
                let head = format!("{number:>3}  {}  (of a {asked}): {what}", told.name);
                let conditions = told.conditions.iter();
                let conditions = conditions.map(|(key, is)| format!("{:5}{key:<14}{is}", ""));
                let lines = [head].into_iter().chain(conditions);
                lines
                    .map(|line| plain::line(&line) + "\n")
                    .collect::<String>()
            });
            rules.collect::<Vec<_>>().join("\n")
        }
    }
}

const NO_RULES: &str = "There are no rules; config.example.toml has some to begin with.\n";

/// Writes which rule matches each earlier request, its replies and its drafts, the newest last.
///
/// # Errors
///
/// If there is no journal, it cannot be read, there is no such conversation, or the output cannot be
/// written.
pub fn run(
    trial: TrialScope,
    rules: &Rules,
    form: HistoryFormat,
    state_dir: &Path,
    out: &mut impl Write,
) -> Result<(), TrialError> {
    let reader = JournalReader::open(state_dir).map_err(HistoryError::from)?;
    if let Some(id) = trial.conversation {
        find(&reader, id)?;
    }
    if rules.is_empty() && form == HistoryFormat::Text {
        return Ok(out.write_all(NO_RULES.as_bytes())?);
    }
    let mut report = TrialReport {
        form,
        out,
        zone: TimeZone::system(),
        matches: 0,
    };
    let mut walk = RulesTrial {
        reader,
        rules,
        conversations: HashMap::new(),
        interner: Interner::default(),
        counts: Counts::default(),
    };
    report.begin()?;
    walk.all(trial, &mut report)?;
    report.end(&walk.counts)
}

/// A request, reply or draft that a rule matches.
struct RuleMatch<'a> {
    at: i64,
    conversation: &'a ConversationRow,
    turn: i64,
    /// `request`, `reply` or `draft`.
    what: &'static str,
    decision: Decision,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    requests: u64,
    requests_met: u64,
    replies: u64,
    replies_met: u64,
    drafts: u64,
    drafts_met: u64,
    /// Requests that an earlier version wrote and this one cannot read.
    unreadable: u64,
}

/// Tries the rules on the journal, turn by turn.
struct RulesTrial<'r> {
    reader: JournalReader,
    rules: &'r Rules,
    conversations: HashMap<i64, Option<ConversationRow>>,
    interner: Interner,
    counts: Counts,
}

impl RulesTrial<'_> {
    fn all<W: Write>(
        &mut self,
        trial: TrialScope,
        report: &mut TrialReport<'_, W>,
    ) -> Result<(), TrialError> {
        let since = trial.days.map(|days| now() - i64::from(days) * DAY);
        let since = since.unwrap_or(i64::MIN);
        let mut after = 0;
        // Kept alive until the next request, which mostly has the same interned items.
        let mut last = None;
        loop {
            let turns = self
                .reader
                .turns_since(since, trial.conversation, after, PAGE);
            let turns = turns.map_err(HistoryError::from)?;
            let Some(newest) = turns.last() else {
                return Ok(());
            };
            after = *newest;
            for turn in turns {
                last = self.turn(turn, report)?.or(last);
            }
        }
    }

    /// Tries the rules on a turn, and returns its request.
    fn turn<W: Write>(
        &mut self,
        id: i64,
        report: &mut TrialReport<'_, W>,
    ) -> Result<Option<Request>, TrialError> {
        let said = self.reader.said_to(id).map_err(HistoryError::from)?;
        let drafts = self
            .reader
            .model_drafts_to(id)
            .map_err(HistoryError::from)?;
        let mut spoken: Vec<(i64, &'static str, Body)> = Vec::new();
        for row in &said {
            let item = match serde_json::from_str(&row.words) {
                Ok(ReplyContent::Item(item)) => item,
                Ok(ReplyContent::Live(text, phase)) => Body::message(text, phase),
                // Rules are not asked about rejections.
                Ok(ReplyContent::Rejection(_)) | Err(_) => continue,
            };
            spoken.push((row.at, "reply", item));
        }
        for row in &drafts {
            // A draft that was sent unchanged is among the replies.
            if matches!(row.fate, DraftFate::Sent | DraftFate::Automatic) {
                continue;
            }
            let items: Vec<Body> = serde_json::from_str(&row.items).unwrap_or_default();
            let at = row.ended.unwrap_or(row.begun);
            spoken.extend(items.into_iter().map(|item| (at, "draft", item)));
        }
        self.counts.requests += 1;
        self.counts.replies += spoken
            .iter()
            .filter(|(_, what, _)| *what == "reply")
            .count() as u64;
        self.counts.drafts += spoken
            .iter()
            .filter(|(_, what, _)| *what == "draft")
            .count() as u64;
        if spoken.is_empty() && !self.rules.ask_of_requests() {
            return Ok(None);
        }
        let turn = self.reader.turn(id).map_err(HistoryError::from)?;
        // It may have been deleted after the query.
        let Some(turn) = turn else {
            return Ok(None);
        };
        let Some(request) = store::request_of(&turn, &self.interner) else {
            self.counts.unreadable += 1;
            return Ok(None);
        };
        let Some(conversation) = self.conversation(turn.conversation)? else {
            return Ok(None);
        };
        self.try_rules(&turn, &request, &conversation, spoken, report)?;
        Ok(Some(request))
    }

    fn try_rules<W: Write>(
        &mut self,
        turn: &TurnRow,
        request: &Request,
        conversation: &ConversationRow,
        spoken: Vec<(i64, &'static str, Body)>,
        report: &mut TrialReport<'_, W>,
    ) -> Result<(), TrialError> {
        let directory = request.directory();
        let subject = Subject {
            agent: &conversation.agent,
            title: &conversation.title,
            directory: directory.as_deref(),
            request,
        };
        let met = |at, what, decision| RuleMatch {
            at,
            conversation,
            turn: turn.id,
            what,
            decision,
        };
        if let Some(decision) = self.rules.of_request(&subject) {
            self.counts.requests_met += 1;
            report.write_match(&met(turn.arrived, "request", decision))?;
        }
        for (at, what, item) in spoken {
            let Some(decision) = self.rules.of_item(&subject, &item) else {
                continue;
            };
            match what {
                "reply" => self.counts.replies_met += 1,
                _ => self.counts.drafts_met += 1,
            }
            report.write_match(&met(at, what, decision))?;
        }
        Ok(())
    }

    fn conversation(&mut self, id: i64) -> Result<Option<ConversationRow>, TrialError> {
        if let Some(known) = self.conversations.get(&id) {
            return Ok(known.clone());
        }
        if self.conversations.len() >= MAX_CACHED_CONVERSATIONS {
            self.conversations.clear();
        }
        let found = self.reader.conversation(id).map_err(HistoryError::from)?;
        self.conversations.insert(id, found.clone());
        Ok(found)
    }
}

/// Writes the matches as they are found, without holding them in memory.
struct TrialReport<'o, W> {
    form: HistoryFormat,
    out: &'o mut W,
    zone: TimeZone,
    matches: u64,
}

impl<W: Write> TrialReport<'_, W> {
    fn begin(&mut self) -> io::Result<()> {
        match self.form {
            HistoryFormat::Text => Ok(()),
            HistoryFormat::Json => self.out.write_all(b"{\"met\": ["),
        }
    }

    fn write_match(&mut self, met: &RuleMatch<'_>) -> io::Result<()> {
        let RuleMatch {
            conversation,
            decision,
            ..
        } = met;
        self.matches += 1;
        match self.form {
            HistoryFormat::Text => {
                let timeout = decision.timeout.as_ref();
                let timeout = timeout.map(|(after, action)| (*after, action));
                let what = outcome_text(&decision.action, timeout);
                let head = format!(
                    "{:>6}  {}  {:<7}  {}: {what}",
                    conversation.id,
                    text::time(met.at, &self.zone),
                    met.what,
                    decision.rule,
                );
                let about = format!("{:8}{} · {}", "", decision.matched, conversation.title);
                writeln!(self.out, "{}\n{}", plain::line(&head), plain::line(&about))
            }
            HistoryFormat::Json => {
                let comma = if self.matches > 1 { "," } else { "" };
                let row = serde_json::to_string(&TrialRow::of(met)).unwrap_or_default();
                write!(self.out, "{comma}\n  {row}")
            }
        }
    }

    fn end(self, counts: &Counts) -> Result<(), TrialError> {
        let out = self.out;
        match self.form {
            HistoryFormat::Text => {
                let of = |met, all, what| format!("{met} of {all} {what}");
                let requests = of(counts.requests_met, counts.requests, "requests");
                let replies = of(counts.replies_met, counts.replies, "replies");
                let drafts = of(counts.drafts_met, counts.drafts, "other drafts");
                let space = if self.matches > 0 { "\n" } else { "" };
                writeln!(
                    out,
                    "{space}A rule would have met {requests}, {replies} and {drafts}."
                )?;
                if counts.unreadable > 0 {
                    writeln!(
                        out,
                        "{} requests cannot be read any more.",
                        counts.unreadable
                    )?;
                }
            }
            HistoryFormat::Json => {
                let counts = serde_json::to_string(counts).unwrap_or_default();
                let counts = counts.trim_start_matches('{');
                writeln!(out, "\n], {counts}")?;
            }
        }
        Ok(out.flush()?)
    }
}

#[derive(Serialize)]
struct TrialRow<'a> {
    at: Option<String>,
    conversation: i64,
    title: &'a str,
    agent: &'a str,
    request: i64,
    what: &'static str,
    rule: &'a str,
    matched: &'a str,
    action: &'a RuleAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_action: Option<&'a RuleAction>,
}

impl<'a> TrialRow<'a> {
    fn of(met: &'a RuleMatch<'_>) -> Self {
        let timeout = met.decision.timeout.as_ref();
        Self {
            at: json::time(met.at),
            conversation: met.conversation.id,
            title: &met.conversation.title,
            agent: &met.conversation.agent,
            request: met.turn,
            what: met.what,
            rule: &met.decision.rule,
            matched: &met.decision.matched,
            action: &met.decision.action,
            timeout_seconds: timeout.map(|(after, _)| after.as_secs()),
            timeout_action: timeout.map(|(_, action)| action),
        }
    }
}

#[derive(Serialize)]
struct TriedRule<'a> {
    name: &'a str,
    asked_of: &'static str,
    conditions: serde_json::Map<String, serde_json::Value>,
    action: &'a RuleAction,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_action: Option<&'a RuleAction>,
}

impl<'a> TriedRule<'a> {
    fn of(told: crate::rules::RuleText<'a>) -> Self {
        let conditions = told.conditions.into_iter();
        Self {
            name: told.name,
            asked_of: if told.asks_of_draft {
                "draft"
            } else {
                "request"
            },
            conditions: conditions
                .map(|(key, is)| (key.into(), is.into()))
                .collect(),
            action: told.action,
            timeout_seconds: told.timeout.map(|(after, _)| after.as_secs()),
            timeout_action: told.timeout.map(|(_, action)| action),
        }
    }
}

/// The action of a rule in words, and the one after its timeout.
fn outcome_text(action: &RuleAction, timeout: Option<(Duration, &RuleAction)>) -> String {
    let words = action.words();
    match timeout {
        None => words,
        Some((after, action)) => {
            format!("{words}, after {} s {}", after.as_secs(), action.words())
        }
    }
}
