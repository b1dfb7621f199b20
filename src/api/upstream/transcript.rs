//! Conversations as messages of Chat Completions, for export as training data.

use serde_json::{Map, Value, json};

use super::arguments::as_object;
use super::chat;
use super::history::ModelHistory;
use super::tools::{Function, Toolbox};
use super::{Continuing, DraftContext};
use crate::api::{Body, Format, Request, ToolList};

/// The tools of an agent as functions, and its calls as calls of those.
#[derive(Debug)]
pub struct Functions {
    toolbox: Toolbox,
    functions: Vec<Function>,
}

impl Functions {
    /// The functions for a list of tools.
    pub fn of(tools: &ToolList) -> Self {
        let (toolbox, functions) = Toolbox::of(tools.tools());
        Self { toolbox, functions }
    }

    /// The definitions of the functions.
    pub(crate) fn definitions(&self) -> Vec<Value> {
        self.functions.iter().map(chat::tool).collect()
    }

    /// The function name of a call, and its arguments as a JSON object; `None` if it is no call.
    pub fn call(&self, call: &Body) -> Option<(String, String)> {
        let (name, arguments) = self.toolbox.function_of(call)?;
        Some((name, as_object(&arguments)))
    }

    /// The messages of a request, which must offer these tools.
    pub fn prompt(&self, request: &Request, takes_thoughts: bool) -> Vec<Value> {
        self.messages(request, &[], takes_thoughts)
    }

    /// The replies to a request as assistant messages. Call ids are numbered from `calls` on.
    pub fn reply(&self, said: &[Body], calls: usize, takes_thoughts: bool) -> Vec<Value> {
        let nothing = Request::empty(Format::Chat);
        let mut messages = self.messages(&nothing, said, takes_thoughts);
        messages.retain(|message| message["role"] == "assistant");
        let all = messages
            .iter_mut()
            .filter_map(|message| message.get_mut("tool_calls")?.as_array_mut());
        for (number, call) in (calls + 1..).zip(all.flatten()) {
            call["id"] = json!(super::history::numbered_call_id(number));
        }
        messages
    }

    fn messages(&self, request: &Request, said: &[Body], takes_thoughts: bool) -> Vec<Value> {
        let ask = DraftContext {
            request,
            said,
            continues: None,
            hint: None,
            model: "",
            format: Format::Chat,
            continuing: Continuing::default(),
            takes_images: true,
            takes_thoughts,
            max_tokens: None,
            parameters: &Map::new(),
        };
        let mut history = ModelHistory::of(&ask, &self.toolbox);
        history.pictures_to_user();
        chat::messages(&ask, &history)
    }
}
