//! When what happened to the requests that wait: what a study and the statistics are made of.

use jiff::Timestamp;

use super::{Conversation, ConversationId, Inbox, RequestId, ScriptError};
use crate::journal::TurnTime;
use crate::study::{Delay, DelayPlan, Study, StudyPhase};

impl Inbox {
    /// Says what a study goes by, from now on.
    pub(crate) fn set_study(&mut self, study: Study, now: Timestamp) {
        self.paused = (study.enabled && study.starts_paused).then_some(now);
        self.study = study;
        self.phase = 0;
    }

    /// The phase of the study that is on, if it has any.
    pub fn phase(&self) -> Option<&StudyPhase> {
        self.phases().get(self.phase)
    }

    /// All phases of the study, in order.
    pub fn phases(&self) -> &[StudyPhase] {
        match self.study.enabled {
            true => &self.study.phases,
            false => &[],
        }
    }

    /// Goes to the phase of this name; says whether there is one.
    pub(crate) fn go_to_phase(&mut self, name: &str) -> bool {
        let place = self.phases().iter().position(|phase| phase.name == name);
        self.phase = place.unwrap_or(self.phase);
        place.is_some()
    }

    fn phase_name(&self) -> Option<String> {
        self.phase().map(|phase| phase.name.clone())
    }

    /// Since when the study stands still, if it does: requests wait, and nothing is sent to them.
    pub fn paused(&self) -> Option<Timestamp> {
        self.paused
    }

    /// Has the study stand still (`true`) or go on, or only tells: since when it stands still, if it does.
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

    /// Has the study stand still, or go on; says whether it did the other before.
    fn pause(&mut self, pauses: bool, now: Timestamp) -> bool {
        match (pauses, self.paused) {
            (true, None) => {
                let waiting: Vec<ConversationId> = self.longest_waiting().collect();
                for id in waiting {
                    // A model that writes stops here.
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
                    // What is decided without the person had to wait too.
                    self.handle_automatically(id, now);
                    self.notify_waiters(id);
                }
            }
            _ => return false,
        }
        true
    }

    /// Adds the pause that holds now to a request that waits.
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

    /// How slowly what is said in a conversation leaves.
    pub(super) fn reply_delay(&self, id: ConversationId) -> Option<Delay> {
        let request = self.get(id)?.request();
        self.study.delay(request.assignment.as_deref()).cloned()
    }

    /// The person pressed keys while a conversation was open.
    pub fn record_keys(&mut self, id: ConversationId, keys: usize, now: Timestamp) {
        let open = self.get(id).and_then(Conversation::open_request);
        if let Some(times) = open.and_then(|open| self.times.get_mut(&open)) {
            times.first_key.get_or_insert(now.as_millisecond());
            times.keys = times
                .keys
                .saturating_add(i64::try_from(keys).unwrap_or(i64::MAX));
        }
    }

    /// A request waits for the person from now on.
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

    /// What waits in a conversation is on the screen, if that is open.
    pub(super) fn record_displayed(&mut self, id: ConversationId, now: Timestamp) {
        let open = self.get(id).and_then(Conversation::open_request);
        let open = open.filter(|_| self.displayed == Some(id));
        if let Some(times) = open.and_then(|open| self.times.get_mut(&open)) {
            times.seen.get_or_insert(now.as_millisecond());
        }
    }

    /// Something was said to a request.
    pub(super) fn record_reply_time(&mut self, request: RequestId, ended: bool, now: Timestamp) {
        let now = now.as_millisecond();
        let phase = self.phase_name();
        if let Some(times) = self.times.get_mut(&request) {
            times.first_said.get_or_insert(now);
            times.phase = phase;
            if ended {
                (times.sent, times.ended) = (Some(now), Some(now));
            }
        }
        self.save_turn_times(request);
    }

    /// All that was said to a request has reached its client.
    pub(super) fn record_delivery_time(&mut self, request: RequestId, now: Timestamp) {
        if let Some(times) = self.times.get_mut(&request) {
            times.delivered = Some(now.as_millisecond());
        }
        self.save_turn_times(request);
        self.times.remove(&request);
    }

    /// The client of a request has gone.
    pub(super) fn record_disconnect_time(&mut self, request: RequestId, now: Timestamp) {
        self.add_pause(request, now);
        if let Some(times) = self.times.get_mut(&request) {
            times.ended.get_or_insert(now.as_millisecond());
        }
        self.save_turn_times(request);
        self.times.remove(&request);
    }

    /// A reply leaves slowly.
    pub(super) fn record_pacing(&mut self, request: RequestId, plan: DelayPlan) {
        if let Some(times) = self.times.get_mut(&request) {
            let plans = serde_json::from_str::<Vec<DelayPlan>>(&times.delays);
            let mut plans = plans.unwrap_or_default();
            plans.push(plan);
            times.delays = serde_json::to_string(&plans).unwrap_or_default();
        }
        self.save_turn_times(request);
    }

    fn save_turn_times(&self, request: RequestId) {
        let times = self
            .times
            .get(&request)
            .filter(|_| self.store.has_journal());
        if let Some(times) = times {
            self.store.save_times(times.clone());
        }
    }
}
