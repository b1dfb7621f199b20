//! A response in progress: turns replies of the person into events, for any transport.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::budget::Reservation;
use super::pacing::Pacing;
use super::refusals::excerpt;
use super::token_counter::TokenCounter;
use super::{AppState, error::ErrorResponse};
use crate::agents::Housekeeping;
use crate::api::responses::{self, ResponseStatus};
use crate::api::{ApiError, Ending, FailureCode, Frame, Ids, Reply, Request, ResponseWriter};
use crate::inbox::PendingRequest;
use crate::store::{Opened, ResponseRecorder, Responses};

/// Constructor of the writer of a wire format.
pub(super) type MakeWriter = fn(&Request, u64, Ids) -> Box<dyn ResponseWriter>;

/// A request that is before the person, and its response.
pub(super) struct ActiveResponse {
    writer: Box<dyn ResponseWriter>,
    pending: PendingRequest,
    pacing: Pacing,
    token_counter: TokenCounter,
    recorder: Option<ResponseRecorder>,
    has_started: bool,
    /// Whether the response was still stored when it was updated last.
    is_stored: bool,
    /// Whether it is resumed after a restart.
    is_background: bool,
    /// The last reply that is not delivered yet, and the tokens since the last delivery.
    undelivered: Option<u64>,
    tokens: u64,
    ended: bool,
    calls: CallIds,
}

impl ActiveResponse {
    /// Puts a request before the person, and releases its memory reservation. The response is
    /// stored in `places` while it is in progress and after that.
    ///
    /// # Errors
    ///
    /// If the inbox does not accept it.
    pub(super) async fn open(
        state: &AppState,
        mut request: Request,
        reservation: Reservation,
        agent: String,
        write: MakeWriter,
        places: Vec<Responses>,
    ) -> Result<Self, ErrorResponse> {
        let housekeeping = Housekeeping::of(&request, &state.settings.answered);
        let is_background = request.background;
        let calls = CallIds::default();
        let writer = write(&request, unix_now(), calls.ids());
        let (model, items) = (excerpt(&request.model), request.items.len());
        let (earlier, is_automatic) = (request.earlier, housekeeping.is_some());
        let mut kept = None;
        if writer.response().is_some() && !places.is_empty() {
            request.chain.get_or_insert_with(|| writer.id().to_owned());
            kept = Some(request.clone());
        }
        let counted = (request.items.clone(), Arc::clone(&request.tools));
        // Before it is stored: a request that is not accepted must not evict stored ones. And
        // before anything is logged or counted, so that the person sees it first.
        let pending = state.intake.open_async(request, agent, housekeeping);
        let pending = pending.await;
        tracing::info!(
            response = writer.id(),
            model,
            items,
            earlier,
            background = is_background,
            housekeeping = is_automatic,
            "request"
        );
        let pending = pending?;
        let token_counter = TokenCounter::start(counted.0, counted.1);
        let record = kept.zip(writer.response()).map(|(request, response)| {
            let turn = Some(pending.key().request);
            ResponseRecorder::begin(places, &request, response, turn)
        });
        drop(reservation);
        let mut active = Self::of(writer, pending, token_counter, record);
        active.is_background = is_background;
        active.calls = calls;
        Ok(active)
    }

    /// Puts a background response of an earlier run before the person again. Its events so far are
    /// stored.
    ///
    /// # Errors
    ///
    /// If the inbox does not accept it, or its checkpoint cannot be read.
    pub(super) async fn resume(
        state: &AppState,
        request: Request,
        opened: Opened,
        checkpoint: &str,
    ) -> Result<Self, ErrorResponse> {
        let unreadable = || ApiError::invalid("The response cannot be read any more.");
        let writer = responses::ResponsesWriter::resume(&request, checkpoint, Box::new(new_id));
        let writer = writer.ok_or_else(unreadable)?;
        let id = writer.id().to_owned();
        let has_started = writer.has_started();
        let token_counter = TokenCounter::start(request.items.clone(), Arc::clone(&request.tools));
        let agent = opened.agent().to_owned();
        let pending = state.intake.reopen(request, opened, agent)?;
        let record = ResponseRecorder::resume(state.store.responses().clone(), &id).await;
        let mut active = Self::of(Box::new(writer), pending, token_counter, Some(record));
        active.has_started = has_started;
        active.is_background = true;
        Ok(active)
    }

    fn of(
        writer: Box<dyn ResponseWriter>,
        pending: PendingRequest,
        token_counter: TokenCounter,
        recorder: Option<ResponseRecorder>,
    ) -> Self {
        Self {
            writer,
            pending,
            pacing: Pacing::default(),
            token_counter,
            is_stored: recorder.is_some(),
            is_background: false,
            recorder,
            has_started: false,
            undelivered: None,
            tokens: 0,
            ended: false,
            calls: CallIds::default(),
        }
    }

