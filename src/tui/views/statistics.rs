//! The statistics of the person as a model: totals since the start, and charts over the journal, which
//! the worker reads when a tab with charts is opened.

use std::sync::{Arc, Mutex, Weak};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::charts;
use super::text::Pages;
use super::{TextView, View};
use crate::inbox::{self, DurationTotals};
use crate::journal::JournalReader;
use crate::statistics::{JournalStatistics, StatisticsJob};
use crate::tui::keys::action::Action;
use crate::tui::markup::{Markup, Styled};
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;
use crate::tui::worker::{Task, TaskProgress, lock};

/// Turns that are read in one step of the worker.
const MAX_TURNS: usize = 500;

pub(super) const VIEW: View = View {
    action: Action::ShowStatistics,
    open: |source| {
        let totals = totals(source.inbox.statistics());
        let Some(reader) = source.inbox.store().journal_reader() else {
            return Ok(TextView::new("statistics", totals));
        };
        let zone = source.zone.clone();
        Ok(TextView::paged(Box::new(StatisticsPages {
            totals,
            today: zone.to_datetime(source.now).date(),
            zone,
            reader,
            at: 0,
            counts: Default::default(),
            page_key: None,
        })))
    },
};

/// The tabs: title, name, and the days that are counted.
const PAGES: [(&str, &str, Days); 5] = [
    ("statistics", "totals", Days::None),
    ("statistics · today", "today", Days::Before(0)),
    ("statistics · 7 days", "7 days", Days::Before(6)),
    ("statistics · 30 days", "30 days", Days::Before(29)),
    ("statistics · all days", "all", Days::All),
];

/// Which days of the journal are counted.
#[derive(Debug, Clone, Copy)]
enum Days {
    /// None: the tab shows the totals since the start.
    None,
    /// Today and this many days before it.
    Before(i64),
    /// All of them.
    All,
}

/// The tabs of the view.
#[derive(Debug)]
struct StatisticsPages {
    totals: String,
    today: Date,
    zone: TimeZone,
    reader: JournalReader,
    /// The index of the current tab.
    at: usize,
    /// The statistics of each tab, once requested. Dropping one cancels its work.
    counts: [Option<Arc<Count>>; PAGES.len()],
    page_key: Option<PageKey>,
}

/// Everything that the text of a tab depends on.
#[derive(Debug, PartialEq)]
struct PageKey {
    page: usize,
    width: u16,
    theme: Theme,
    stage: Stage,
}

/// How far the journal is read.
#[derive(Debug, Clone)]
enum Stage {
    /// This many turns were read so far.
    Reading(usize),
    /// The statistics.
    Done(Arc<JournalStatistics>),
    /// The error.
    Failed(Arc<str>),
}

impl PartialEq for Stage {
    /// Statistics are never changed, so comparing pointers is enough.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Reading(one), Self::Reading(other)) => one == other,
            (Self::Done(one), Self::Done(other)) => Arc::ptr_eq(one, other),
            (Self::Failed(one), Self::Failed(other)) => one == other,
            _ => false,
        }
    }
}

