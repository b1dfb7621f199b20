//! What the writers of all wire formats have in common.

use std::sync::Arc;

use super::responses::ResponseObject;
use super::{ApiError, Reply, Usage};

/// Makes identifiers: given a prefix such as `msg`, something like `msg_0198…`.
pub type Ids = Box<dyn FnMut(&str) -> String + Send>;

/// One server-sent event: a name, if the format has names, and a line of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The `event:` field.
    pub event: Option<&'static str>,
    /// The `data:` field, without line breaks.
    pub data: Arc<str>,
}

impl Frame {
    /// An event that was stored. A name that this program does not write is dropped.
    pub(crate) fn of_event(name: Option<String>, data: String) -> Self {
        Self {
            event: name.and_then(|name| super::responses::event_name(&name)),
            data: data.into(),
        }
    }

    /// An event without a name.
    pub fn data(data: impl ToString) -> Self {
        Self {
            event: None,
            data: data.to_string().into(),
        }
    }
}

/// Writes one response in a wire format, as a stream or as a document.
pub trait ResponseWriter: Send {
    /// The id of the response.
    fn id(&self) -> &str;

    /// The events that are sent before the person has read the request.
    fn start(&mut self) -> Vec<Frame>;

    /// A heartbeat, which keeps the client waiting.
    fn heartbeat(&mut self) -> Frame;

    /// The events of a reply, up to the very last one of the stream if the reply ends the response.
    /// `now` is the time in Unix seconds; `usage` is sent at the end.
    fn reply(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Frame>;

    /// The response as one JSON document, once it has ended.
    ///
    /// # Errors
    ///
    /// A failure, in formats that report it as an HTTP error.
    fn document(&self) -> Result<String, ApiError>;

    /// The response object so far, in the format that stores responses.
    fn response(&self) -> Option<&ResponseObject> {
        None
    }

    /// What is needed to resume the response later, in formats that can.
    fn checkpoint(&self) -> Option<String> {
        None
    }
}