    /// Waits until the request and its response so far are in the journal: nothing is sent before.
    pub(super) async fn wait_until_recorded(&mut self) {
        let record = self.recorder.as_ref().map(ResponseRecorder::saving);
        let saving = self.pending.saving().max(record.unwrap_or_default());
        self.pending.store().settled(saving).await;
    }

    /// The id of the response.
    pub(super) fn id(&self) -> &str {
        self.writer.id()
    }

    /// The response as a document of JSON.
    ///
    /// # Errors
    ///
    /// A failure, where the format has no document for it.
    pub(super) fn document(&self) -> Result<String, ApiError> {
        self.writer.document()
    }

    /// The events that are sent before the person has read the request; none if already sent.
    pub(super) fn start(&mut self) -> Vec<Frame> {
        if std::mem::replace(&mut self.has_started, true) {
            return Vec::new();
        }
        let frames = self.writer.start();
        self.record_frames(&frames);
        frames
    }

    /// A heartbeat event.
    pub(super) fn heartbeat(&mut self) -> Frame {
        self.writer.heartbeat()
    }

    /// Waits for the next reply, to be passed to [`ActiveResponse::write`]. Cancel-safe.
    pub(super) async fn next_reply(&mut self) -> NextReply {
        if self.pacing.is_idle() {
            let Some(next) = self.pending.next().await else {
                return NextReply(None);
            };
            let request = self.pending.key().request;
            let delay = self.pending.delay();
            if let Some(plan) = self.pacing.begin(next, delay, request.0) {
                self.pending.report_delay(plan);
            }
        }
        NextReply(Some(self.pacing.next().await))
    }

    /// The events of a reply.
    pub(super) async fn write(&mut self, NextReply(next): NextReply) -> Vec<Frame> {
        let (ticket, reply) = match next {
            Some((ticket, reply)) => (ticket, reply),
            None => (None, going_away()),
        };
        let (tokens, usage) = self.token_counter.add(&reply).await;
        self.tokens += tokens;
        self.undelivered = ticket;
        self.ended = reply.ends();
        let frames = self.writer.reply(&reply, unix_now(), usage);
        let conversation = self.pending.key().conversation;
        self.pending
            .store()
            .add_calls(conversation, self.calls.take());
        self.record_frames(&frames);
        self.wait_until_recorded().await;
        frames
    }

    /// Releases a response that will be resumed later.
    pub(super) fn suspend(mut self) {
        if let Some(record) = self.recorder.take() {
            record.leave_open();
        }
    }

    /// Reports the last reply as delivered to the client.
    pub(super) fn delivered(&mut self) {
        if let Some(ticket) = self.undelivered.take() {
            let tokens = std::mem::take(&mut self.tokens);
            self.pending.delivered(ticket, tokens, self.ended);
        }
    }

    /// Whether the last reply was written.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the response has failed.
    pub(super) fn has_failed(&self) -> bool {
        let response = self.writer.response();
        response.is_some_and(|response| response.status() == ResponseStatus::Failed)
    }

    /// Whether the response is still stored for later retrieval.
    pub(super) fn is_stored(&self) -> bool {
        self.is_stored
    }

    fn record_frames(&mut self, frames: &[Frame]) {
        let Some(record) = &mut self.recorder else {
            return;
        };
        if let Some(response) = self.writer.response() {
            let events = match frames {
                // A frame without a name only ends a stream, and is not stored.
                [events @ .., last] if last.event.is_none() => events,
                events => events,
            };
            let checkpoint = self
                .is_background
                .then(|| self.writer.checkpoint())
                .flatten();
            self.is_stored = record.update(response, checkpoint, events, self.ended);
        }
    }
}

/// Collects the ids of calls that a writer makes.
#[derive(Default)]
struct CallIds(Arc<Mutex<Vec<String>>>);

impl CallIds {
    /// A generator of ids that collects those of calls.
    fn ids(&self) -> Ids {
        let made = Arc::clone(&self.0);
        Box::new(move |prefix| {
            let id = new_id(prefix);
            if matches!(prefix, "call" | "toolu") {
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                made.push(id.clone());
            }
            id
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The next reply, or the end of replies.
pub(super) struct NextReply(Option<(Option<u64>, Reply)>);

impl NextReply {
    /// Whether no reply will ever come.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_none()
    }
}

/// The end of open responses when the program shuts down. Codex retries on this code until the
/// server is back, so that a restart loses no turn.
fn going_away() -> Reply {
    Reply::End {
        items: Vec::new(),
        ending: Ending::Failed {
            code: FailureCode::ServerError,
            message: "The server is shutting down; nobody answered this request.".into(),
        },
    }
}

/// An identifier with a prefix such as `msg`; later ones sort after earlier ones.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// Seconds since the Unix epoch.
pub(super) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
