//! The two ends of a request: the server waits at one, the person answers at the other.

use std::fmt;
use std::sync::Arc;

use futures_channel::mpsc as replies;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::control::{ScriptRequest, Scripts};
use super::drafting::{DraftEvents, DraftId, DraftStep};
use crate::agents::Housekeeping;
use crate::api::{Body, Ending, Phase, Reply, Request};
use crate::store::{
    ConversationId, LoadedConversation, Opened, RequestId, RequestKey, Saving, Store, blocking,
};
use crate::study::{Delay, DelayPlan};

/// Something that happened to a request, on its way to the person.
#[derive(Debug)]
pub enum Event {
    /// A client asks.
    Arrived(Box<Arrival>),
    /// A reply, and all before it, was handed to the client's connection.
    Delivered {
        /// The request.
        id: RequestId,
        /// The reply, as numbered by [`Responder::send`].
        ticket: u64,
        /// Its tokens.
        tokens: u64,
    },
    /// The client went away before the response had ended.
    ClientGone {
        /// The request.
        id: RequestId,
    },
    /// A client asked what was rejected, and got the same words again.
    RejectedAgain {
        /// Where it was rejected.
        conversation: ConversationId,
    },
    /// A model goes on with a draft.
    Drafted {
        /// The draft.
        id: DraftId,
        /// What the model has done.
        step: DraftStep,
    },
    /// A reply leaves slowly.
    Delayed {
        /// The request.
        id: RequestId,
        /// How slowly.
        plan: DelayPlan,
    },
    /// A script asks something.
    Script(Box<ScriptRequest>),
}

/// A request that has just come in.
#[derive(Debug)]
pub struct Arrival {
    /// Its name.
    pub id: RequestId,
    /// The conversation that it goes on with or begins.
    pub conversation: ConversationId,
    /// The one on whose behalf that was begun.
    pub parent: Option<ConversationId>,
    /// What it asks.
    pub request: Request,
    /// The conversation as an earlier run left it, where it goes on with such.
    pub earlier: Option<Box<LoadedConversation>>,
    /// The program that asks, in the words of its headers.
    pub agent: String,
    /// Who answers it.
    pub(crate) answerer: Answerer,
}

/// Who answers a request.
#[derive(Debug)]
pub enum Answerer {
    /// The person, through this.
    Person(Responder),
    /// The program has answered already.
    Program(Housekeeping),
}

/// The person's end of an open request. Dropping it without an end tells the client that the
/// response has failed.
#[derive(Debug)]
pub struct Responder {
    replies: replies::UnboundedSender<QueuedReply>,
    next_ticket: u64,
}

/// A reply on its way to the client.
#[derive(Debug)]
struct QueuedReply {
    ticket: u64,
    reply: Reply,
    /// It leaves when this is in the journal.
    saving: Saving,
    /// How slowly it leaves.
    delay: Option<Delay>,
}

impl Responder {
    /// By what the delivery of the next reply will be told.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Whether the client is gone.
    pub fn is_closed(&self) -> bool {
        self.replies.is_closed()
    }

    /// Hands a reply over, which leaves when it is saved.
    pub fn send(&mut self, reply: Reply, saving: Saving) {
        self.send_slowly(reply, saving, None);
    }

    /// Sends a reply that leaves as slowly as `delay` says.
    pub(crate) fn send_slowly(&mut self, reply: Reply, saving: Saving, delay: Option<Delay>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let sent = QueuedReply {
            ticket,
            reply,
            saving,
            delay,
        };
        // A client that has gone is found out by what it leaves behind.
        let _ = self.replies.unbounded_send(sent);
    }
}

/// Why a request is not put before the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The limit is reached.
    #[error("{0} requests are waiting for the person already; try again later")]
    Full(usize),
    /// The program is going away.
    #[error("the server is shutting down")]
    Closed,
    /// The person has rejected it before, with these words.
    #[error("{0}")]
    Rejected(String),
    /// It is none of those that are expected, for this reason.
    #[error("{0}")]
    Unexpected(String),
}

