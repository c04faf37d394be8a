//! What clients were told, and the checker that compares it with what is stored and with what was heard (protocol
//! §8.1 to §8.4). It knows no door and no fault.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a send ended for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, the server says; STOMP does not tell the id of a repeated one.
    Acknowledged(Option<i64>),
    /// The server says that it is away: it may be stored, once.
    Away,
    /// Nobody answered: it may be stored, once.
    Unknown,
}

/// A message that stands in the log, or was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub position: i64,
    pub id: i64,
    pub temp: String,
}

/// All that was noted during a scenario.
#[derive(Default)]
pub struct Ledger(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    /// By `tempId`.
    sent: BTreeMap<String, Outcome>,
    acknowledged: usize,
    away: usize,
    unknown: usize,
    refusals: usize,
    heard: BTreeMap<&'static str, Vec<Told>>,
    wrong: Vec<String>,
}

/// What the checker found.
#[derive(Debug)]
pub struct Report {
    pub acknowledged: usize,
    /// Sends whose last answer was that the server is away.
    pub away: usize,
    pub unknown: usize,
    /// Of those two, how many are stored.
    pub stored_all_the_same: usize,
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    pub disordered: Vec<String>,
    /// Heard and not stored.
    pub invented: Vec<String>,
    /// Answers that a fault of this kind does not excuse.
    pub wrong: Vec<String>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sent(&self, temp: &str, outcome: Outcome) {
        let mut notes = self.lock();
        match outcome {
            Outcome::Acknowledged(_) => notes.acknowledged += 1,
            Outcome::Away => notes.away += 1,
            Outcome::Unknown => notes.unknown += 1,
        }
        notes.sent.insert(temp.to_owned(), outcome);
    }

    pub fn heard(&self, listener: &'static str, told: Told) {
        self.lock().heard.entry(listener).or_default().push(told);
    }

    pub fn wrong(&self, what: String) {
        self.lock().wrong.push(what);
    }

    pub fn acknowledged(&self) -> usize {
        self.lock().acknowledged
    }

    /// A send was answered with the word that the server is away.
    pub fn refused(&self) {
        self.lock().refusals += 1;
    }

    /// How often that was answered so far.
    pub fn refusals(&self) -> usize {
        self.lock().refusals
    }

    /// The position that a listener has heard last.
    pub fn position_of(&self, listener: &str) -> i64 {
        self.lock().heard.get(listener).and_then(|heard| heard.last()).map_or(0, |told| told.position)
    }

