//! Harbor's Agent Trajectory Interchange Format (ATIF), version 1.7: one JSON document for each
//! conversation.
//!
//! Readers of ATIF reject unknown fields, so everything that it has no field for is in `extra.humanllm`.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::chat::FunctionCache;
use super::conversation::{
    ExportedConversation, ExportedTurn, NewItem, NewItemKind, PartIndex, ReplyPart, content_text,
    item_text,
};
use super::study::StudyFacts;
use super::{ExportError, ExportRun};
use crate::api::{Body, Item, ItemBody, Phase, Usage};
use crate::inbox::ReplyContent;
use crate::journal::{DecisionRow, DraftFate, MarkRow, ModelDraftRow, ModelDraftState, SaidState};

const VERSION: &str = "ATIF-v1.7";

#[derive(Debug, Serialize)]
struct Trajectory {
    schema_version: &'static str,
    session_id: String,
    trajectory_id: String,
    agent: TrajectoryAgent,
    steps: Vec<TrajectoryStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    final_metrics: FinalMetrics,
    extra: Value,
}

#[derive(Debug, Serialize)]
struct TrajectoryAgent {
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_definitions: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct TrajectoryStep {
    step_id: usize,
    timestamp: String,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "Observation::is_empty")]
    observation: Observation,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Metrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_copied_context: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    llm_call_count: Option<usize>,
    extra: Value,
}

#[derive(Debug, Serialize)]
struct ToolCall {
    tool_call_id: String,
    function_name: String,
    arguments: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Value>,
}

#[derive(Debug, Default, Serialize)]
struct Observation {
    results: Vec<ObservationResult>,
}

impl Observation {
    fn is_empty(&self) -> bool {
        self.results.is_empty()
    }
}

#[derive(Debug, Serialize)]
struct ObservationResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    source_call_id: Option<String>,
    content: String,
    extra: Value,
}

#[derive(Debug, Serialize)]
struct Metrics {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<Value>,
}

#[derive(Debug, Default, Serialize)]
struct FinalMetrics {
    #[serde(skip_serializing_if = "Option::is_none")]
    total_prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_completion_tokens: Option<u64>,
    total_steps: usize,
}

/// The document of a conversation; `None` if it has no steps.
pub(super) fn document(
    mut conversation: ExportedConversation,
    run: &mut ExportRun<'_>,
) -> Result<Option<String>, ExportError> {
    let mut builder = TrajectoryBuilder::default();
    while let Some(turn) = run.next(&mut conversation)? {
        builder.turn(&turn);
    }
    let Some(trajectory) = builder.finish(&conversation) else {
        return Ok(None);
    };
    // Strings, numbers and JSON values always serialize.
    let written = if run.is_line {
        serde_json::to_string(&trajectory)
    } else {
        serde_json::to_string_pretty(&trajectory)
    };
    Ok(Some(written.unwrap_or_default()))
}

