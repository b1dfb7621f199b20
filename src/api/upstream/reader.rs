//! Reads what a model on another server says.

use super::Fault;
use crate::api::fields::Fields;
use crate::api::{Body, Phase, Piece};

/// Reads one answer, event by event as it is streamed, or as one document.
#[derive(Debug, Default)]
pub struct Reader {
    text: String,
    is_done: bool,
}

impl Reader {
    /// Reads a server-sent event: its name, where it has one, and its data.
    ///
    /// # Errors
    ///
    /// What went wrong. There is nothing more to be read then.
    pub fn event(&mut self, _name: Option<&str>, data: &str) -> Result<Vec<Piece>, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(self.finish());
        }
        let fields = Fields::of_text(data);
        let choice = fields.list("choices").into_iter().next();
        let text = choice.and_then(|choice| Fields::of(choice).object("delta").text("content"));
        let text = text.filter(|text| !text.is_empty());
        self.text.extend(text.as_deref());
        Ok(text.map(Piece::Text).into_iter().collect())
    }

    /// Reads the answer of a server that does not stream.
    ///
    /// # Errors
    ///
    /// As [`Reader::event`].
    pub fn document(&mut self, json: &[u8]) -> Result<Vec<Piece>, Fault> {
        let text =
            std::str::from_utf8(json).map_err(|error| Fault::Unreadable(error.to_string()))?;
        let fields = Fields::of_text(text);
        let choice = fields.list("choices").into_iter().next();
        let text = choice.and_then(|choice| Fields::of(choice).object("message").text("content"));
        self.text = text.unwrap_or_default();
        Ok(self.finish())
    }

    /// The end of the stream.
    ///
    /// # Errors
    ///
    /// [`Fault::Ended`] if the answer is not whole.
    pub fn end(&mut self) -> Result<Vec<Piece>, Fault> {
        match self.is_done {
            true => Ok(Vec::new()),
            false => Err(Fault::Ended),
        }
    }

    /// Whether the answer is whole, and nothing more is to be read.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    fn finish(&mut self) -> Vec<Piece> {
        self.is_done = true;
        let text = std::mem::take(&mut self.text);
        let item = Piece::Item(Body::message(text, Phase::FinalAnswer));
        let done = Piece::Done {
            usage: None,
            cut_off: false,
        };
        vec![item, done]
    }
}
