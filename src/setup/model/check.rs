//! `setup model --check`: sends one request to a model, as for a draft, and reports the result.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{ApiError, Body, Format, Interner, Piece, Request, Usage, joined_text};
use crate::config::{Config, format_name};
use crate::inbox::{DraftId, DraftOrder};
use crate::model::{Client, Failure, Upstream, join_names};
use crate::setup::check::{CheckError, CheckReport, CheckResult, CheckStep};

/// The tool that is offered.
const TOOL: &str = "get_weather";
/// The number of characters of the answer that are shown.
const MAX_LENGTH: usize = 60;
/// The maximum number of tokens of the answer, reasoning included.
const MAX_TOKENS: u64 = 2_000;

/// The answer to the request.
#[derive(Default)]
struct RequestOutcome {
    /// The time to the first piece.
    first: Option<Duration>,
    whole: Duration,
    items: Vec<Body>,
    usage: Option<Usage>,
    cut_off: bool,
}

/// Checks a model, the default one if there is no name, and writes the result of each step to `out`; returns
/// the first step that failed.
///
/// # Errors
///
/// The check cannot be run, or its results cannot be written.
pub fn check(
    name: Option<&str>,
    config: &Config,
    out: &mut dyn Write,
) -> Result<Option<CheckStep>, CheckError> {
    let mut findings = CheckReport::new(out);
    let upstream = match upstream_named(name, config) {
        Ok(upstream) => upstream,
        Err(words) => {
            findings.result(CheckStep::SetUp, Err(words))?;
            findings.not_tried(&[CheckStep::Server, CheckStep::Request, CheckStep::Answer])?;
            return Ok(findings.first_failure());
        }
    };
    findings.result(CheckStep::SetUp, check_configuration(upstream))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = Client::without_reuse(upstream.clone());
    let server = runtime.block_on(check_server(&client));
    let is_there = server.is_ok() && !findings.has_failed(CheckStep::SetUp);
    findings.result(CheckStep::Server, server)?;
    if !is_there {
        findings.not_tried(&[CheckStep::Request, CheckStep::Answer])?;
        return Ok(findings.first_failure());
    }
    request_answer(&runtime, &client, &mut findings)?;
    if findings.first_failure().is_none() {
        let words = format!(
            "{} can draft. No agent was asked, and nothing was kept.",
            upstream.name
        );
        findings.conclude(&words)?;
    }
    Ok(findings.first_failure())
}

fn upstream_named<'a>(name: Option<&str>, config: &'a Config) -> Result<&'a Upstream, String> {
    let upstreams = &config.upstreams;
    let name = name.or(config.drafting.model.as_deref());
    let found = match name {
        Some(name) => upstreams.iter().find(|upstream| upstream.name == name),
        None => upstreams.first(),
    };
    found.ok_or_else(|| match name {
        Some(name) if !upstreams.is_empty() => {
            let names: Vec<String> = upstreams.iter().map(|known| known.name.clone()).collect();
            format!(
                "there is no [[model]] {name}; there are {}",
                join_names(&names)
            )
        }
        _ => "there is no [[model]] in the configuration; run `humanllm setup model`".to_owned(),
    })
}

fn check_configuration(upstream: &Upstream) -> CheckResult {
    match &upstream.key {
        Some(key) if !key.is_set => Err(Failure::NoKey(key.name.clone()).named(upstream)),
        _ => Ok(format!(
            "{}: the model {} at {}, by {}",
            upstream.name,
            upstream.model,
            upstream.url,
            format_name(upstream.format)
        )),
    }
}

/// Checks that the server answers. It is no failure if it does not list its models.
async fn check_server(client: &Client) -> CheckResult {
    let upstream = client.upstream();
    match client.list_models().await {
        Ok(offered) => {
            let names: Vec<String> = offered.into_iter().map(|model| model.id).collect();
            Ok(if names.contains(&upstream.model) {
                format!("{} answers, and has {}", upstream.url, upstream.model)
            } else {
                format!(
                    "{} answers; {} is not in its list: {}",
                    upstream.url,
                    upstream.model,
                    join_names(&names)
                )
            })
        }
        Err(Failure::Refused(refusal)) => Ok(format!(
            "{} answers, and lists no models ({})",
            upstream.url,
            refusal.status.as_u16()
        )),
        Err(failure @ Failure::NotAModel(_)) => Err(failure.named(upstream)),
        Err(failure) => Err(failure.named(upstream)),
    }
}

