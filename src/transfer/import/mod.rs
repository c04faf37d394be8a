//! Writing records into a database: checked and cleaned as if they were sent, under the ids and times that they come with, a
//! portion a transaction. After each the counters are right, and what is there already is passed over, so that an import that
//! was cut off goes on when it is run again. It knows no source.

mod conversations;
mod files;
mod finish;
mod known;
mod messages;
mod participants;
mod reactions;
mod receipts;
mod users;

use std::collections::HashMap;

use anyhow::{Context, ensure};
use sea_orm::{ConnectionTrait, DbBackend};

use super::record::Record;
use super::report::Report;
use super::{Entry, Inlet};
use crate::chat::log::head::{advance, lock_log};
use crate::cluster::nodes;
use crate::config::Config;
use crate::entity::clock;
use crate::store::{Blobs, Store, Transaction};
use known::Placed;

/// Takes records into a database.
pub struct Importer<'i> {
    store: &'i Store,
    blobs: Blobs,
    config: &'i Config,
    report: Report,
    /// The one transaction of a trial, in which all of it is written and then undone.
    trial: Option<Transaction>,
    growth: Growth,
}

impl<'i> Importer<'i> {
    /// An importer into this database; in a trial nothing stays, neither rows nor bytes.
    ///
    /// # Errors
    /// A server that runs on the database: it would not hear of what is written.
    pub async fn open(
        store: &'i Store,
        blobs: Blobs,
        config: &'i Config,
        is_trial: bool,
        report: Report,
    ) -> anyhow::Result<Self> {
        must_be_alone(store).await?;
        let trial = if is_trial { Some(begin(store).await?) } else { None };
        let blobs = if is_trial { Blobs::in_memory() } else { blobs };
        Ok(Self { store, blobs, config, report, trial, growth: Growth::default() })
    }

    /// Takes all records that come, and puts right what they left open: owners of groups, the people of direct conversations,
    /// the sequences of ids. Where anything is new the database gets another epoch: whoever comes back with a cursor would
    /// not hear of it.
    ///
    /// # Errors
    /// A database or storage that fails; what was taken before stays, and the import can be run again.
    pub async fn take(mut self, mut inlet: Inlet) -> anyhow::Result<Report> {
        while let Some(portion) = inlet.next().await? {
            let first = portion.first().map(|entry| entry.place.clone()).unwrap_or_default();
            self.write(portion)
                .await
                .with_context(|| format!("The portion that begins at {first} cannot be written"))?;
        }
        let is_trial = self.trial.is_some();
        let tx = match self.trial.take() {
            Some(tx) => tx,
            None => begin(self.store).await?,
        };
        finish::finish(&tx, &mut self.report).await.context("What the records left open cannot be put right")?;
        if is_trial {
            tx.rollback().await?
        } else {
            tx.commit().await?
        }
        Ok(self.report)
    }

    async fn write(&mut self, portion: Vec<Entry>) -> anyhow::Result<()> {
        let mut sorted = Sorted::default();
        for Entry { place, record } in portion {
            match record {
                Ok(record) => sorted.add(place, record),
                Err(unfit) => self.report.left_out(unfit.kind, &place, &unfit.reason),
            }
        }
        let files = std::mem::take(&mut sorted.files);
        let files = files::keep_bytes(self.store, &self.blobs, self.config, files, &mut self.report).await?;
        if self.trial.is_some() {
            files::forget_bytes(&self.blobs, &files).await;
        }
        let outgrown = self.growth.note(sorted.sizes());
        match &self.trial {
            Some(tx) => {
                sorted.write(tx, self.config, files, &mut self.report).await?;
                count_rows(tx, &outgrown).await
            }
            None => {
                let tx = begin(self.store).await?;
                sorted.write(&tx, self.config, files, &mut self.report).await?;
                count_rows(&tx, &outgrown).await?;
                Ok(tx.commit().await?)
            }
        }
    }
}