/// Builds a trajectory, turn by turn.
#[derive(Debug, Default)]
struct TrajectoryBuilder {
    steps: Vec<TrajectoryStep>,
    /// The index of the step that holds a call, by call id.
    calls: HashMap<String, usize>,
    /// For each part of a reply that is a call, the index of its step and of the call in that step.
    call_positions: HashMap<PartIndex, (usize, usize)>,
    /// The ids of calls of excluded turns.
    left_out: HashSet<String>,
    /// The numbers of excluded turns.
    skipped: HashSet<usize>,
    tools: FunctionCache,
    model: Option<String>,
    unreadable: usize,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl TrajectoryBuilder {
    fn turn(&mut self, turn: &ExportedTurn) {
        let Some(request) = turn.request() else {
            self.unreadable += 1;
            return;
        };
        self.tools.of(request);
        self.model = Some(request.model.clone()).filter(|model| !model.is_empty());
        let is_out = turn.mark.excluded;
        for new in &turn.new {
            self.item(turn, new, is_out);
        }
        if is_out {
            self.skipped.insert(turn.number);
        } else {
            self.reply(turn)
        }
    }

    fn push(
        &mut self,
        turn: &ExportedTurn,
        source: &'static str,
        message: String,
    ) -> &mut TrajectoryStep {
        self.push_at(turn, source, message, turn.past.arrived)
    }

    fn push_at(
        &mut self,
        turn: &ExportedTurn,
        source: &'static str,
        message: String,
        at: i64,
    ) -> &mut TrajectoryStep {
        let step_id = self.steps.len() + 1;
        self.steps.push(TrajectoryStep {
            step_id,
            timestamp: time(at),
            source,
            model_name: None,
            message,
            reasoning_content: None,
            tool_calls: Vec::new(),
            observation: Observation::default(),
            metrics: None,
            is_copied_context: None,
            llm_call_count: None,
            extra: json!({"humanllm": {"turn": turn.number}}),
        });
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn item(&mut self, turn: &ExportedTurn, new: &NewItem, is_out: bool) {
        match (&new.kind, new.item.body()) {
            (NewItemKind::EchoedReply(places), _) => self.echoed_reply(&new.item, places),
            (_, ItemBody::ToolOutput { call_id, content }) => {
                if !is_out {
                    self.output(turn, call_id, content_text(content));
                }
            }
            _ if is_out => {}
            (NewItemKind::ForeignReply, ItemBody::Said { call_id, body, .. }) => {
                self.foreign_reply(turn, call_id.as_deref(), body);
            }
            (what, _) => {
                let source = match new.item.role() {
                    Some("user") => "user",
                    // An assistant message that the agent made up was not said by the model.
                    _ => "system",
                };
                let role = new.item.role().map(str::to_owned);
                let is_added = *what == NewItemKind::AddedByAgent;
                let step = self.push(turn, source, item_text(&new.item));
                if let Some(role) = role.filter(|role| role != source) {
                    set_extra(step, "role", json!(role));
                }
                if is_added {
                    set_extra(step, "added_by_agent", json!(true));
                }
                if let ItemBody::Other { kind, .. } = new.item.body() {
                    set_extra(step, "kind", json!(kind));
                }
            }
        }
    }

    /// Takes over the call id that the client uses for a call made here.
    fn echoed_reply(&mut self, item: &Item, places: &[PartIndex]) {
        let Some(id) = item.call_id() else {
            return;
        };
        for place in places {
            if let Some((step, call)) = self.call_positions.get(place).copied() {
                let known = &mut self.steps[step].tool_calls[call].tool_call_id;
                self.calls.remove(known.as_str());
                id.clone_into(known);
                self.calls.insert(id.to_owned(), step);
            } else if self.skipped.contains(&place.turn) {
                self.left_out.insert(id.to_owned());
            }
        }
    }

    fn output(&mut self, turn: &ExportedTurn, call_id: &str, content: String) {
        if self.left_out.contains(call_id) {
            return;
        }
        let extra = json!({"humanllm": {"turn": turn.number, "at": time(turn.past.arrived)}});
        match self.calls.get(call_id).copied() {
            Some(step) => self.steps[step]
                .observation
                .results
                .push(ObservationResult {
                    source_call_id: Some(call_id.to_owned()),
                    content,
                    extra,
                }),
            None => {
                // The call was made before the first turn of the journal.
                let step = self.push(turn, "system", String::new());
                step.observation.results.push(ObservationResult {
                    source_call_id: None,
                    content,
                    extra: json!({"humanllm": {"call_id": call_id}}),
                });
            }
        }
    }

    /// Adds a reply that another model gave before this conversation. Consecutive ones share a step.
    fn foreign_reply(&mut self, turn: &ExportedTurn, call_id: Option<&str>, body: &Body) {
        let goes_on = self.steps.last().is_some_and(|step| {
            step.is_copied_context == Some(true)
                && step.observation.is_empty()
                && (step.tool_calls.is_empty() || body.is_call())
        });
        if !goes_on {
            let step = self.push(turn, "agent", String::new());
            step.is_copied_context = Some(true);
        }
        let index = self.steps.len() - 1;
        let number = self.steps[index].tool_calls.len() + 1;
        let made_up = || format!("turn{}-copied{}-{number}", turn.number, index + 1);
        let call = self.call(body, call_id.map_or_else(made_up, str::to_owned));
        let step = &mut self.steps[index];
        match (call, body) {
            (Some(call), _) => {
                self.calls.insert(call.tool_call_id.clone(), index);
                step.tool_calls.push(call);
            }
            (None, Body::Reasoning { .. }) => append_paragraph(
                step.reasoning_content.get_or_insert_default(),
                &body.words(),
            ),
            (None, _) => append_paragraph(&mut step.message, &body.words()),
        }
    }

    fn call(&self, body: &Body, tool_call_id: String) -> Option<ToolCall> {
        let (function_name, arguments) = self.tools.last()?.call(body)?;
        // ATIF takes only an object as arguments.
        let arguments = serde_json::from_str(&arguments).unwrap_or_default();
        let title = body.full_tool_name().map(|name| name.into_owned());
        let title = title.filter(|title| *title != function_name);
        Some(ToolCall {
            tool_call_id,
            function_name,
            arguments,
            extra: title.map(|title| json!({"humanllm": {"tool": title}})),
        })
    }

    /// Adds all parts of the reply to a request as one step.
    fn reply(&mut self, turn: &ExportedTurn) {
        let answered: Vec<&ReplyPart> = turn
            .parts
            .iter()
            .filter(|part| !matches!(part.content, ReplyContent::Rejection(_)))
            .collect();
        let used: HashSet<i64> = turn.parts.iter().flat_map(ReplyPart::drafts).collect();
        let mut facts = reply_facts(turn, &used);
        if let (Some(first), false) = (turn.parts.first(), answered.is_empty()) {
            let at = first.at;
            self.push_at(turn, "agent", String::new(), at);
            let index = self.steps.len() - 1;
            for (part, said) in turn.parts.iter().enumerate() {
                let Some(body) = said.body() else { continue };
                let number = self.steps[index].tool_calls.len() + 1;
                let made_up = format!("turn{}-call{number}", turn.number);
                let call = self.call(&body, made_up);
                let step = &mut self.steps[index];
                match (call, &body) {
                    (Some(call), _) => {
                        let place = PartIndex {
                            turn: turn.number,
                            part,
                        };
                        self.call_positions
                            .insert(place, (index, step.tool_calls.len()));
                        self.calls.insert(call.tool_call_id.clone(), index);
                        step.tool_calls.push(call);
                    }
                    (None, Body::Reasoning { .. }) => append_paragraph(
                        step.reasoning_content.get_or_insert_default(),
                        &body.words(),
                    ),
                    (None, _) => append_paragraph(&mut step.message, &body.words()),
                }
            }
            let drafts = turn.drafts.iter();
            let used: Vec<&ModelDraftRow> =
                drafts.filter(|draft| used.contains(&draft.id)).collect();
            let metrics = self.metrics(&used);
            let models: HashSet<&str> = answered
                .iter()
                .filter_map(|part| part.author.model())
                .collect();
            let step = &mut self.steps[index];
            step.metrics = metrics;
            // The field is left out for a reply that no model took part in.
            step.llm_call_count = (!used.is_empty()).then_some(used.len());
            let is_all_models = answered.iter().all(|part| part.author.word() == "model");
            if let (1, true) = (models.len(), is_all_models) {
                step.model_name = models.into_iter().next().map(str::to_owned);
            }
            set_extras(step, std::mem::take(&mut facts));
        }
        if let Some(words) = turn.rejection() {
            let at = turn.parts.last().map_or(turn.past.arrived, |part| part.at);
            let step = self.push_at(turn, "system", words.to_owned(), at);
            set_extra(step, "event", json!("rejection"));
            set_extras(step, std::mem::take(&mut facts));
        }
        // An unanswered request has no step of its own: its facts go to the last one.
        if !facts.is_empty()
            && let Some(step) = self.steps.last_mut()
        {
            facts.insert("turn".into(), json!(turn.number));
            set_extra(step, "unanswered", Value::Object(facts));
        }
    }

    /// The token counts that the upstream models reported for the drafts in use, summed up.
    fn metrics(&mut self, drafts: &[&ModelDraftRow]) -> Option<Metrics> {
        let read =
            |draft: &&ModelDraftRow| serde_json::from_str::<Usage>(draft.usage.as_ref()?).ok();
        let counted: Vec<Usage> = drafts.iter().filter_map(read).collect();
        if counted.is_empty() {
            return None;
        }
        let prompt_tokens = counted.iter().map(|usage| usage.input).sum();
        let completion_tokens = counted.iter().map(|usage| usage.output).sum();
        let reasoning: u64 = counted.iter().map(|usage| usage.reasoning).sum();
        *self.prompt_tokens.get_or_insert_default() += prompt_tokens;
        *self.completion_tokens.get_or_insert_default() += completion_tokens;
        Some(Metrics {
            prompt_tokens,
            completion_tokens,
            extra: (reasoning > 0).then(|| json!({"reasoning_tokens": reasoning})),
        })
    }

    fn finish(self, conversation: &ExportedConversation) -> Option<Trajectory> {
        if self.steps.is_empty() {
            return None;
        }
        let row = &conversation.row;
        let (name, version) = row.agent.split_once('/').unwrap_or((&row.agent, ""));
        let unless_empty = |text: &str| {
            if text.is_empty() {
                "unknown".to_owned()
            } else {
                text.to_owned()
            }
        };
        let mut facts = Map::new();
        facts.insert("version".into(), json!(env!("CARGO_PKG_VERSION")));
        facts.insert("conversation".into(), json!(row.id));
        facts.insert("title".into(), json!(row.title));
        facts.insert("begun".into(), json!(time(row.begun)));
        facts.insert("active".into(), json!(time(row.active)));
        if let Some(automatic) = &row.automatic {
            facts.insert("automatic".into(), json!(automatic));
        }
        if self.unreadable > 0 {
            facts.insert("unreadable_turns".into(), json!(self.unreadable));
        }
        let assigned = conversation.study.assigned.clone();
        let whole = StudyFacts {
            assigned,
            phase: None,
        };
        facts.extend(whole.facts());
        facts.extend(mark_json(&conversation.mark));
        let own_id = format!("humanllm-{}", row.id);
        Some(Trajectory {
            schema_version: VERSION,
            session_id: row.thread.clone().unwrap_or_else(|| own_id.clone()),
            trajectory_id: own_id,
            agent: TrajectoryAgent {
                name: unless_empty(name),
                version: unless_empty(version),
                model_name: self.model,
                tool_definitions: self
                    .tools
                    .last()
                    .map(|functions| functions.definitions())
                    .unwrap_or_default(),
            },
            final_metrics: FinalMetrics {
                total_prompt_tokens: self.prompt_tokens,
                total_completion_tokens: self.completion_tokens,
                total_steps: self.steps.len(),
            },
            steps: self.steps,
            notes: Some(conversation.mark.note.clone()).filter(|note| !note.is_empty()),
            extra: json!({"humanllm": facts}),
        })
    }
}

/// Appends text, as a paragraph of its own if there is text already.
fn append_paragraph(text: &mut String, words: &str) {
    if !text.is_empty() && !words.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(words);
}

/// Sets a field of `extra.humanllm` of a step.
fn set_extra(step: &mut TrajectoryStep, name: &str, value: Value) {
    step.extra["humanllm"][name] = value;
}

fn set_extras(step: &mut TrajectoryStep, facts: Map<String, Value>) {
    for (name, value) in facts {
        set_extra(step, &name, value);
    }
}

/// The fields of `extra.humanllm` for the reply to a request.
fn reply_facts(turn: &ExportedTurn, used: &HashSet<i64>) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut list = |name: &str, values: Vec<Value>| {
        if !values.is_empty() {
            facts.insert(name.into(), values.into());
        }
    };
    list("parts", turn.parts.iter().map(part_json).collect());
    list(
        "undelivered",
        turn.undelivered.iter().map(undelivered_json).collect(),
    );
    let drafts = turn.drafts.iter();
    list(
        "drafts",
        drafts
            .map(|draft| draft_json(draft, used.contains(&draft.id)))
            .collect(),
    );
    list(
        "decisions",
        turn.decisions.iter().map(decision_json).collect(),
    );
    facts.extend(turn.study.facts());
    facts.extend(mark_json(&turn.mark));
    facts
}

/// A part of a reply: its kind, time, author and delivery state.
fn part_json(part: &ReplyPart) -> Value {
    let (kind, phase) = match &part.content {
        ReplyContent::Item(body) => match body {
            Body::Message { phase, .. } => ("message", *phase),
            Body::Reasoning { .. } => ("reasoning", None),
            _ => ("call", None),
        },
        ReplyContent::Live(_, phase) => ("message", Some(*phase)),
        ReplyContent::Rejection(_) => ("rejection", None),
    };
    let mut known = json!({"kind": kind, "at": time(part.at), "delivery": delivery(part.state),
        "by": part.author.word()});
    if let Some(phase) = phase {
        known["phase"] = json!(phase.as_str());
        known["characters"] = json!(part.content.text().chars().count());
    }
    if phase == Some(Phase::Commentary) {
        known["note"] = json!(true);
    }
    if let Some(model) = part.author.model() {
        known["model"] = json!(model);
    }
    if !part.sender.is_person() {
        known["sender"] = json!(part.sender);
    }
    if !part.origin.is_empty() {
        known["origin"] = json!(part.origin);
    }
    known
}

fn undelivered_json(part: &ReplyPart) -> Value {
    let mut lost = part_json(part);
    lost["text"] = json!(part.content.text());
    lost
}

/// A draft of a model; with its items only if they were not sent unchanged.
fn draft_json(draft: &ModelDraftRow, is_used: bool) -> Value {
    let mut known = json!({"id": draft.id, "model": draft.model, "begun": time(draft.begun),
        "state": draft_state(draft.state), "fate": fate(draft.fate)});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            known[name] = value;
        }
    };
    set("first_word", draft.first.map(|at| json!(time(at))));
    set("ended", draft.ended.map(|at| json!(time(at))));
    set("hint", draft.hint.as_ref().map(|hint| json!(hint)));
    set("failure", draft.failure.as_ref().map(|why| json!(why)));
    let usage = draft.usage.as_ref();
    set(
        "usage",
        usage.and_then(|usage| serde_json::from_str(usage).ok()),
    );
    if !is_used || draft.fate == DraftFate::Edited {
        set("items", serde_json::from_str(&draft.items).ok());
    }
    known
}

