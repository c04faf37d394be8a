//! What came of an import: how much is new, how much was there, and what was left out and why.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

/// Places that are named of each reason.
const NAMED_PLACES: usize = 5;

/// Counts, and reasons with the first places that they hold of.
#[derive(Default)]
pub struct Report {
    kinds: BTreeMap<&'static str, Counts>,
    reasons: BTreeMap<String, (u64, Vec<String>)>,
    /// Where each single place is written to.
    file: Option<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Counts {
    new: u64,
    there: u64,
    left_out: u64,
}

impl Report {
    /// One that also writes each place and its reason as a line of `file`.
    pub fn written_to(file: Option<Box<dyn Write + Send>>) -> Self {
        Self { file, ..Self::default() }
    }

    pub(super) fn new_ones(&mut self, kind: &'static str, count: usize) {
        self.kinds.entry(kind).or_default().new += count as u64;
    }

    pub(super) fn was_there(&mut self, kind: &'static str) {
        self.kinds.entry(kind).or_default().there += 1;
    }

    pub(super) fn left_out(&mut self, kind: &'static str, place: &str, reason: &str) {
        self.kinds.entry(kind).or_default().left_out += 1;
        self.note(place, &format!("Left out: {reason}"));
    }

    /// Says of something that it was taken in another form.
    pub(super) fn changed(&mut self, place: &str, what: &str) {
        self.note(place, &format!("Changed: {what}"));
    }

    fn note(&mut self, place: &str, reason: &str) {
        let (count, places) = self.reasons.entry(reason.to_owned()).or_default();
        *count += 1;
        if places.len() < NAMED_PLACES {
            places.push(place.to_owned());
        }
        if let Some(file) = &mut self.file
            && let Err(cause) = writeln!(file, "{place}: {reason}")
        {
            tracing::warn!(%cause, "the report cannot be written to its file any more");
            self.file = None;
        }
    }

    /// Whether anything was written.
    pub fn has_news(&self) -> bool {
        self.kinds.values().any(|counts| counts.new > 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, Counts { new, there, left_out }) in &self.kinds {
            writeln!(out, "{kind}: {new} new, {there} were there, {left_out} left out")?;
        }
        for (reason, (count, places)) in &self.reasons {
            let more = if places.len() as u64 == *count { "" } else { ", …" };
            writeln!(out, "{reason} ({count}: {}{more})", places.join(", "))?;
        }
        Ok(())
    }
}