impl Pages for StatisticsPages {
    fn title(&self) -> &'static str {
        PAGES[self.at].0
    }

    fn changed_text(&mut self, ui: &Ui, width: u16) -> Option<Styled> {
        let page_key = PageKey {
            page: self.at,
            width,
            theme: ui.theme.clone(),
            stage: self.stage(ui),
        };
        if self.page_key.as_ref() == Some(&page_key) {
            return None;
        }
        let tabs = charts::Tabs {
            names: PAGES.map(|(_, name, _)| name),
            at: self.at,
        };
        let sheet = match (PAGES[self.at].2, &page_key.stage) {
            (Days::None, _) => charts::words(&ui.theme, &tabs, &self.totals, width),
            (_, Stage::Reading(turns)) => {
                let words = format!("reading the journal… {turns} requests so far");
                charts::words(&ui.theme, &tabs, &words, width)
            }
            (_, Stage::Failed(why)) => charts::words(&ui.theme, &tabs, why, width),
            (_, Stage::Done(statistics)) if statistics.all.turns == 0 => {
                charts::words(&ui.theme, &tabs, "no requests in this time", width)
            }
            (_, Stage::Done(statistics)) => charts::statistics(&ui.theme, &tabs, statistics, width),
        };
        self.page_key = Some(page_key);
        let (text, tones) = sheet;
        Some(Styled::new(text, Markup::Toned(tones)))
    }

    fn turn(&mut self, pages: i64) -> bool {
        let last = PAGES.len() as i64 - 1;
        let to = (self.at as i64).saturating_add(pages).clamp(0, last);
        let to = usize::try_from(to).unwrap_or(0);
        if to == self.at {
            return false;
        }
        // Cancel unfinished work for the tab that is left.
        self.counts[self.at].take_if(|count| matches!(count.stage(), Stage::Reading(_)));
        self.at = to;
        true
    }
}

impl StatisticsPages {
    /// How far the journal is read for the current tab; requests more work if that is not finished.
    fn stage(&mut self, ui: &Ui) -> Stage {
        let Some(since) = self.since() else {
            return Stage::Reading(0);
        };
        let count = self.counts[self.at].get_or_insert_with(|| {
            let gathering = StatisticsJob::new(self.reader.clone(), since, self.zone.clone());
            Arc::new(Count::new(gathering))
        });
        let stage = count.stage();
        if matches!(stage, Stage::Reading(_)) {
            let task: Weak<Count> = Arc::downgrade(count);
            ui.worker.ask(task);
        }
        stage
    }

    /// The time from which turns count for the current tab, in milliseconds since 1970; `None` if none
    /// do.
    fn since(&self) -> Option<i64> {
        match PAGES[self.at].2 {
            Days::None => None,
            Days::All => Some(i64::MIN),
            Days::Before(days) => {
                let first = self.today.saturating_sub(Span::new().days(days));
                let begin = self.zone.to_zoned(first.into()).map(Timestamp::from);
                Some(begin.map_or(i64::MIN, Timestamp::as_millisecond))
            }
        }
    }
}

/// The task that reads the journal and counts turns.
#[derive(Debug)]
struct Count {
    /// The work; `None` when it is done. Drawing never locks this.
    gathering: Mutex<Option<StatisticsJob>>,
    stage: Mutex<Stage>,
}

impl Count {
    fn new(gathering: StatisticsJob) -> Self {
        Self {
            gathering: Mutex::new(Some(gathering)),
            stage: Mutex::new(Stage::Reading(0)),
        }
    }

    fn stage(&self) -> Stage {
        lock(&self.stage).clone()
    }

    fn fail_with(&self, why: &str) {
        *lock(&self.stage) = Stage::Failed(why.into());
    }
}

impl Task for Count {
    fn work(&self) -> TaskProgress {
        let mut gathering = lock(&self.gathering);
        let Some(mut left) = gathering.take() else {
            return TaskProgress::default();
        };
        let goes_on = match left.read_more(MAX_TURNS) {
            Ok(true) => {
                *lock(&self.stage) = Stage::Reading(left.turns());
                *gathering = Some(left);
                true
            }
            Ok(false) => {
                *lock(&self.stage) = Stage::Done(Arc::new(left.finish()));
                false
            }
            Err(error) => {
                self.fail_with(&format!("cannot read the journal: {error}"));
                false
            }
        };
        TaskProgress {
            shows: true,
            goes_on,
            bytes: 0,
        }
    }

    fn fail(&self) {
        self.fail_with("cannot read the journal");
    }

    fn forget(&self) {
        // The results are small and stay.
    }
}

fn totals(numbers: &inbox::ResponseStatistics) -> String {
    let seconds = |spread: &DurationTotals| match spread.mean() {
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
