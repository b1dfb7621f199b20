//! The channel between server and inbox. A request becomes two ends: the server holds a
//! [`PendingRequest`] and waits for replies, the inbox gets a [`Responder`] and sends them.

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

/// Something that happened outside of the inbox, on its way to it.
#[derive(Debug)]
pub enum Event {
    /// A request came in.
    Arrived(Box<Arrival>),
    /// A reply, and all before it, was written to the client's connection.
    Delivered {
        /// The request.
        id: RequestId,
        /// The number that [`Responder::send`] gave the reply.
        ticket: u64,
        /// How many output tokens were delivered since the last event of this kind.
        tokens: u64,
    },
    /// The client went away before the response had ended.
    ClientGone {
        /// The request.
        id: RequestId,
    },
    /// A client sent a rejected request again, which was rejected with the same words.
    RejectedAgain {
        /// The conversation in which it was rejected first.
        conversation: ConversationId,
    },
    /// A model continued a draft.
    Drafted {
        /// The draft.
        id: DraftId,
        /// What the model has added.
        step: DraftStep,
    },
    /// A reply is delayed, as a study asks for.
    Delayed {
        /// The request.
        id: RequestId,
        /// When its parts leave.
        plan: DelayPlan,
    },
    /// A script sent a command.
    Script(Box<ScriptRequest>),
}

/// A request that has just come in.
#[derive(Debug)]
pub struct Arrival {
    /// Its id.
    pub id: RequestId,
    /// The conversation that it belongs to, which may be new.
    pub conversation: ConversationId,
    /// The conversation on whose behalf that was begun.
    pub parent: Option<ConversationId>,
    /// The request itself.
    pub request: Request,
    /// The conversation as the journal has it, if it was not in memory.
    pub earlier: Option<Box<LoadedConversation>>,
    /// The name of the agent that sent it, by its headers.
    pub agent: String,
    /// Who answers it.
    pub(crate) answerer: Answerer,
}

/// Who answers a request.
#[derive(Debug)]
pub enum Answerer {
    /// The person, through this responder.
    Person(Responder),
    /// The program, which has answered already.
    Program(Housekeeping),
}

/// The inbox's end of an open request. If it is dropped before a reply has ended the response, the
/// response of the client fails.
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
    /// The write that has to be settled before it may leave.
    saving: Saving,
    /// By how much its parts are delayed.
    delay: Option<Delay>,
}

impl Responder {
    /// The number that the next reply will get.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Whether the client is gone.
    pub fn is_closed(&self) -> bool {
        self.replies.is_closed()
    }

    /// Sends a reply, which leaves when `saving` is settled.
    pub fn send(&mut self, reply: Reply, saving: Saving) {
        self.send_with_delay(reply, saving, None);
    }

    /// Sends a reply whose parts are delayed.
    pub(crate) fn send_with_delay(&mut self, reply: Reply, saving: Saving, delay: Option<Delay>) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let sent = QueuedReply {
            ticket,
            reply,
            saving,
            delay,
        };
        // If the client has gone, `Event::ClientGone` says so.
        let _ = self.replies.unbounded_send(sent);
    }
}

/// Why a request does not get into the inbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As many requests as may be open are open.
    #[error("{0} requests are waiting for the person already; try again later")]
    Full(usize),
    /// The program is shutting down.
    #[error("the server is shutting down")]
    Closed,
    /// The person has rejected the same request before, with these words.
    #[error("{0}")]
    Rejected(String),
    /// A [`RequestFilter`] refuses it, for this reason.
    #[error("{0}")]
    Unexpected(String),
}

/// A check that every request has to pass before it gets into the inbox. It says why one does not.
#[derive(Clone)]
pub struct RequestFilter(Arc<FilterFn>);

type FilterFn = dyn Fn(&Request) -> Result<(), String> + Send + Sync;

impl RequestFilter {
    /// A filter by a function.
    pub fn new(look: impl Fn(&Request) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }
}

impl fmt::Debug for RequestFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFilter").finish_non_exhaustive()
    }
}

/// The server's side of the channel, through which requests come in. Clones share it.
#[derive(Debug, Clone)]
pub struct Intake {
    events: mpsc::UnboundedSender<Event>,
    slots: Arc<Semaphore>,
    limit: usize,
    store: Store,
    filter: Option<RequestFilter>,
}

/// Makes a channel through which at most `limit` requests are open at once.
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
    /// The same intake with a filter.
    #[must_use]
    pub(crate) fn with_filter(self, filter: RequestFilter) -> Self {
        Self {
            filter: Some(filter),
            ..self
        }
    }

    /// Checks whether there is room for a request, so that a full server need not read its body.
    ///
    /// # Errors
    ///
    /// If there is none, or the program is shutting down.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.events.is_closed() {
            Err(Refusal::Closed)
        } else if self.slots.available_permits() == 0 {
            Err(Refusal::Full(self.limit))
        } else {
            Ok(())
        }
    }

    /// The store of the conversations.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The sender through which models send the steps of their drafts.
    pub fn draft_events(&self) -> DraftEvents {
        DraftEvents(self.events.clone())
    }

    /// The sender through which scripts send their commands.
    pub fn scripts(&self) -> Scripts {
        Scripts(self.events.clone())
    }

    /// Waits until the inbox is gone, after which nothing is answered any more.
    pub async fn closed(&self) {
        self.events.closed().await;
    }

    /// Puts a request into the inbox. One with `housekeeping` is answered at once, and only listed.
    /// Blocks on the disk if the conversation of the request is not in memory; on threads that must not
    /// block, use [`Intake::open_async`].
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if too many requests are open, the program is shutting down, the person has
    /// rejected the same request not long ago, or the filter refuses it.
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

    /// As [`Intake::open`], but reads the disk on a thread that may block.
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

    /// Puts a request of an earlier run into the inbox again.
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
        // A channel that allocates nothing before the first reply: thousands of requests may wait.
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

/// The server's end of an open request. If it is dropped before the end of the response was delivered,
/// the inbox is told that the client has gone.
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
    /// Waits for the next reply, and returns its ticket and the reply; `None` if the inbox's end is
    /// gone, so that there will be none. The reply may leave when [`PendingRequest::saving`] is settled.
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

    /// The last write of the request and of the replies to it. It has to be settled before anything
    /// about them leaves the program.
    pub(crate) fn saving(&self) -> Saving {
        self.saving
    }

    /// The delay of the last reply.
    pub(crate) fn delay(&self) -> Option<&Delay> {
        self.delay.as_ref()
    }

    /// Tells the inbox how a reply is delayed.
    pub(crate) fn report_delay(&self, plan: DelayPlan) {
        let id = self.key.request;
        let _ = self.events.send(Event::Delayed { id, plan });
    }

    /// The store of the conversations.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The ids of the request and of its conversation.
    pub(crate) fn key(&self) -> RequestKey {
        self.key
    }

    /// Tells the inbox that a reply, and with it all before it, was written to the connection. `tokens`
    /// are those since the last call; `end` says that it was the end of the response.
    pub fn delivered(&mut self, ticket: u64, tokens: u64, end: bool) {
        self.ended |= end;
        // Without an inbox, the program is shutting down.
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
