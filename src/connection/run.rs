//! The loop of a connection: it receives, waits for events, keeps deadlines, writes, and takes leave in time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::{FutureExt, poll};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::desk::{Begun, Cleared, Connection, Desk, Found, MAX_KEPT_MESSAGES, Told};
use super::endings::Ending;
use super::{Gone, Goodbye, Message, Protocol, SessionLog, Step, Wire};

/// How long a goodbye may take: a slow client outlives the end of its token by that.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages, and about as many bytes, between two flushes.
const MAX_BATCH_MESSAGES: usize = 32;
const MAX_BATCH_BYTES: usize = 64 * 1024;

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
pub fn run<W: Wire + 'static, P: Protocol + 'static>(
    wire: W,
    protocol: P,
    ending: Ending,
    mut log: SessionLog,
) -> impl Future<Output = ()> + Send {
    // Outside of the future, which would keep room for what it was given although it has moved on.
    let mut connection = Box::new(Connection { wire, protocol, out: Vec::new() });
    async move {
        let desk = Desk::new();
        // Whatever ends this task, nothing is left of the connection.
        let _cleared = Cleared(Arc::clone(&desk));
        // These last as long as the connection: to set them up anew with each turn would cost as much as the turn.
        let mut asked_to_end = pin!(ending.asked());
        let mut clock = pin!(sleep_until(connection.protocol.deadline()));
        let mut has_more = false;
        let mut was_message = false;
        let mut is_asked = false;
        let goodbye = loop {
            log.opened(|| connection.protocol.user());
            let due = if has_more {
                let deadline = connection.protocol.deadline();
                tokio::select! {
                    biased;
                    () = asked_to_end.as_mut() => Due::End,
                    () = until(clock.as_mut(), deadline) => Due::Deadline,
                    () = std::future::ready(()) => Due::More,
                }
            } else if connection.wire.wakes_when_dropped() {
                let lying = lie(&desk, connection, was_message, clock.as_mut(), asked_to_end.as_mut());
                let Some((taken, due)) = lying.await else { return };
                connection = taken;
                due
            } else {
                hold(&mut connection, clock.as_mut(), asked_to_end.as_mut()).await
            };
            was_message = matches!(due, Due::Message(_));
            let mut is_unwritten = false;
            let Connection { wire, protocol, out } = &mut *connection;
            let mut turn = match due {
                Due::Events => Box::pin(protocol.on_events(out)).await,
                Due::Told(told) => {
                    is_unwritten = told.is_unwritten;
                    told.step
                }
                Due::Message(None) => break None,
                Due::Message(Some(message)) => Box::pin(protocol.on_message(message, out)).await,
                Due::More => {
                    has_more = false;
                    Box::pin(protocol.resume(out)).await
                }
                Due::Deadline => {
                    // Writing to a slow client may have taken longer than the deadline was away.
                    let arrived = if has_more { None } else { unconstrained(wire.receive()).now_or_never() };
                    match arrived {
                        Some(None) => break None,
                        Some(Some(message)) => match Box::pin(protocol.on_message(message, out)).await {
                            Step::Go => Box::pin(protocol.on_deadline(out)).await,
                            turn => turn,
                        },
                        None => Box::pin(protocol.on_deadline(out)).await,
                    }
                }
                Due::End => {
                    is_asked = true;
                    Step::End(protocol.on_stop(out))
                }
                Due::Closing => continue,
            };
            has_more |= matches!(turn, Step::More);
            if is_unwritten || !out.is_empty() {
                let written = {
                    let mut writing = Box::pin(flush(wire, out));
                    match poll!(writing.as_mut()) {
                        Poll::Ready(written) => Some(written),
                        Poll::Pending => tokio::select! {
                            biased;
                            written = writing.as_mut() => Some(written),
                            // A slow client may take minutes. It gets nothing more then but the goodbye.
                            () = async { if !is_asked { asked_to_end.as_mut().await } } => {
                                is_asked = true;
                                None
                            }
                            () = until(clock.as_mut(), protocol.expires()) => None,
                        },
                    }
                };
                match written {
                    Some(Ok(())) => {}
                    Some(Err(Gone)) => break None,
                    None => {
                        out.clear();
                        if !matches!(turn, Step::End(_)) {
                            turn = match is_asked {
                                true => Step::End(protocol.on_stop(out)),
                                false => Box::pin(protocol.on_deadline(out)).await,
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
        log.opened(|| connection.protocol.user());
        log.ended(goodbye.as_ref());
        if let Some(goodbye) = goodbye {
            let Connection { wire, out, .. } = *connection;
            Box::pin(take_leave(wire, out, goodbye)).await;
        }
    }
}

/// What ends a wait.
enum Due {
    Events,
    /// Events were told in place, which led to this.
    Told(Told),
    /// The client's message; none at the end of the connection.
    Message(Option<Message>),
    More,
    Deadline,
    End,
    /// What carries the connection is about to end, and has to be waited for until it has.
    Closing,
}

/// Waits at the desk, where whoever has events tells them in place. After a message, events come first. None where the
/// connection is lost.
async fn lie<W: Wire + 'static, P: Protocol + 'static>(
    desk: &Arc<Desk<W, P>>,
    connection: Box<Connection<W, P>>,
    was_message: bool,
    mut clock: Pin<&mut Sleep>,
    mut asked_to_end: Pin<&mut impl Future<Output = ()>>,
) -> Option<(Box<Connection<W, P>>, Due)> {
    let waker = Waker::from(Arc::clone(desk));
    let mut taken = Some(connection);
    let begun = poll_fn(|task| {
        let mut connection = match taken.take() {
            Some(connection) => connection,
            None => match ready!(desk.poll_take(task)) {
                Found::Connection(connection) => connection,
                Found::Begun(begun) => return Poll::Ready(Err(begun)),
            },
        };
        let due = poll_due(&mut connection, &waker, was_message, clock.as_mut(), asked_to_end.as_mut(), task);
        if let Poll::Ready(due) = due {
            return Poll::Ready(Ok((connection, due)));
        }
        desk.lay_back(connection, task);
        Poll::Pending
    });
    Some(match begun.await {
        Ok(found) => found,
        Err(Begun::Told(connection, told)) => (connection, Due::Told(told)),
        Err(Begun::Gone(connection)) => (connection, Due::Message(None)),
        Err(Begun::Lost) => return None,
        Err(Begun::Telling(telling)) => {
            let (connection, step) = telling.await;
            (connection, Due::Told(step.into()))
        }
    })
}

/// What is due to a connection that lies at its desk. Events wake `waker`, and all else the task.
fn poll_due<W: Wire, P: Protocol>(
    connection: &mut Connection<W, P>,
    waker: &Waker,
    events_first: bool,
    clock: Pin<&mut Sleep>,
    asked_to_end: Pin<&mut impl Future<Output = ()>>,
    task: &mut Context<'_>,
) -> Poll<Due> {
    let Connection { wire, protocol, .. } = connection;
    let deadline = protocol.deadline();
    // First what a client that sends without end may not put off.
    if deadline <= Instant::now() {
        return Poll::Ready(Due::Deadline);
    }
    if asked_to_end.poll(task).is_ready() {
        return Poll::Ready(Due::End);
    }
    let mut has_events = || pin!(protocol.wait_for_events()).poll(&mut Context::from_waker(waker)).is_ready();
    if events_first && has_events() {
        return Poll::Ready(Due::Events);
    }
    if let Poll::Ready(message) = pin!(wire.receive()).poll(task) {
        return Poll::Ready(Due::Message(message));
    }
    if !wire.wakes_when_dropped() {
        return Poll::Ready(Due::Closing);
    }
    if !events_first && has_events() {
        return Poll::Ready(Due::Events);
    }
    pin!(until(clock, deadline)).poll(task).map(|()| Due::Deadline)
}

/// Waits with the connection in hand, where what carries it is to be asked all the time.
async fn hold<W: Wire, P: Protocol>(
    connection: &mut Connection<W, P>,
    clock: Pin<&mut Sleep>,
    asked_to_end: Pin<&mut impl Future<Output = ()>>,
) -> Due {
    let Connection { wire, protocol, .. } = connection;
    let deadline = protocol.deadline();
    tokio::select! {
        message = wire.receive() => Due::Message(message),
        () = protocol.wait_for_events() => Due::Events,
        () = until(clock, deadline) => Due::Deadline,
        () = asked_to_end => Due::End,
    }
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

/// Writes what waits at the carrier and all messages, and flushes after each batch. If it is cancelled, some are lost.
async fn flush(wire: &mut impl Wire, out: &mut Vec<Message>) -> Result<(), Gone> {
    loop {
        let mut bytes = 0;
        let batch = out.iter().take(MAX_BATCH_MESSAGES).take_while(|message| {
            let fits = bytes < MAX_BATCH_BYTES;
            bytes += message.size();
            fits
        });
        let count = batch.count();
        wire.send(out.drain(..count)).await?;
        if out.is_empty() {
            break;
        }
    }
    // What a burst needed is not kept by a connection that is idle again.
    out.shrink_to(MAX_KEPT_MESSAGES);
    Ok(())
}
