//! The server side of the control socket: accepts connections of scripts and answers their requests.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};

use super::documents;
use super::protocol::{
    ControlError, ControlMessage, ControlRequest, ErrorCode, RequestTarget, VERSION,
};
use super::socket::own_user;
use crate::inbox::{
    Conversation, ConversationId, ScriptAnswer, ScriptCommand, ScriptError, Scripts,
};
use crate::store::marks::{self, Marked};
use crate::store::{Saving, Store};

/// The maximum number of simultaneous connections.
const MAX_SCRIPTS: usize = 32;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 4 << 20;

/// What requests of scripts are executed with.
#[derive(Debug, Clone)]
pub struct ControlState {
    /// The inbox.
    pub scripts: Scripts,
    /// The store, for conversations that the inbox does not hold in memory.
    pub store: Store,
    /// The address of the HTTP server.
    pub address: String,
}

/// Accepts connections until `stopped` is true. Requests that are being answered are completed.
///
/// # Errors
///
/// If the socket cannot be used.
pub async fn serve(
    listener: StdListener,
    state: ControlState,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    serve_for(own_user(), listener, state, stopped).await
}

async fn serve_for(
    owner: u32,
    listener: StdListener,
    state: ControlState,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MAX_SCRIPTS));
    let mut served = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Usually out of file descriptors, which is temporary.
                Err(error) => {
                    tracing::warn!(%error, "a script was not taken in");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = ended(&mut stopped) => break,
            Some(_) = served.join_next() => continue,
        };
        let is_owner = stream.peer_cred().is_ok_and(|peer| peer.uid() == owner);
        let place = Arc::clone(&places).try_acquire_owned();
        let (state, stopped) = (state.clone(), stopped.clone());
        served.spawn(async move {
            // An error of writing means that the script has gone.
            let _ = match (is_owner, place) {
                (false, _) => {
                    tracing::warn!("another user's script was turned away");
                    let words = "this humanllm belongs to another user";
                    refuse(stream, ControlError::new(ErrorCode::Forbidden, words)).await
                }
                (true, Err(_)) => {
                    let words = format!("{MAX_SCRIPTS} scripts are connected already");
                    refuse(stream, ControlError::new(ErrorCode::Busy, words)).await
                }
                (true, Ok(_place)) => converse(stream, &state, stopped).await,
            };
        });
    }
    drop(listener);
    while served.join_next().await.is_some() {}
    Ok(())
}

async fn refuse(mut stream: UnixStream, fault: ControlError) -> io::Result<()> {
    stream.write_all(written(Err(fault)).as_bytes()).await
}

/// Answers the requests of one connection, line by line.
async fn converse(
    stream: UnixStream,
    state: &ControlState,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    loop {
        let mut line = Vec::new();
        let read = tokio::select! {
            read = read_line(&mut reading, &mut line) => read?,
            () = ended(&mut stopped) => return Ok(()),
        };
        let answer = match read {
            ReceivedLine::End => return Ok(()),
            ReceivedLine::TooLong => {
                let words = format!("a line has more than {LONGEST_LINE} bytes");
                let fault = written(Err(ControlError::new(ErrorCode::Malformed, words)));
                return writing.write_all(fault.as_bytes()).await;
            }
            ReceivedLine::Line if line.iter().all(u8::is_ascii_whitespace) => continue,
            ReceivedLine::Line => match ControlMessage::read(&line) {
                Err(fault) => Err(fault),
                Ok(question) => tokio::select! {
                    answer = state.answer(question) => answer,
                    // A script that disconnects cancels its request.
                    () = hung_up(&mut reading) => return Ok(()),
                },
            },
        };
        writing.write_all(written(answer).as_bytes()).await?;
    }
}

enum ReceivedLine {
    Line,
    End,
    TooLong,
}