/// Looks at requests before anybody else does, and says why one is not expected.
#[derive(Clone)]
pub struct RequestFilter(Arc<FilterFn>);

type FilterFn = dyn Fn(&Request) -> Result<(), String> + Send + Sync;

impl RequestFilter {
    /// One that asks this.
    pub fn new(look: impl Fn(&Request) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for RequestFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFilter").finish_non_exhaustive()
    }
}

/// Where the server hands requests in.
#[derive(Debug, Clone)]
pub struct Intake {
    events: mpsc::UnboundedSender<Event>,
    slots: Arc<Semaphore>,
    limit: usize,
    store: Store,
    filter: Option<RequestFilter>,
}

/// The channel between server and person, with room for `limit` open requests.
pub fn channel(limit: usize, store: Store) -> (Intake, mpsc::UnboundedReceiver<Event>) {
    let (events, receiver) = mpsc::unbounded_channel();
    let intake = Intake {
        events,
        slots: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
        limit,
        store,
        filter: None,
    };
    (intake, receiver)
}

impl Intake {
    /// An intake that has `screen` look at each request first.
    #[must_use]
    pub(crate) fn with_filter(self, filter: RequestFilter) -> Self {
        Self {
            filter: Some(filter),
            ..self
        }
    }

    /// Whether a request would be taken now, so that a full server need not read its body.
    ///
    /// # Errors
    ///
    /// Why it would not.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.events.is_closed() {
            Err(Refusal::Closed)
        } else if self.slots.available_permits() == 0 {
            Err(Refusal::Full(self.limit))
        } else {
            Ok(())
        }
    }

    /// What was asked and said before.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Where models send what they draft.
    pub fn draft_events(&self) -> DraftEvents {
        DraftEvents(self.events.clone())
    }

    /// Where scripts ask.
    pub fn scripts(&self) -> Scripts {
        Scripts(self.events.clone())
    }

    /// Waits until nobody will ever answer again.
    pub async fn closed(&self) {
        self.events.closed().await;
    }

    /// Puts a request before the person; or, with `housekeeping`, answers it and only tells the
    /// person. Reads from the disk if the request goes on with something that is not in memory, so
    /// whoever must not wait uses `open_anywhere`.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if too many are waiting, nobody will ever answer, the person has rejected the same
    /// request not long ago, or it is not expected.
    pub fn open(
        &self,
        request: Request,
        agent: String,
        housekeeping: Option<Housekeeping>,
    ) -> Result<PendingRequest, Refusal> {
        if housekeeping.is_none()
            && let Some((conversation, words)) = self.store.find_rejection(&request)
        {
            let again = Event::RejectedAgain { conversation };
            self.events.send(again).map_err(|_| Refusal::Closed)?;
            return Err(Refusal::Rejected(words));
        }
        if housekeeping.is_none()
            && let Some(RequestFilter(look)) = &self.filter
        {
            look(&request).map_err(Refusal::Unexpected)?;
        }
        let permit = self.permit()?;
        let purpose = housekeeping
            .as_ref()
            .map(|housekeeping| housekeeping.purpose.words());
        let opened = self.store.open(&request, &agent, purpose);
        self.enqueue(permit, opened, request, agent, housekeeping)
    }

    /// Opens a request as [`Intake::open`] does, on a thread that may block where the disk has to be read.
    ///
    /// # Errors
    ///
    /// As [`Intake::open`].
    pub(crate) async fn open_async(
        &self,
        request: Request,
        agent: String,
        housekeeping: Option<Housekeeping>,
    ) -> Result<PendingRequest, Refusal> {
        let purpose = housekeeping.as_ref().map(|known| known.purpose.words());
        if self.store.can_open_from_memory(&request, purpose) {
            return self.open(request, agent, housekeeping);
        }
        let intake = self.clone();
        blocking(move || intake.open(request, agent, housekeeping)).await
    }

    /// Puts a request of an earlier run before the person again.
    ///
    /// # Errors
    ///
    /// As [`Intake::open`].
    pub(crate) fn reopen(
        &self,
        request: Request,
        opened: Opened,
        agent: String,
    ) -> Result<PendingRequest, Refusal> {
        self.enqueue(self.permit()?, opened, request, agent, None)
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.slots).try_acquire_owned();
        permit.map_err(|_| Refusal::Full(self.limit))
    }

    fn enqueue(
        &self,
        permit: OwnedSemaphorePermit,
        opened: Opened,
        request: Request,
        agent: String,
        housekeeping: Option<Housekeeping>,
    ) -> Result<PendingRequest, Refusal> {
        // One that takes room for what is said and not before: thousands may wait.
        let (replies, receiver) = replies::unbounded();
        let mut responder = Responder {
            replies,
            next_ticket: 0,
        };
        let answerer = match housekeeping {
            Some(housekeeping) => {
                let answer = Reply::End {
                    items: vec![Body::message(
                        housekeeping.answer.clone(),
                        Phase::FinalAnswer,
                    )],
                    ending: Ending::Completed,
                };
                responder.send(answer, Saving::default());
                Answerer::Program(housekeeping)
            }
            None => Answerer::Person(responder),
        };
        let Opened {
            key,
            parent,
            earlier,
            saving,
        } = opened;
        let pending = PendingRequest {
            key,
            saving,
            store: self.store.clone(),
            replies: receiver,
            events: self.events.clone(),
            delay: None,
            ended: false,
            rejected: false,
            _permit: permit,
        };
        let arrival = Arrival {
            id: key.request,
            conversation: key.conversation,
            parent,
            earlier,
            request,
            agent,
            answerer,
        };
        let arrived = self.events.send(Event::Arrived(Box::new(arrival)));
        arrived.map_err(|_| Refusal::Closed)?;
        Ok(pending)
    }
}

