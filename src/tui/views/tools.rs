//! The tools that the request offers, with their parameters.

use serde_json::Value;

use super::{NONE_YET, TextView, View};
use crate::api::Tool;
use crate::tui::keys::action::Action;
use crate::tui::markup::Markup;

pub(super) const VIEW: View = View {
    action: Action::ShowTools,
    open: |app| {
        let conversation = app.conversation().ok_or(NONE_YET)?;
        let text = text(conversation.tools());
        Ok(TextView::foreign(
            "tools of this request",
            text,
            Markup::Plain,
        ))
    },
};

fn text(tools: &[Tool]) -> String {
    if tools.is_empty() {
        return "This request offers no tools.".into();
    }
    let mut text = String::new();
    for tool in tools {
        text.push_str(&format!("{} ({})\n", tool.title(), tool.kind));
        for line in tool.description.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        let properties = tool
            .parameters()
            .and_then(|schema| schema.get("properties"));
        for (name, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
            let required = tool.parameters().and_then(|schema| schema.get("required"));
            let required = required.and_then(Value::as_array);
            let required = required.is_some_and(|names| names.iter().any(|n| n == name));
            let kind = match schema.get("type") {
                Some(Value::String(kind)) => kind.clone(),
                Some(kinds) => kinds.to_string(),
                None => "any".into(),
            };
            let required = if required { ", required" } else { "" };
            let about = schema.get("description").and_then(Value::as_str);
            let about = about.map(|about| format!("  {about}")).unwrap_or_default();
            text.push_str(&format!("  · {name}: {kind}{required}{about}\n"));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}