/// Sends the request and reports the result.
fn request_answer(
    runtime: &tokio::runtime::Runtime,
    client: &Client,
    findings: &mut CheckReport<'_>,
) -> Result<(), CheckError> {
    let request = question().map_err(io::Error::other)?;
    let asked = client.prepare(&DraftOrder {
        id: DraftId(0),
        model: client.upstream().name.clone(),
        request,
        already_sent: Vec::new(),
        continues: None,
        hint: None,
    });
    let sent = format!("{} bytes to {}", asked.body.len(), asked.path);
    let begun = Instant::now();
    let mut seen = RequestOutcome::default();
    let answered = runtime.block_on(client.answer(asked, |piece| {
        seen.add_piece(piece, begun.elapsed());
        true
    }));
    let words = |failure: Failure| failure.named(client.upstream());
    match answered {
        Err(failure @ (Failure::Refused(_) | Failure::Connect(_) | Failure::NoAnswer)) => {
            findings.result(CheckStep::Request, Err(words(failure)))?;
            findings.not_tried(&[CheckStep::Answer])?;
        }
        Err(failure) => {
            findings.result(CheckStep::Request, Ok(sent))?;
            findings.result(CheckStep::Answer, Err(words(failure)))?;
        }
        Ok(()) => {
            findings.result(CheckStep::Request, Ok(sent))?;
            findings.result(CheckStep::Answer, Ok(seen.summary()))?;
            match seen.call() {
                Some(call) => findings.result(CheckStep::Call, Ok(call))?,
                None => findings.remark(
                    CheckStep::Call,
                    "none, although a tool was offered and asked for: agents need models that call tools",
                )?,
            }
        }
    }
    Ok(())
}

fn question() -> Result<Request, ApiError> {
    let city = json!({"type": "string", "description": "The name of the city"});
    let body = json!({
        "model": "human",
        "stream": true,
        "max_tokens": MAX_TOKENS,
        "messages": [
            {"role": "system", "content": "You answer with calls of tools where they help."},
            {"role": "user", "content": "What is the weather in Paris? Use the tool to find out."}],
        "tools": [{"type": "function", "function": {
            "name": TOOL, "description": "Tells the weather in a city",
            "parameters": {"type": "object", "properties": {"city": city}, "required": ["city"]}}}],
    });
    Format::Chat.parse(body.to_string().as_bytes(), &Interner::default())
}

impl RequestOutcome {
    fn add_piece(&mut self, piece: Piece, after: Duration) {
        self.first.get_or_insert(after);
        match piece {
            Piece::Item(item) => self.items.push(item),
            Piece::Done { usage, cut_off } => {
                (self.usage, self.cut_off) = (usage, cut_off);
                self.whole = after;
            }
            Piece::Text(_) | Piece::Thought(_) | Piece::Call { .. } => {}
        }
    }

    fn summary(&self) -> String {
        let seconds = |time: Duration| match time.as_millis() {
            milliseconds @ 0..1_000 => format!("{milliseconds} ms"),
            _ => format!("{:.1} s", time.as_secs_f64()),
        };
        let first = self.first.map(seconds).unwrap_or_default();
        let whole = seconds(self.whole);
        let tokens = match &self.usage {
            Some(usage) => format!(", {} tokens", usage.output),
            None => String::new(),
        };
        let cut = if self.cut_off {
            ", cut off at a limit"
        } else {
            ""
        };
        format!(
            "the first word after {first}, all after {whole}{tokens}{cut}{}",
            self.excerpt()
        )
    }

    /// The beginning of the text of the answer; empty if there is none.
    fn excerpt(&self) -> String {
        let text: Vec<String> = self.items.iter().filter_map(message_text).collect();
        let text = text.join(" ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(MAX_LENGTH) {
            _ if text.is_empty() => String::new(),
            Some((end, _)) => format!(": \"{}…\"", &text[..end]),
            None => format!(": \"{text}\""),
        }
    }

    /// The first call in the answer.
    fn call(&self) -> Option<String> {
        self.items.iter().find_map(|item| match item {
            Body::FunctionCall {
                name, arguments, ..
            } => Some(format!("{name} {arguments}")),
            _ => None,
        })
    }
}

fn message_text(item: &Body) -> Option<String> {
    match item {
        Body::Message { content, .. } => Some(joined_text(content).into_owned()),
        _ => None,
    }
}
