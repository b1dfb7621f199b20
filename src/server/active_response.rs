//! A response under way: what the person says becomes events, whatever carries them.

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

/// Makes the writer of a wire format.
pub(super) type Write = fn(&Request, u64, Ids) -> Box<dyn ResponseWriter>;

/// A request that is before the person, and the response to it.
pub(super) struct ActiveResponse {
    writer: Box<dyn ResponseWriter>,
    pending: PendingRequest,
    pacing: Pacing,
    token_counter: TokenCounter,
    record: Option<ResponseRecorder>,
    has_started: bool,
    /// Whether what was said last went where it is kept.
    is_kept: bool,
    /// Whether it is gone on with after a restart.
    is_background: bool,
    /// The reply that was said last and is not delivered yet, and the tokens since the last that
    /// was.
    receipt: Option<u64>,
    tokens: u64,
    ended: bool,
    calls: CallIds,
}

impl ActiveResponse {
    /// Puts a request before the person, where it holds nothing of the budget any more. The response
    /// is kept in these places while it comes to be and after that.
    ///
    /// # Errors
    ///
    /// If nobody takes it.
    pub(super) async fn open(
        state: &AppState,
        mut request: Request,
        reservation: Reservation,
        agent: String,
        write: Write,
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
        // Before it is kept: what nobody takes must not push out what is kept already. And before
        // anything is logged or counted, so that the person sees it first.
        let pending = state.intake.open_anywhere(request, agent, housekeeping);
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
            let turn = Some(pending.place().request);
            ResponseRecorder::begin(places, &request, response, turn)
        });
        drop(reservation);
        let mut active = Self::of(writer, pending, token_counter, record);
        active.is_background = is_background;
        active.calls = calls;
        Ok(active)
    }

    /// Puts a background response of an earlier run before the person again. Its events so far are
    /// in the log.
    ///
    /// # Errors
    ///
    /// If nobody takes it, or it cannot be read any more.
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
        record: Option<ResponseRecorder>,
    ) -> Self {
        Self {
            writer,
            pending,
            pacing: Pacing::default(),
            token_counter,
            is_kept: record.is_some(),
            is_background: false,
            record,
            has_started: false,
            receipt: None,
            tokens: 0,
            ended: false,
            calls: CallIds::default(),
        }
    }

    /// Waits until all that is known of the request and its response is in the journal: nothing about
    /// them leaves before.
    pub(super) async fn settled(&mut self) {
        let record = self.record.as_ref().map(ResponseRecorder::saving);
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

    /// The events that leave before anybody has read the request; none if they have left already.
    pub(super) fn start(&mut self) -> Vec<Frame> {
        if std::mem::replace(&mut self.has_started, true) {
            return Vec::new();
        }
        let frames = self.writer.start();
        self.keep(&frames);
        frames
    }

    /// The event that says that somebody is still thinking.
    pub(super) fn heartbeat(&mut self) -> Frame {
        self.writer.heartbeat()
    }

    /// Waits for the next thing that the person says; hand it to [`ActiveResponse::write`]. Can be given
    /// up and begun again without losing anything.
    pub(super) async fn next_reply(&mut self) -> NextReply {
        if self.pacing.is_idle() {
            let Some(next) = self.pending.next().await else {
                return NextReply(None);
            };
            let request = self.pending.place().request;
            let delay = self.pending.delay();
            if let Some(plan) = self.pacing.begin(next, delay, request.0) {
                self.pending.paced(plan);
            }
        }
        NextReply(Some(self.pacing.next().await))
    }

    /// The events of what the person said.
    pub(super) async fn write(&mut self, NextReply(next): NextReply) -> Vec<Frame> {
        let (ticket, reply) = match next {
            Some((ticket, reply)) => (ticket, reply),
            None => (None, going_away()),
        };
        let (tokens, usage) = self.token_counter.add(&reply).await;
        self.tokens += tokens;
        self.receipt = ticket;
        self.ended = reply.ends();
        let frames = self.writer.reply(&reply, unix_now(), usage);
        let conversation = self.pending.place().conversation;
        self.pending.store().called(conversation, self.calls.take());
        self.keep(&frames);
        self.settled().await;
        frames
    }

    /// Lets go of a response that will be gone on with later.
    pub(super) fn leave(mut self) {
        if let Some(record) = self.record.take() {
            record.leave();
        }
    }

    /// Tells the person that what was said last has been handed over.
    pub(super) fn delivered(&mut self) {
        if let Some(ticket) = self.receipt.take() {
            let tokens = std::mem::take(&mut self.tokens);
            self.pending.delivered(ticket, tokens, self.ended);
        }
    }

    /// Whether the person has said the last of it.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the response has failed.
    pub(super) fn has_failed(&self) -> bool {
        let response = self.writer.response();
        response.is_some_and(|response| response.status() == ResponseStatus::Failed)
    }

    /// Whether the response is still kept for those who come back for it.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    fn keep(&mut self, frames: &[Frame]) {
        let Some(record) = &mut self.record else {
            return;
        };
        if let Some(response) = self.writer.response() {
            let events = match frames {
                // What has no name is no event of the response: it ends a stream.
                [events @ .., last] if last.event.is_none() => events,
                events => events,
            };
            let checkpoint = self
                .is_background
                .then(|| self.writer.checkpoint())
                .flatten();
            self.is_kept = record.update(response, checkpoint, events, self.ended);
        }
    }
}

/// The ids of the calls that a writer has made and nobody has taken yet.
#[derive(Default)]
struct CallIds(Arc<Mutex<Vec<String>>>);

impl CallIds {
    /// Makes identifiers, and keeps those of calls.
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

/// Something that the person said, or that there will be nothing more.
pub(super) struct NextReply(Option<(Option<u64>, Reply)>);

impl NextReply {
    /// Whether nobody will ever say anything.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_none()
    }
}

/// What an open response ends with when the program does. Codex tries again on this code until
/// the server is back, so that a restart costs no turn.
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