/// How many rows came into each table, and how many that were when the database has counted them.
#[derive(Default)]
struct Growth(HashMap<&'static str, (usize, usize)>);

impl Growth {
    /// Takes note of rows that come, and names the tables that have twice as many as when they were counted.
    fn note(&mut self, sizes: impl IntoIterator<Item = (&'static str, usize)>) -> Vec<&'static str> {
        let mut outgrown = Vec::new();
        for (table, more) in sizes {
            let (rows, counted) = self.0.entry(table).or_default();
            *rows += more;
            if more > 0 && *rows >= 2 * *counted {
                *counted = *rows;
                outgrown.push(table);
            }
        }
        outgrown
    }
}

/// Has PostgreSQL see how many rows these tables have by now. It does so by itself after a minute, and until then looks
/// through a whole table for each thousand ids.
async fn count_rows(tx: &Transaction, tables: &[&str]) -> anyhow::Result<()> {
    if !tables.is_empty() && tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("ANALYZE {}", tables.join(", "))).await?;
    }
    Ok(())
}

/// The records of a portion by what they are.
#[derive(Default)]
struct Sorted {
    users: Vec<Placed<super::record::User>>,
    conversations: Vec<Placed<super::record::Conversation>>,
    files: Vec<Placed<super::record::File>>,
    messages: Vec<Placed<super::record::Message>>,
    participants: Vec<Placed<super::record::Participant>>,
    reactions: Vec<Placed<super::record::Reaction>>,
    receipts: Vec<Placed<super::record::Receipt>>,
}

impl Sorted {
    fn add(&mut self, place: String, record: Record) {
        match record {
            Record::User(user) => self.users.push((place, user)),
            Record::Conversation(conversation) => self.conversations.push((place, conversation)),
            Record::File(file) => self.files.push((place, file)),
            Record::Message(message) => self.messages.push((place, message)),
            Record::Participant(participant) => self.participants.push((place, participant)),
            Record::Reaction(reaction) => self.reactions.push((place, reaction)),
            Record::Receipt(receipt) => self.receipts.push((place, receipt)),
        }
    }

    /// The tables that they go into, and how many rows of each.
    fn sizes(&self) -> [(&'static str, usize); 7] {
        [
            ("chat_users", self.users.len()),
            ("chat_conversations", self.conversations.len()),
            ("chat_files", self.files.len()),
            ("chat_messages", self.messages.len()),
            ("chat_participants", self.participants.len()),
            ("chat_message_reactions", self.reactions.len()),
            ("chat_message_read_receipts", self.receipts.len()),
        ]
    }

    /// In the order in which one thing refers to another.
    async fn write(
        self,
        tx: &Transaction,
        config: &Config,
        kept: Vec<Placed<super::record::File>>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (mut head, _) = lock_log(tx).await?;
        users::write(tx, self.users, report).await?;
        conversations::write(tx, config, self.conversations, report).await?;
        files::write(tx, kept, report).await?;
        let newest = messages::write(tx, config, self.messages, report).await?;
        participants::write(tx, self.participants, report).await?;
        reactions::write(tx, self.reactions, report).await?;
        receipts::write(tx, self.receipts, report).await?;
        if let Some(newest) = newest.filter(|newest| *newest > head.message_id) {
            head.message_id = newest;
            advance(tx, head).await?;
        }
        Ok(())
    }
}

/// A transaction that may take its time.
async fn begin(store: &Store) -> anyhow::Result<Transaction> {
    let tx = store.begin().await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        let patience = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        tx.execute_unprepared(patience).await?;
    }
    Ok(tx)
}

/// # Errors
/// That a server runs on this database.
pub async fn must_be_alone(store: &Store) -> anyhow::Result<()> {
    let db = &store.reader();
    nodes::follow_clock(db).await?;
    let now = clock::now();
    let serving: Vec<String> = nodes::all(db)
        .await?
        .into_iter()
        .filter(|node| node.is_alive(now) && !node.draining)
        .map(|node| node.name)
        .collect();
    ensure!(serving.is_empty(), "A server runs on this database ({}): stop it first", serving.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_counted_when_it_begins_and_whenever_it_has_doubled() {
        let mut growth = Growth::default();
        assert_eq!(growth.note([("one", 10), ("other", 0)]), ["one"]);
        assert!(growth.note([("one", 9), ("other", 0)]).is_empty());
        assert_eq!(growth.note([("one", 1), ("other", 5)]), ["one", "other"]);
        assert!(growth.note([("one", 19), ("other", 4)]).is_empty());
    }
}
