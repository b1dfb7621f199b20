//! What every wire format can do with a reply.

use std::sync::Arc;

use super::responses::ResponseObject;
use super::{ApiError, Reply, Usage};

/// Makes identifiers: given a prefix such as `msg`, something like `msg_0198…`.
pub type Ids = Box<dyn FnMut(&str) -> String + Send>;

/// One server-sent event as it is written: a name, where the format has names, and a line of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The `event:` field.
    pub event: Option<&'static str>,
    /// The `data:` field, without line breaks.
    pub data: Arc<str>,
}

impl Frame {
    /// An event that was written down. Its name is one of those that this program gives.
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

    /// The events that leave before anybody has read the request.
    fn start(&mut self) -> Vec<Frame>;

    /// The event that tells the client that somebody is still thinking.
    fn heartbeat(&mut self) -> Frame;

    /// The events of a reply, up to the very last one of the stream if the reply ends the response.
    /// `now` is the time in Unix seconds; `usage` is told at the end.
    fn reply(&mut self, reply: &Reply, now: u64, usage: Option<Usage>) -> Vec<Frame>;

    /// The response as one document of JSON, once it has ended.
    ///
    /// # Errors
    ///
    /// What the format says with an HTTP error instead: a failure, where it has no other way.
    fn document(&self) -> Result<String, ApiError>;

    /// The response object as it stands, in the format that stores responses.
    fn response(&self) -> Option<&ResponseObject> {
        None
    }

    /// All that it takes to go on with the response later, in the format that can.
    fn checkpoint(&self) -> Option<String> {
        None
    }
}
