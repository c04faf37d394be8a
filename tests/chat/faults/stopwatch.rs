//! When messages were sent, acknowledged and heard, and at which node: the figures of a scenario. It judges nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Default)]
pub struct Stopwatch(Mutex<Times>);

#[derive(Default)]
struct Times {
    /// By `tempId`.
    begun: HashMap<String, Instant>,
    acknowledged: HashMap<String, (Instant, usize)>,
    heard: Vec<(String, Instant, usize)>,
    answers: Vec<(Instant, Duration)>,
    tries: usize,
}

/// Some lengths of time, in order.
pub struct Spans(Vec<Duration>);

impl Spans {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// What so many of a thousand stay below.
    pub fn below(&self, of_thousand: usize) -> Duration {
        self.0.get(self.0.len() * of_thousand / 1_000).or(self.0.last()).copied().unwrap_or_default()
    }

    pub fn longest(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

impl Stopwatch {
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begins(&self, temp: &str) {
        self.lock().begun.insert(temp.to_owned(), Instant::now());
    }

    /// A request that began then was answered, whatever with.
    pub fn answered(&self, began: Instant) {
        self.lock().answers.push((began, began.elapsed()));
    }

    /// The node of this place acknowledged, after so many tries.
    pub fn acknowledged(&self, temp: &str, node: usize, tries: usize) {
        let mut times = self.lock();
        times.acknowledged.insert(temp.to_owned(), (Instant::now(), node));
        times.tries = times.tries.max(tries);
    }

    pub fn heard(&self, temp: &str, node: usize) {
        self.lock().heard.push((temp.to_owned(), Instant::now(), node));
    }

    /// As many tries as the send took that took most.
    pub fn tries(&self) -> usize {
        self.lock().tries
    }

    /// From the sending to the hearing at another node.
    pub fn across(&self) -> Spans {
        let times = self.lock();
        let span = |(temp, heard, at): &(String, Instant, usize)| {
            let (_, node) = times.acknowledged.get(temp)?;
            (node != at).then(|| heard.saturating_duration_since(times.begun[temp]))
        };
        Spans::of(times.heard.iter().filter_map(span).collect())
    }

    /// From the acknowledgement to the hearing, of what was acknowledged since then.
    pub fn delays(&self, since: Instant) -> Spans {
        let times = self.lock();
        let span = |(temp, heard, _): &(String, Instant, usize)| {
            let (acknowledged, _) = times.acknowledged.get(temp)?;
            (*acknowledged >= since).then(|| heard.saturating_duration_since(*acknowledged))
        };
        Spans::of(times.heard.iter().filter_map(span).collect())
    }

    /// The answers to requests that began since then.
    pub fn answers(&self, since: Instant) -> Spans {
        let answers = self.lock();
        Spans::of(answers.answers.iter().filter(|(began, _)| *began >= since).map(|(_, took)| *took).collect())
    }

    /// The longest time without any acknowledgement between those moments.
    pub fn silence(&self, since: Instant, until: Instant) -> Duration {
        let times = self.lock();
        let mut moments: Vec<Instant> = times.acknowledged.values().map(|(at, _)| *at).collect();
        moments.retain(|at| *at > since && *at < until);
        moments.extend([since, until]);
        moments.sort_unstable();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}