async fn read_line(
    reading: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<ReceivedLine> {
    loop {
        let more = reading.fill_buf().await?;
        if more.is_empty() {
            // The last line needs no line break.
            return Ok(if line.is_empty() {
                ReceivedLine::End
            } else {
                ReceivedLine::Line
            });
        }
        let end = more.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(more.len(), |end| end + 1);
        if line.len() + taken > LONGEST_LINE {
            return Ok(ReceivedLine::TooLong);
        }
        line.extend_from_slice(&more[..taken]);
        reading.consume(taken);
        if end.is_some() {
            return Ok(ReceivedLine::Line);
        }
    }
}

/// Waits until the server is stopped.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Waits until the script disconnects. If it sends another request instead, this never returns.
async fn hung_up(reading: &mut (impl AsyncBufRead + Unpin)) {
    match reading.fill_buf().await {
        Ok(more) if !more.is_empty() => std::future::pending().await,
        _ => {}
    }
}

fn written(answer: Result<Value, ControlError>) -> String {
    let mut line = match answer {
        Ok(answer) => json!({"version": VERSION, "ok": answer}),
        Err(fault) => json!({"version": VERSION, "error": fault}),
    }
    .to_string();
    line.push('\n');
    line
}

impl ControlState {
    async fn answer(&self, question: ControlRequest) -> Result<Value, ControlError> {
        let (wish, all) = match question.target() {
            RequestTarget::Inbox { command: wish, all } => (wish, all),
            RequestTarget::Label {
                conversation,
                turn,
                changes,
            } => (
                ScriptCommand::Mark(self.found(conversation, turn).await?, changes),
                false,
            ),
        };
        let shown = match &wish {
            ScriptCommand::Show(id) => Some(*id),
            _ => None,
        };
        let answer = self.scripts.ask(wish).await;
        let answer =
            answer.ok_or_else(|| ControlError::new(ErrorCode::Gone, "humanllm is ending"))??;
        Ok(match answer {
            ScriptAnswer::Status(status) => documents::status(&status, &self.address),
            ScriptAnswer::List(list) => documents::list(&list),
            ScriptAnswer::Snapshot(snapshot) => documents::conversation(&snapshot, all),
            ScriptAnswer::NotLoaded => match shown {
                Some(id) => self.read(id, all).await?,
                None => Value::Null,
            },
            ScriptAnswer::Done(saving) => self.done(saving).await?,
            ScriptAnswer::Study(study) => documents::study(&study),
            ScriptAnswer::Sent(sent) => {
                // The script is answered once the reply is saved in the journal.
                self.store.settled(sent.saving).await;
                documents::sent(&sent)
            }
        })
    }

    /// Reads the mark of a conversation or turn from the journal.
    async fn found(&self, conversation: i64, turn: Option<u64>) -> Result<Marked, ControlError> {
        let store = self.store.clone();
        let find = move || {
            let reader = store.journal_reader();
            let reader = reader.ok_or(ScriptError::Unknown(ConversationId(conversation)))?;
            Ok::<Marked, ControlError>(marks::find(&reader, conversation, turn)?)
        };
        let gone = |_| ControlError::new(ErrorCode::Gone, "humanllm is ending");
        spawn_blocking(find).await.map_err(gone)?
    }

    /// Waits until a change is saved in the journal.
    async fn done(&self, saving: Saving) -> Result<Value, ControlError> {
        if self.store.settled(saving).await {
            Ok(json!({"done": true}))
        } else {
            let words = "this is not saved yet; the screen of humanllm says why";
            Err(ControlError::new(ErrorCode::Impossible, words))
        }
    }

    /// Loads a conversation from the journal.
    async fn read(&self, id: ConversationId, all: bool) -> Result<Value, ControlError> {
        let store = self.store.clone();
        let read = move || {
            let conversation = Conversation::of_loaded(store.load(id)?);
            Some(documents::conversation(&conversation.snapshot(), all))
        };
        let read = spawn_blocking(read).await.ok().flatten();
        read.ok_or_else(|| ScriptError::Unknown(id).into())
    }
}

#[cfg(test)]
mod tests;
