//! How the person does as a model.

use super::{TextView, View};
use crate::inbox::{Spread, Statistics};
use crate::tui::keys::action::Action;

pub(super) const VIEW: View = View {
    action: Action::ShowStatistics,
    open: |app| Ok(TextView::new("statistics", text(app.inbox.statistics()))),
};

fn text(numbers: &Statistics) -> String {
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
         Auto-answered          {automatic}\n\n\
         Time to first token    {first}\n\
         Time to completion     {whole}\n\n\
         Tokens sent            {tokens}\n\
         Tokens per second      {speed}"
    )
}
