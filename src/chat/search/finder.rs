//! How what is asked for is found. A word that is common is met by looking at the nearest messages; one that is not is
//! looked up in the index, conversation by conversation. It knows no viewer.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement, Value};

use super::statements::{self, Direction};
use crate::chat::page::Window;
use crate::chat::text::Term;
use crate::entity::message;
use crate::id::ConversationId;
use crate::store::{Reader, among, list};

/// A conversation to look into, and its newest message.
pub(super) struct Place {
    pub conversation: ConversationId,
    pub newest: i64,
}

/// Messages that are looked at in each conversation before the index is asked, and how many at most where so many of them
/// match that looking on is less than to gather all that match.
const FIRST_DEPTH: u64 = 100;
const MAX_DEPTH: u64 = 2_000;
/// Conversations into which one looks so; with more of them, it is the nearest messages of the server.
const MAX_SCANNED: usize = 8;
/// Conversations that the index is asked about first. Each step asks about four times as many.
const FIRST_PORTION: usize = 50;
/// Messages that the index names which are read, and so held, in one go.
const MAX_ROWS: usize = 2_000;

pub(super) struct Finder<'a> {
    db: &'a Reader,
    terms: &'a [Term],
    places: &'a [Place],
    direction: Direction,
    /// Ids between which it is looked, both excluded.
    after: i64,
    before: i64,
    wanted: u64,
    found: BTreeMap<i64, message::Model>,
}

impl<'a> Finder<'a> {
    pub fn new(db: &'a Reader, terms: &'a [Term], places: &'a [Place], window: Window, wanted: u64) -> Self {
        let (after, before) = window.bounds();
        let newest = places.iter().map(|place| place.newest).max().unwrap_or(0);
        let before = before.unwrap_or(i64::MAX).min(newest.saturating_add(1));
        let after = after.unwrap_or(0).max(0);
        let direction = Direction { is_forward: window.is_forward() };
        Self { db, terms, places, direction, after, before, wanted, found: BTreeMap::new() }
    }

    /// The nearest messages that match, in the order of the direction; messages below `old_below` may have words of
    /// before.
    pub async fn find(mut self, old_below: i64) -> Result<Vec<message::Model>, DbErr> {
        if old_below > 0 {
            self.find_old(old_below).await?;
            self.look_up().await?;
        } else if !self.scan().await? {
            self.look_up().await?;
        }
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let found = self.found.into_values();
        Ok(match self.direction.is_forward {
            true => found.take(wanted).collect(),
            false => found.rev().take(wanted).collect(),
        })
    }

    /// Looks at the nearest messages, and leaves the rest of the window; whether nothing is left to be found.
    async fn scan(&mut self) -> Result<bool, DbErr> {
        let mut depth = FIRST_DEPTH;
        loop {
            let edge = self.edge(depth).await?;
            let (after, before) = match (edge, self.direction.is_forward) {
                (None, _) => (self.after, self.before),
                (Some(edge), true) => (self.after, edge),
                (Some(edge), false) => (edge, self.before),
            };
            let sql = match self.is_scanned_by_conversation() {
                true => statements::scan_conversations(self.db, self.direction),
                false => statements::scan_all(self.db, self.direction),
            };
            let needles = list(self.db, self.terms.iter().map(|term| term.needle.as_str()));
            let values =
                vec![self.conversations(), after.into(), before.into(), self.wanted.cast_signed().into(), needles];
            let rows = message::Entity::find().from_raw_sql(self.statement(sql, values)).all(self.db).await?;
            let found = rows.len() as u64;
            if found >= self.wanted || edge.is_none() {
                self.keep(rows);
                return Ok(true);
            }
            // Where it would be enough to look on, half as far again as the share of matches promises.
            let enough = (depth * self.wanted * 3 / 2).checked_div(found).unwrap_or(u64::MAX).max(depth * 2);
            if enough > MAX_DEPTH {
                self.keep(rows);
                match (edge, self.direction.is_forward) {
                    (Some(edge), true) => self.after = edge - 1,
                    (Some(edge), false) => self.before = edge + 1,
                    (None, _) => {}
                }
                return Ok(false);
            }
            depth = enough;
        }
    }

    fn is_scanned_by_conversation(&self) -> bool {
        self.places.len() <= MAX_SCANNED
    }

