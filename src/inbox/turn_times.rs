//! Measures when what happened to a request: for the statistics, and for a study, whose pauses and
//! phases are also managed here.

use jiff::Timestamp;

use super::{Conversation, ConversationId, Inbox, RequestId, ScriptError};
use crate::journal::TurnTime;
use crate::study::{Delay, DelayPlan, Study, StudyPhase};

impl Inbox {
    /// Sets the settings of the study. It begins with its first phase, and paused if the settings say so.
    pub(crate) fn set_study(&mut self, study: Study, now: Timestamp) {
        self.paused = (study.enabled && study.starts_paused).then_some(now);
        self.study = study;
        self.phase = 0;
    }

    /// The current phase of the study, if it has phases.
    pub fn phase(&self) -> Option<&StudyPhase> {
        self.phases().get(self.phase)
    }

    /// All phases of the study, in order.
    pub fn phases(&self) -> &[StudyPhase] {
        if self.study.enabled {
            &self.study.phases
        } else {
            &[]
        }
    }

    /// Makes the phase of this name the current one. Returns whether there is one.
    pub(crate) fn go_to_phase(&mut self, name: &str) -> bool {
        let index = self.phases().iter().position(|phase| phase.name == name);
        self.phase = index.unwrap_or(self.phase);
        index.is_some()
    }

    fn phase_name(&self) -> Option<String> {
        self.phase().map(|phase| phase.name.clone())
    }

    /// Since when the study is paused, if it is: requests wait, and no reply is sent.
    pub fn paused(&self) -> Option<Timestamp> {
        self.paused
    }

    /// Pauses the study (`Some(true)`) or resumes it, or changes nothing (`None`). Returns since when it
    /// is paused, if it is.
    ///
    /// # Errors
    ///
    /// If there is no study.
    pub(crate) fn set_paused(
        &mut self,
        pauses: Option<bool>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ScriptError> {
        if !self.study.enabled {
            return Err(ScriptError::NoStudy);
        }
        if let Some(pauses) = pauses {
            self.pause(pauses, now);
        }
        Ok(self.paused)
    }

    /// Pauses or resumes the study. Returns whether that changed anything.
    fn pause(&mut self, pauses: bool, now: Timestamp) -> bool {
        match (pauses, self.paused) {
            (true, None) => {
                let waiting: Vec<ConversationId> = self.longest_waiting().collect();
                for id in waiting {
                    // A model that is writing a reply stops.
                    self.take_over(id, now);
                }
                self.paused = Some(now);
            }
            (false, Some(_)) => {
                let requests: Vec<RequestId> = self.times.keys().copied().collect();
                requests.into_iter().for_each(|id| self.add_pause(id, now));
                self.paused = None;
                let waiting: Vec<ConversationId> = self.longest_waiting().collect();
                for id in waiting {
                    // Rules and models had to wait too.
                    self.handle_automatically(id, now);
                    self.notify_waiters(id);
                }
            }
            _ => return false,
        }
        true
    }

    /// Adds the current pause, from its begin or from when the request came, to the times of a request.
    fn add_pause(&mut self, request: RequestId, now: Timestamp) {
        let Some(since) = self.paused else {
            return;
        };
        let conversation = self.requests.get(&request);
        let conversation = conversation.and_then(|id| self.conversations.get(id));
        let mut open = conversation.into_iter().flat_map(|found| &found.open);
        let arrived = open
            .find(|open| open.id == request)
            .map(|open| open.arrived);
        if let (Some(arrived), Some(times)) = (arrived, self.times.get_mut(&request)) {
            let paused = now.duration_since(since.max(arrived)).as_millis();
            times.paused += i64::try_from(paused).unwrap_or(0).max(0);
        }
    }

    /// The delay that the study asks for in a conversation.
    pub(super) fn reply_delay(&self, id: ConversationId) -> Option<Delay> {
        let request = self.get(id)?.request();
        self.study.delay(request.assignment.as_deref()).cloned()
    }

    /// Counts keys that the person pressed while a conversation was on the screen.
    pub fn record_keys(&mut self, id: ConversationId, keys: usize, now: Timestamp) {
        let open = self.get(id).and_then(Conversation::open_request);
        if let Some(times) = open.and_then(|open| self.times.get_mut(&open)) {
            times.first_key.get_or_insert(now.as_millisecond());
            times.keys = times
                .keys
                .saturating_add(i64::try_from(keys).unwrap_or(i64::MAX));
        }
    }

    /// Begins to measure the times of a request.
    pub(super) fn begin_turn_times(&mut self, id: ConversationId, request: RequestId) {
        let times = TurnTime {
            turn: request.0,
            conversation: id.0,
            delays: "[]".into(),
            phase: self.phase_name(),
            ..TurnTime::default()
        };
        self.times.insert(request, times);
    }

    /// Records that the request that waits in a conversation is on the screen, if it is.
    pub(super) fn record_displayed(&mut self, id: ConversationId, now: Timestamp) {
        let open = self.get(id).and_then(Conversation::open_request);
        let open = open.filter(|_| self.displayed == Some(id));
        if let Some(times) = open.and_then(|open| self.times.get_mut(&open)) {
            times.seen.get_or_insert(now.as_millisecond());
        }
    }

    /// Records that a reply is sent to a request, and returns what is to be saved with the reply.
    pub(super) fn record_reply_time(
        &mut self,
        request: RequestId,
        ended: bool,
        now: Timestamp,
    ) -> Option<TurnTime> {
        let now = now.as_millisecond();
        let phase = self.phase_name();
        if let Some(times) = self.times.get_mut(&request) {
            times.first_said.get_or_insert(now);
            times.phase = phase;
            if ended {
                (times.sent, times.ended) = (Some(now), Some(now));
            }
        }
        self.turn_times(request).cloned()
    }

    /// Records that all replies to a request were delivered, after which nothing more is measured.
    pub(super) fn record_delivery_time(&mut self, request: RequestId, now: Timestamp) {
        if let Some(times) = self.times.get_mut(&request) {
            times.delivered = Some(now.as_millisecond());
        }
        self.save_turn_times(request);
        self.times.remove(&request);
    }

    /// Records that the client of a request has gone, after which nothing more is measured.
    pub(super) fn record_disconnect_time(&mut self, request: RequestId, now: Timestamp) {
        self.add_pause(request, now);
        if let Some(times) = self.times.get_mut(&request) {
            times.ended.get_or_insert(now.as_millisecond());
        }
        self.save_turn_times(request);
        self.times.remove(&request);
    }

    /// Records how a reply is delayed.
    pub(super) fn record_delay_plan(&mut self, request: RequestId, plan: DelayPlan) {
        if let Some(times) = self.times.get_mut(&request) {
            let plans = serde_json::from_str::<Vec<DelayPlan>>(&times.delays);
            let mut plans = plans.unwrap_or_default();
            plans.push(plan);
            times.delays = serde_json::to_string(&plans).unwrap_or_default();
        }
        self.save_turn_times(request);
    }

    fn save_turn_times(&self, request: RequestId) {
        if let Some(times) = self.turn_times(request) {
            self.store.save_times(times.clone());
        }
    }

    /// What is to be saved of a request's times; `None` without a journal.
    fn turn_times(&self, request: RequestId) -> Option<&TurnTime> {
        let times = self.times.get(&request);
        times.filter(|_| self.store.has_journal())
    }
}