/// The server's end of an open request. Dropping it before the end was delivered tells the person
/// that the client is gone.
#[derive(Debug)]
pub struct PendingRequest {
    key: RequestKey,
    saving: Saving,
    store: Store,
    replies: replies::UnboundedReceiver<QueuedReply>,
    events: mpsc::UnboundedSender<Event>,
    delay: Option<Delay>,
    ended: bool,
    rejected: bool,
    _permit: OwnedSemaphorePermit,
}

impl PendingRequest {
    /// The next reply with its ticket; `None` when there will never be one because the person's
    /// side is gone. It may leave when it is in the journal: [`PendingRequest`] knows its last write.
    pub async fn next(&mut self) -> Option<(u64, Reply)> {
        let sent = self.replies.next().await?;
        self.saving = self.saving.max(sent.saving);
        self.delay = sent.delay;
        self.rejected = matches!(
            sent.reply,
            Reply::End {
                ending: Ending::Failed { .. },
                ..
            }
        );
        Some((sent.ticket, sent.reply))
    }

    /// The last write of the request and of what was said to it: nothing of that leaves before.
    pub(crate) fn saving(&self) -> Saving {
        self.saving
    }

    /// How slowly the reply leaves that came last.
    pub(crate) fn delay(&self) -> Option<&Delay> {
        self.delay.as_ref()
    }

    /// Tells the person that a reply leaves slowly.
    pub(crate) fn report_delay(&self, plan: DelayPlan) {
        let id = self.key.request;
        let _ = self.events.send(Event::Delayed { id, plan });
    }

    /// Where all of it is kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The request and its conversation.
    pub(crate) fn key(&self) -> RequestKey {
        self.key
    }

    /// Tells the person that a reply, and with it all before it, was handed to the connection:
    /// so many tokens since this was last told; `end` if it was the last reply.
    pub fn delivered(&mut self, ticket: u64, tokens: u64, end: bool) {
        self.ended |= end;
        // Nobody to tell is no error: the program is going away.
        let _ = self.events.send(Event::Delivered {
            id: self.key.request,
            ticket,
            tokens,
        });
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.store.close(self.key, !self.ended, self.rejected);
        if !self.ended {
            let id = self.key.request;
            let _ = self.events.send(Event::ClientGone { id });
        }
    }
}