    /// The id up to which `depth` messages are nearer in each conversation, or in all; none where the window ends before.
    async fn edge(&self, depth: u64) -> Result<Option<i64>, DbErr> {
        let depth = depth.cast_signed();
        if !self.is_scanned_by_conversation() {
            let edge = if self.direction.is_forward { self.after + depth + 1 } else { self.before - depth - 1 };
            return Ok((self.after < edge && edge < self.before).then_some(edge));
        }
        let values = vec![self.conversations(), self.after.into(), self.before.into(), depth.into()];
        let row = self.db.query_one_raw(self.statement(statements::edge(self.db, self.direction), values)).await?;
        row.map_or(Ok(None), |row| row.try_get_by_index(0))
    }

    /// Asks the index about each conversation, those with the latest messages first.
    async fn look_up(&mut self) -> Result<(), DbErr> {
        let (mut from, mut portion) = (0, FIRST_PORTION);
        while let Some(first) = self.places.get(from) {
            // What follows has nothing newer than what is wanted already.
            if !self.direction.is_forward && self.worst().is_some_and(|worst| first.newest < worst) {
                break;
            }
            let places = &self.places[from..(from + portion).min(self.places.len())];
            self.look_up_in(places).await?;
            (from, portion) = (from + portion, portion * 4);
        }
        Ok(())
    }

    /// The last of those that are wanted, once there are enough.
    fn worst(&self) -> Option<i64> {
        let last = usize::try_from(self.wanted).ok()?.checked_sub(1)?;
        match self.direction.is_forward {
            true => self.found.keys().nth(last).copied(),
            false => self.found.keys().rev().nth(last).copied(),
        }
    }

    async fn look_up_in(&mut self, places: &[Place]) -> Result<(), DbErr> {
        let queries: Vec<String> =
            places.iter().map(|place| statements::query(self.db, place.conversation, self.terms)).collect();
        let one = queries.len() == 1 && self.db.get_database_backend() == sea_orm::DbBackend::Sqlite;
        let sql = statements::look_up(self.db, self.direction, one);
        let queries: Value = match (one, queries.first()) {
            (true, Some(query)) => query.as_str().into(),
            _ => list(self.db, queries.iter().map(String::as_str)),
        };
        let (mut after, mut before, mut portion) = (self.after, self.before, self.wanted);
        loop {
            let values = vec![queries.clone(), after.into(), before.into(), portion.cast_signed().into()];
            let mut ids = Vec::new();
            for row in self.db.query_all_raw(self.statement(sql.clone(), values)).await? {
                ids.push(row.try_get_by_index::<i64>(0)?);
            }
            let all = (ids.len() as u64) < portion;
            let Some(last) = ids.last().copied() else { return Ok(()) };
            let looked_up = ids.len();
            let mut matching = 0;
            for some in ids.chunks(MAX_ROWS) {
                let some = some.iter().copied();
                let rows =
                    message::Entity::find().filter(among(self.db, message::Column::Id, some)).all(self.db).await?;
                let rows: Vec<message::Model> = rows.into_iter().filter(|row| self.matches(row)).collect();
                matching += rows.len();
                self.keep(rows);
            }
            // Pairs can stand far from each other: then, and only then, some of what the index has does not match.
            if all || matching == looked_up || self.worst().is_some_and(|worst| self.is_nearer(worst, last)) {
                return Ok(());
            }
            if self.direction.is_forward {
                after = last
            } else {
                before = last
            }
            portion *= 4;
        }
    }

    fn is_nearer(&self, one: i64, other: i64) -> bool {
        if self.direction.is_forward { one <= other } else { one >= other }
    }

    fn matches(&self, row: &message::Model) -> bool {
        let Some(words) = &row.search_words else { return false };
        !row.is_deleted && self.terms.iter().all(|term| term.is_in(words))
    }

    /// Words of before are found as they were.
    async fn find_old(&mut self, old_below: i64) -> Result<(), DbErr> {
        let sql = statements::look_up_old(self.db, self.direction);
        let values = vec![
            self.conversations(),
            self.after.into(),
            self.before.min(old_below).into(),
            self.wanted.cast_signed().into(),
            statements::old_query(self.db, self.terms).into(),
        ];
        let rows = message::Entity::find().from_raw_sql(self.statement(sql, values)).all(self.db).await?;
        self.keep(rows);
        Ok(())
    }

    fn keep(&mut self, rows: Vec<message::Model>) {
        self.found.extend(rows.into_iter().map(|row| (row.id.get(), row)));
    }

    fn conversations(&self) -> Value {
        list(self.db, self.places.iter().map(|place| place.conversation))
    }

    fn statement(&self, sql: String, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.db.get_database_backend(), sql, values)
    }
}
