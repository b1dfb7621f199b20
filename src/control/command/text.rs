//! The text form of answers, for people.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::control::protocol::ControlRequest;
use crate::plain;

/// The width of the column with the agent's name; longer names are cut.
const AGENT_WIDTH: usize = 14;

pub(super) fn of(question: &ControlRequest, answer: &Value, zone: &TimeZone) -> String {
    match question {
        ControlRequest::Status {} => status(answer, zone),
        ControlRequest::List {} => list(answer, zone),
        ControlRequest::Show { .. } | ControlRequest::Wait { .. } => shown(answer, zone),
        ControlRequest::Label { .. } => "marked\n".into(),
        ControlRequest::Delete { .. } => "deleted\n".into(),
        ControlRequest::Study { .. } => study(answer, zone),
        ControlRequest::Reply { .. } => {
            let ended = answer["ended"].as_bool() == Some(true);
            reply_line(answer, if ended { "answered" } else { "note sent" })
        }
        ControlRequest::Reject { .. } => reply_line(answer, "rejected"),
    }
}

fn reply_line(answer: &Value, what: &str) -> String {
    format!(
        "{what}: conversation {}, request {}\n",
        answer["conversation"], answer["request"]
    )
}

fn status(answer: &Value, zone: &TimeZone) -> String {
    let waiting = answer["waiting"].as_u64().unwrap_or(0);
    let since = time(&answer["since"], zone);
    let words = match waiting {
        0 => "No request waits.".to_owned(),
        1 => format!("1 request waits, since {since}."),
        _ => format!("{waiting} requests wait, the longest since {since}."),
    };
    format!(
        "{words}\n{} at {}, process {}\n",
        text(&answer["program"]),
        text(&answer["address"]),
        answer["process"]
    )
}

fn study(answer: &Value, zone: &TimeZone) -> String {
    let mut out = match time(&answer["since"], zone).as_str() {
        "" => "The study is running.\n".to_owned(),
        since => format!("The study is paused since {since}.\n"),
    };
    if answer["phase"].is_string() {
        let all: Vec<String> = elements(&answer["phases"]).iter().map(text).collect();
        let (phase, all) = (text(&answer["phase"]), all.join(", "));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "Its phase is {phase}, of {all}.");
    }
    out
}

fn list(answer: &Value, zone: &TimeZone) -> String {
    let list = answer["conversations"].as_array();
    let list = list.map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return "No conversations.\n".into();
    }
    let line = |row: &Value| {
        let agent: String = text(&row["agent"]).chars().take(AGENT_WIDTH).collect();
        format!(
            "{:>6}  {}  {agent:<AGENT_WIDTH$}  {:<11}  {}\n",
            row["conversation"].to_string(),
            time(&row["active"], zone),
            text(&row["state"]),
            text(&row["title"])
        )
    };
    list.iter().map(line).collect()
}

fn shown(answer: &Value, zone: &TimeZone) -> String {
    let mut out = format!("{}  {}\n\n", answer["conversation"], text(&answer["title"]));
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name:<10}{value}");
        }
    };
    fact("state", text(&answer["state"]));
    fact("since", time(&answer["since"], zone));
    if let Some(request) = answer["request"].as_i64() {
        fact("request", request.to_string());
    }
    fact("agent", text(&answer["agent"]));
    let whose = ["participant", "condition"].map(|name| text(&answer[name]));
    fact("study", whose.join(" ").trim().to_owned());
    fact("folder", text(&answer["directory"]));
    let asks = &answer["asks"];
    match &asks["form"] {
        Value::String(form) if form == "text" => {}
        Value::String(form) => fact("answer", form.clone()),
        _ => fact("answer", "JSON by a schema".into()),
    }
    match text(&asks["tool_choice"]).as_str() {
        "auto" if asks["only_tools"].is_null() => {}
        choice => fact("calls", choice.to_owned()),
    }
    let tools = elements(&answer["tools"]).iter();
    let tools: Vec<String> = tools.map(|tool| text(&tool["name"])).collect();
    fact("tools", tools.join(" "));
    match answer["items_before"].as_u64() {
        None | Some(0) => {}
        Some(1) => out.push_str("\n1 item before; --all shows it\n"),
        Some(before) => {
            let _ = writeln!(out, "\n{before} items before; --all shows them");
        }
    }
    for item in elements(&answer["items"]) {
        let role = text(&item["role"]);
        let kind = text(&item["kind"]);
        let words = match kind.as_str() {
            "message" => vec![role],
            _ => vec![kind, text(&item["name"])],
        };
        let body = match &item["text"] {
            Value::String(text) if !text.is_empty() => text.clone(),
            _ => item["item"].to_string(),
        };
        block(&mut out, &words, &body);
    }
    for said in elements(&answer["said"]) {
        let by = match &said["by"] {
            Value::Object(by) => {
                let by = by
                    .iter()
                    .map(|(kind, name)| format!("{kind} {}", text(name)));
                by.collect::<Vec<_>>().join(" ")
            }
            by => text(by),
        };
        let words = [
            text(&said["kind"]),
            text(&said["name"]),
            by,
            text(&said["state"]),
        ];
        block(&mut out, &words, said["text"].as_str().unwrap_or_default());
    }
    out
}

fn block(out: &mut String, words: &[String], body: &str) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let _ = writeln!(out, "\n── {}", words.join(" · "));
    for line in body.lines() {
        // With a bar in front, so that no body line can pass for the heading of a block.
        let _ = writeln!(out, "│ {}", plain::line(line));
    }
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A string on one line; empty if the value is no string.
fn text(value: &Value) -> String {
    plain::line(value.as_str().unwrap_or_default())
}

fn time(value: &Value, zone: &TimeZone) -> String {
    let at: Option<Timestamp> = value.as_str().and_then(|at| at.parse().ok());
    let Some(at) = at.map(|at| zone.to_datetime(at)) else {
        return String::new();
    };
    format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute())
}