    /// Compares all notes with the log, which begins after `start`, and with the messages of the conversations.
    pub fn check(
        &self,
        start: i64,
        log: &[Told],
        stored: &BTreeMap<i64, String>,
        listeners: &[&'static str],
    ) -> Report {
        let notes = self.lock();
        let by_temp: HashMap<&str, i64> = log.iter().map(|told| (told.temp.as_str(), told.id)).collect();
        let mut lost = Vec::new();
        for (temp, outcome) in &notes.sent {
            let Outcome::Acknowledged(id) = outcome else { continue };
            let kept = by_temp.get(temp.as_str()).copied();
            if kept.is_none() || (id.is_some() && *id != kept) {
                lost.push(format!("{temp} was acknowledged as {id:?} and is stored as {kept:?}"));
            }
        }
        let maybe = |temp: &&String| !matches!(notes.sent[*temp], Outcome::Acknowledged(_));
        Report {
            acknowledged: notes.acknowledged,
            away: notes.away,
            unknown: notes.unknown,
            stored_all_the_same: notes
                .sent
                .keys()
                .filter(maybe)
                .filter(|temp| by_temp.contains_key(temp.as_str()))
                .count(),
            lost,
            doubled: doubled(log, stored, &notes.heard),
            disordered: disordered(start, log, stored, &notes.heard, listeners),
            invented: invented(log, &notes),
            wrong: notes.wrong.clone(),
        }
    }
}

fn repeated<T: Ord + std::fmt::Debug>(values: impl Iterator<Item = T>, what: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for value in values {
        if seen.contains(&value) {
            twice.push(format!("{value:?} {what} twice"));
        }
        seen.insert(value);
    }
    twice
}

fn doubled(log: &[Told], stored: &BTreeMap<i64, String>, heard: &BTreeMap<&str, Vec<Told>>) -> Vec<String> {
    let mut found = repeated(log.iter().map(|told| &told.temp), "stands in the log");
    found.extend(repeated(stored.values(), "is stored"));
    for (listener, told) in heard {
        found.extend(repeated(told.iter().map(|told| &told.temp), &format!("was heard by {listener}")));
    }
    found
}

fn disordered(
    start: i64,
    log: &[Told],
    stored: &BTreeMap<i64, String>,
    heard: &BTreeMap<&str, Vec<Told>>,
    listeners: &[&'static str],
) -> Vec<String> {
    let mut found = Vec::new();
    for (told, expected) in log.iter().zip(start + 1..) {
        if told.position != expected {
            found.push(format!("{told:?} stands where position {expected} belongs"));
            break;
        }
    }
    if let Some(pair) = log.windows(2).find(|pair| pair[0].id >= pair[1].id) {
        found.push(format!("ids do not grow in the log: {pair:?}"));
    }
    let logged: BTreeMap<i64, String> = log.iter().map(|told| (told.id, told.temp.clone())).collect();
    if logged != *stored {
        let only = |a: &BTreeMap<i64, String>, b: &BTreeMap<i64, String>| {
            a.iter().filter(|(id, _)| !b.contains_key(id)).map(|(id, temp)| format!("{id} {temp}")).collect::<Vec<_>>()
        };
        found.push(format!("only in the log: {:?}, only stored: {:?}", only(&logged, stored), only(stored, &logged)));
    }
    for listener in listeners {
        let told = heard.get(listener).map_or(&[][..], Vec::as_slice);
        if let Some(place) = (0..log.len().max(told.len())).find(|place| log.get(*place) != told.get(*place)) {
            found.push(format!(
                "{listener} heard {:?} where the log has {:?}, {} of {} in all",
                told.get(place),
                log.get(place),
                told.len(),
                log.len()
            ));
        }
    }
    found
}

fn invented(log: &[Told], notes: &Notes) -> Vec<String> {
    let mut found = Vec::new();
    for (listener, heard) in &notes.heard {
        let unknown = heard.iter().filter(|told| !log.contains(told));
        found.extend(unknown.map(|told| format!("{listener} heard {told:?}, which is not stored")));
    }
    let strange = log.iter().filter(|told| !notes.sent.contains_key(&told.temp));
    found.extend(strange.map(|told| format!("{told:?} was sent by nobody")));
    found
}

impl Report {
    /// One line of figures.
    pub fn figures(&self) -> String {
        format!(
            "acknowledged {} lost {} doubled {} disordered {} invented {} wrong {} away {} unknown {} (stored all the same {})",
            self.acknowledged,
            self.lost.len(),
            self.doubled.len(),
            self.disordered.len(),
            self.invented.len(),
            self.wrong.len(),
            self.away,
            self.unknown,
            self.stored_all_the_same
        )
    }

    /// What is broken, the first few of each kind.
    pub fn broken(&self) -> Vec<String> {
        [&self.lost, &self.doubled, &self.disordered, &self.invented, &self.wrong]
            .into_iter()
            .flat_map(|kind| kind.iter().take(5).cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(position: i64) -> Told {
        Told { position, id: position + 10, temp: format!("t{position}") }
    }

    /// A report upon three messages that were sent, acknowledged and heard, after a change to the story.
    fn report(change: impl FnOnce(&Ledger, &mut Vec<Told>, &mut BTreeMap<i64, String>)) -> Report {
        let ledger = Ledger::default();
        let mut log: Vec<Told> = (1..=3).map(told).collect();
        for told in &log {
            ledger.sent(&told.temp, Outcome::Acknowledged(Some(told.id)));
            ledger.heard("ear", told.clone());
        }
        let mut stored = log.iter().map(|told| (told.id, told.temp.clone())).collect();
        change(&ledger, &mut log, &mut stored);
        ledger.check(0, &log, &stored, &["ear"])
    }

    #[test]
    fn the_checker_finds_each_kind_of_breach_and_nothing_where_there_is_none() {
        assert_eq!(report(|_, _, _| {}).broken(), Vec::<String>::new());
        let lost = report(|ledger, _, _| ledger.sent("t4", Outcome::Acknowledged(Some(14))));
        assert_eq!((lost.lost.len(), lost.broken().len()), (1, 1));
        let other = report(|ledger, _, _| ledger.sent("t3", Outcome::Acknowledged(Some(99))));
        assert_eq!((other.lost.len(), other.broken().len()), (1, 1));
        let twice = report(|ledger, _, _| ledger.heard("ear", told(3)));
        assert_eq!((twice.doubled.len(), twice.disordered.len()), (1, 1));
        let stored_twice = report(|_, _, stored| drop(stored.insert(14, "t3".to_owned())));
        assert_eq!((stored_twice.doubled.len(), stored_twice.disordered.len()), (1, 1));
        let hole = report(|_, log, _| log[2].position = 4);
        assert!(!hole.disordered.is_empty() && hole.lost.is_empty());
        let swapped = report(|_, log, _| log.swap(0, 1));
        assert!(!swapped.disordered.is_empty() && swapped.lost.is_empty());
        let deaf = report(|ledger, log, stored| {
            ledger.sent("t4", Outcome::Unknown);
            log.push(told(4));
            stored.insert(14, "t4".to_owned());
        });
        assert_eq!((deaf.disordered.len(), deaf.broken().len(), deaf.stored_all_the_same), (1, 1, 1));
        let invented = report(|ledger, _, _| ledger.heard("ear", told(4)));
        assert_eq!((invented.invented.len(), invented.disordered.len()), (1, 1));
        let strange = report(|ledger, log, stored| {
            ledger.heard("ear", told(4));
            log.push(told(4));
            stored.insert(14, "t4".to_owned());
        });
        assert_eq!((strange.invented.len(), strange.broken().len()), (1, 1));
    }
}
