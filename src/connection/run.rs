//! The loop of a connection: it receives, waits for events, keeps deadlines, writes, and takes leave in time.

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, poll};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::bell::Bell;
use super::endings::Ending;
use super::{Gone, Goodbye, Message, Protocol, SessionLog, Step, Wire};

/// How long a goodbye may take: a slow client outlives the end of its token by that.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages, and about as many bytes, between two flushes.
const MAX_BATCH_MESSAGES: usize = 32;
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// Messages that a connection keeps room for while it waits.
const MAX_KEPT_MESSAGES: usize = 2;

/// Messages, and bytes, after which the rest is answered and told later: one message of a client, or one burst of events,
/// may lead to a thousand times as much.
const ENOUGH_MESSAGES: usize = 256;
const ENOUGH_BYTES: usize = 256 * 1024;

/// Whether so much is to be written that the rest has to wait until it is.
pub fn is_enough(out: &[Message]) -> bool {
    out.len() >= ENOUGH_MESSAGES || out.iter().map(Message::size).sum::<usize>() >= ENOUGH_BYTES
}

/// Runs a connection to its end, which comes when it is asked to at the latest. What is only needed now and then is boxed:
/// an idle connection, of which there are many thousands, takes no more memory than waiting takes.
#[expect(clippy::manual_async_fn, reason = "what an async fn is given it holds twice, what a block captures once")]
pub fn run<W: Wire, P: Protocol>(
    mut wire: W,
    mut protocol: P,
    ending: Ending,
    mut log: SessionLog,
) -> impl Future<Output = ()> + Send {
    async move {
        let mut out = Vec::new();
        let mut has_more = false;
        // These last as long as the connection: to set them up anew with each turn would cost as much as the turn.
        let mut asked_to_end = pin!(ending.asked());
        let mut clock = pin!(sleep_until(protocol.deadline()));
        let mut bell = Bell::default();
        let mut is_asked = false;
        let goodbye = loop {
            log.opened(|| protocol.user());
            let deadline = protocol.deadline();
            if !wire.wakes_when_dropped() || deadline < clock.deadline() {
                bell.look();
            }
            let call = {
                let rest = pin!(async {
                    tokio::select! {
                        message = wire.receive(), if !has_more => Call::Message(message),
                        () = std::future::ready(()), if has_more => Call::More,
                        () = until(clock.as_mut(), deadline) => Call::Deadline,
                        () = asked_to_end.as_mut() => Call::End,
                    }
                });
                tokio::select! {
                    () = protocol.wait_for_events(), if !has_more => Call::Events,
                    call = bell.wait(rest) => call,
                }
            };
            if !matches!(call, Call::Events) {
                bell.look();
            }
            let mut turn = match call {
                // Nearly always it is done at once: in a box it has room that is warm from the connection before, and none
                // in each of thousands that wait.
                Call::Events => Box::pin(protocol.on_events(&mut out)).await,
                Call::Message(None) => break None,
                Call::Message(Some(message)) => Box::pin(protocol.on_message(message, &mut out)).await,
                Call::More => {
                    has_more = false;
                    Box::pin(protocol.resume(&mut out)).await
                }
                Call::Deadline => {
                    // Writing to a slow client may have taken longer than the deadline was away.
                    let arrived = if has_more { None } else { unconstrained(wire.receive()).now_or_never() };
                    match arrived {
                        Some(None) => break None,
                        Some(Some(message)) => match Box::pin(protocol.on_message(message, &mut out)).await {
                            Step::Go => Box::pin(protocol.on_deadline(&mut out)).await,
                            turn => turn,
                        },
                        None => Box::pin(protocol.on_deadline(&mut out)).await,
                    }
                }
                Call::End => {
                    is_asked = true;
                    Step::End(protocol.on_stop(&mut out))
                }
            };
            if matches!(turn, Step::More) {
                has_more = true;
                bell.look();
            }
            if !out.is_empty() {
                let written = {
                    let mut writing = Box::pin(flush(&mut wire, &mut out));
                    match poll!(writing.as_mut()) {
                        Poll::Ready(written) => Some(written),
                        Poll::Pending => {
                            // What is waited for here wakes the task, and rings no bell.
                            bell.look();
                            tokio::select! {
                                biased;
                                written = writing.as_mut() => Some(written),
                                // A slow client may take minutes. It gets nothing more then but the goodbye.
                                () = async { if !is_asked { asked_to_end.as_mut().await } } => {
                                    is_asked = true;
                                    None
                                }
                                () = until(clock.as_mut(), protocol.expires()) => None,
                            }
                        }
                    }
                };
                match written {
                    Some(Ok(())) => {}
                    Some(Err(Gone)) => break None,
                    None => {
                        out.clear();
                        if !matches!(turn, Step::End(_)) {
                            turn = match is_asked {
                                true => Step::End(protocol.on_stop(&mut out)),
                                false => Box::pin(protocol.on_deadline(&mut out)).await,
                            };
                        }
                    }
                }
                protocol.on_written(Instant::now());
            }
            if let Step::End(goodbye) = turn {
                break Some(goodbye);
            }
        };
        log.opened(|| protocol.user());
        log.ended(goodbye.as_ref());
        if let Some(goodbye) = goodbye {
            Box::pin(take_leave(wire, out, goodbye)).await;
        }
    }
}

/// What ends a wait.
enum Call {
    Events,
    /// The client's message; none at the end of the connection.
    Message(Option<Message>),
    More,
    Deadline,
    End,
}

/// Waits until `moment`. The runtime's timer is set anew only where it would ring too late or has rung too early: a deadline
/// that every turn moves away costs nothing.
async fn until(mut clock: Pin<&mut Sleep>, moment: Instant) {
    if moment < clock.deadline() {
        clock.as_mut().reset(moment);
    }
    loop {
        clock.as_mut().await;
        if moment <= Instant::now() {
            return;
        }
        clock.as_mut().reset(moment);
    }
}

/// Writes what is left and the goodbye, and gives up on a client that does not take them in time.
async fn take_leave(mut wire: impl Wire, mut out: Vec<Message>, goodbye: Goodbye) {
    let farewell = async {
        if flush(&mut wire, &mut out).await.is_ok() {
            wire.close(goodbye).await;
        }
    };
    let _late = timeout(GOODBYE_TIMEOUT, farewell).await;
}

/// Writes all messages, and flushes after each batch. If it is cancelled, some are lost.
async fn flush(wire: &mut impl Wire, out: &mut Vec<Message>) -> Result<(), Gone> {
    while !out.is_empty() {
        let mut bytes = 0;
        let batch = out.iter().take(MAX_BATCH_MESSAGES).take_while(|message| {
            let fits = bytes < MAX_BATCH_BYTES;
            bytes += message.size();
            fits
        });
        let count = batch.count();
        wire.send(out.drain(..count)).await?;
    }
    // What a burst needed is not kept by a connection that is idle again.
    out.shrink_to(MAX_KEPT_MESSAGES);
    Ok(())
}
