//! The loop of a connection: it receives, waits for events, keeps deadlines, writes, and takes leave in time.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until, timeout};

use super::endings::Ending;
use super::{Gone, Goodbye, Message, Protocol, Step, Wire};

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

/// Runs a connection to its end, which comes when it is asked to at the latest.
pub async fn run<W: Wire, P: Protocol>(mut wire: W, mut protocol: P, ending: Ending) {
    let mut out = Vec::new();
    let mut has_more = false;
    loop {
        let deadline = protocol.deadline();
        let mut turn = tokio::select! {
            message = wire.receive(), if !has_more => match message {
                None => return,
                Some(message) => protocol.on_message(message, &mut out).await,
            },
            () = protocol.wait_for_events(), if !has_more => protocol.on_events(&mut out).await,
            () = std::future::ready(()), if has_more => {
                has_more = false;
                protocol.resume(&mut out).await
            }
            () = sleep_until(deadline) => {
                // Writing to a slow client may have taken longer than the deadline was away.
                let arrived = if has_more { None } else { unconstrained(wire.receive()).now_or_never() };
                match arrived {
                    Some(None) => return,
                    Some(Some(message)) => match protocol.on_message(message, &mut out).await {
                        Step::Go => protocol.on_deadline(&mut out).await,
                        turn => turn,
                    },
                    None => protocol.on_deadline(&mut out).await,
                }
            }
            () = ending.asked() => Step::End(protocol.on_stop(&mut out)),
        };
        has_more |= matches!(turn, Step::More);
        if !out.is_empty() {
            let flushed = tokio::select! {
                biased;
                flushed = flush(&mut wire, &mut out) => flushed,
                // A slow client may take minutes. It gets nothing more then but the goodbye.
                () = ending.asked() => {
                    out.clear();
                    if !matches!(turn, Step::End(_)) {
                        turn = Step::End(protocol.on_stop(&mut out));
                    }
                    Ok(())
                }
                () = sleep_until(protocol.expires()) => {
                    out.clear();
                    if !matches!(turn, Step::End(_)) {
                        turn = protocol.on_deadline(&mut out).await;
                    }
                    Ok(())
                }
            };
            if flushed.is_err() {
                return;
            }
            protocol.on_written(Instant::now());
        }
        if let Step::End(goodbye) = turn {
            return take_leave(wire, out, goodbye).await;
        }
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
        wire.send(out.drain(..count).collect()).await?;
    }
    // What a burst needed is not kept by a connection that is idle again.
    out.shrink_to(MAX_BATCH_MESSAGES);
    Ok(())
}