fn decision_json(decision: &DecisionRow) -> Value {
    let action = serde_json::from_str(&decision.action);
    let action = action.unwrap_or_else(|_| json!(decision.action));
    let mut known = json!({"at": time(decision.at), "rule": decision.rule,
        "matched": decision.matched, "action": action});
    if decision.waited {
        known["waited"] = json!(true);
    }
    if let Some(draft) = decision.draft {
        known["draft"] = json!(draft);
    }
    known
}

/// The labels, rating and note of a conversation or turn.
pub(super) fn mark_json(mark: &MarkRow) -> Map<String, Value> {
    let mut known = Map::new();
    if !mark.labels.is_empty() {
        known.insert("labels".into(), json!(mark.labels));
    }
    if let Some(rating) = mark.rating {
        known.insert("rating".into(), json!(rating));
    }
    if !mark.note.is_empty() {
        known.insert("note".into(), json!(mark.note));
    }
    known
}

/// The name of a delivery state in exported files.
pub(super) fn delivery(state: SaidState) -> &'static str {
    match state {
        SaidState::Sent => "sent",
        SaidState::Delivered => "delivered",
        SaidState::Undelivered => "undelivered",
    }
}

pub(super) fn draft_state(state: ModelDraftState) -> &'static str {
    match state {
        ModelDraftState::Streaming => "streaming",
        ModelDraftState::Complete => "complete",
        ModelDraftState::CutOff => "cut_off",
        ModelDraftState::Failed => "failed",
        ModelDraftState::Cancelled => "cancelled",
    }
}

pub(super) fn fate(fate: DraftFate) -> &'static str {
    match fate {
        DraftFate::Open => "open",
        DraftFate::Sent => "sent",
        DraftFate::Edited => "edited",
        DraftFate::Automatic => "automatic",
        DraftFate::Unused => "unused",
    }
}

/// An RFC 3339 timestamp in UTC, from milliseconds since 1970.
pub(super) fn time(milliseconds: i64) -> String {
    let at = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MIN);
    at.to_string()
}
