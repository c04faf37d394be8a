//! Those who send, over STOMP: at times that are fixed beforehand, however the server does, or as fast as they are heard.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tokio::net::TcpStream;

use super::note::Note;
use crate::stomp::{TEXT, frame};

/// A timer is late by up to a millisecond; the last stretch to a time is waited for by looking at the clock.
const TIMER_LATENESS: Duration = Duration::from_micros(1_500);

/// One sender, in one room.
pub struct Voice {
    pub stream: Arc<TcpStream>,
    pub room: i64,
    pub number: u32,
    /// Messages so far.
    pub said: u32,
}

/// When what is said.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Messages a second, of all voices together.
    pub messages: f64,
    /// Messages that are due at the same time.
    pub burst: u32,
}

impl Voice {
    /// Sends its next message, which was due then.
    pub async fn say(&mut self, due: Instant, since: Instant) -> Result<()> {
        let nanos = due.saturating_duration_since(since).as_nanos() as u64;
        let content = Note { sender: self.number, number: self.said, nanos }.content();
        let body = json!({ "conversationId": self.room, "content": content });
        let sent = frame(TEXT, format!("SEND\ndestination:/app/chat.send\n\n{body}\0").as_bytes());
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        self.said += 1;
        Ok(())
    }
}

/// How much each has said.
pub fn said(voices: &[Voice]) -> Vec<u32> {
    voices.iter().map(|voice| voice.said).collect()
}

/// Sends for that long, the voices in turn. What is due while a write waits is sent late, and counts from when it was due.
pub async fn speak(voices: &mut [Voice], pace: Pace, duration: Duration, since: Instant) -> Result<()> {
    let started = Instant::now() + Duration::from_millis(5);
    let ticks = (pace.messages * duration.as_secs_f64() / f64::from(pace.burst)).round().max(1.0) as u32;
    let mut turn = 0;
    for tick in 0..ticks {
        let due = started + Duration::from_secs_f64(f64::from(tick) * f64::from(pace.burst) / pace.messages);
        wait_until(due).await;
        for _ in 0..pace.burst {
            let place = turn % voices.len();
            voices[place].say(due, since).await?;
            turn += 1;
        }
    }
    wait_until(started + duration).await;
    Ok(())
}

async fn wait_until(due: Instant) {
    if let Some(asleep) = due.checked_sub(TIMER_LATENESS) {
        tokio::time::sleep_until(asleep.into()).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}
