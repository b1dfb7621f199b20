//! A text that takes the place of the transcript: help, tools, raw JSON.

use crate::inbox::{Spread, Statistics};
use crate::tui::keys::keymap::Keymap;
use crate::tui::markup::{Markup, Styled};
use crate::tui::text::scroll::{Position, Viewport};

/// Which text a pager shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The keys.
    Help,
    /// The tools that the request offers.
    Tools,
    /// The request, or the selected item, as JSON.
    Raw,
    /// How the person does.
    Statistics,
}

/// A text with a place in it.
#[derive(Debug)]
pub struct Pager {
    /// What it shows.
    pub topic: Topic,
    /// The text.
    pub text: Styled,
    viewport: Viewport,
    width: u16,
    height: u16,
}

impl Pager {
    /// A pager at the top of a text.
    pub fn new(topic: Topic, text: String) -> Self {
        let markup = match topic {
            Topic::Raw => Markup::Json,
            Topic::Help | Topic::Tools | Topic::Statistics => Markup::Plain,
        };
        Self {
            topic,
            text: Styled::new(text, markup),
            viewport: Viewport::default(),
            width: 0,
            height: 0,
        }
    }

    /// The title of the pane.
    pub fn title(&self) -> &'static str {
        match self.topic {
            Topic::Help => "help",
            Topic::Tools => "tools of this request",
            Topic::Raw => "raw JSON",
            Topic::Statistics => "statistics",
        }
    }

    /// Fits the text into a pane of this size.
    pub fn layout(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (width.max(1), height);
        self.viewport.clamp(self.text.text(), self.width, height);
    }

    /// The rows on the screen from top to bottom.
    pub fn visible(&self) -> impl Iterator<Item = Position> + use<'_> {
        self.viewport
            .visible(self.text.text(), self.width, self.height)
    }

    /// Moves by rows, down if positive.
    pub fn scroll(&mut self, rows: i64) {
        self.viewport
            .scroll(self.text.text(), self.width, self.height, rows);
    }

    /// Moves by pages, down if positive, with a row of overlap.
    pub fn scroll_pages(&mut self, pages: i64) {
        self.scroll(pages * i64::from(self.height.saturating_sub(1).max(1)));
    }
}

/// What the keys do, and what the kinds of reply mean.
pub fn help(keymap: &Keymap) -> String {
    let mut text = String::from(
        "You are the model. A request opens here by itself; read it, type, press Enter.\n\n\
         Send         the final answer; ends the response\n\
         Progress     a note that shows at once; the response stays open\n\
         Run command  a shell command for the agent to run (type ! first)\n\
         Call tool    any tool that the request offers\n\
         Think        a summary of your thoughts; the response stays open\n\
         Reject       ends the turn with an error in your words\n\n",
    );
    for (action, chords) in keymap.bindings() {
        let keys: Vec<String> = chords.iter().map(ToString::to_string).collect();
        let keys = match keys.join(", ") {
            keys if keys.is_empty() => "(no key)".to_owned(),
            keys => keys,
        };
        text.push_str(&format!("{keys:<20} {}\n", action.description()));
    }
    text.push_str("\nThe text area also knows the usual keys of readline: Ctrl+A, Ctrl+E, ");
    text.push_str("Ctrl+K, Ctrl+U, Ctrl+W, Ctrl+Y, Alt+B, Alt+F.");
    text
}

/// Numbers since the program was started.
pub fn statistics(numbers: &Statistics) -> String {
    let seconds = |spread: &Spread| match spread.mean() {
        Some(mean) => format!("{mean:.1} s on average, {:.1} s at most", spread.longest),
        None => "none yet".into(),
    };
    let speed = numbers.tokens_per_second();
    let speed = speed.map_or("none yet".into(), |speed| format!("{speed:.2}"));
    let (requests, answered) = (numbers.requests, numbers.answered);
    let (gone, automatic) = (numbers.gone, numbers.automatic);
    let (first, whole) = (seconds(&numbers.first), seconds(&numbers.whole));
    let tokens = numbers.output_tokens;
    format!(
        "Requests               {requests}\n\
         Answered by you        {answered}\n\
         Client gone            {gone}\n\
         Answered by themselves {automatic}\n\n\
         Time to first token    {first}\n\
         Time to the end        {whole}\n\n\
         Tokens said            {tokens}\n\
         Tokens per second      {speed}"
    )
}
