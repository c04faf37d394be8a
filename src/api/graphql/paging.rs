//! Relay's paging over the chat's pages: `first`/`after` forwards, `last`/`before` backwards.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, Edge};

use crate::chat::page::{self, Page, Window};
use crate::error::{Error, Result};

/// The four arguments of every connection.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    first: Option<i32>,
    pub after: Option<String>,
    last: Option<i32>,
    pub before: Option<String>,
}

impl Paging {
    /// As they are asked for. An empty cursor is none: clients send one that have nothing to go on from.
    pub fn of(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Self {
        let given = |cursor: Option<String>| cursor.filter(|cursor| !cursor.is_empty());
        Self { first, after: given(after), last, before: given(before) }
    }

    /// How many, and whether they are counted from the start. None at all may be asked for: that tells whether there are
    /// any.
    ///
    /// # Errors
    /// `BadRequest` for both `first` and `last`, or for less than 0.
    pub fn limit(&self) -> Result<(u64, Option<bool>)> {
        let ask = |number: i32, name: &str| match number {
            0 => Ok(0),
            _ => page::limit(Some(number.into())).map_err(|_| Error::bad_request(format!("{name} must be 0 or more"))),
        };
        match (self.first, self.last) {
            (Some(_), Some(_)) => Err(Error::bad_request("first and last exclude each other")),
            (Some(first), None) => Ok((ask(first, "first")?, Some(true))),
            (None, Some(last)) => Ok((ask(last, "last")?, Some(false))),
            (None, None) => Ok((page::DEFAULT_LIMIT, None)),
        }
    }

    /// The window of a list that grows with its ids; where nothing is said, its end if `newest`.
    ///
    /// # Errors
    /// `BadRequest` for a cursor that is none, besides those of [`Paging::limit`].
    pub fn window(&self, newest: bool) -> Result<(Window, u64)> {
        let (limit, forward) = self.limit()?;
        Ok((window_between(cursor(&self.after)?, cursor(&self.before)?, forward, newest), limit))
    }

    /// The window, by ids, of a list that has the newest first: what is after an entry has a smaller id. Where nothing
    /// is said, the start of the list.
    ///
    /// # Errors
    /// Those of [`Paging::window`].
    pub fn window_newest_first(&self) -> Result<(Window, u64)> {
        let (limit, forward) = self.limit()?;
        let upwards = forward.map(|forward| !forward);
        Ok((window_between(cursor(&self.before)?, cursor(&self.after)?, upwards, true), limit))
    }

    /// Whether there is something before and after a page of this list: beyond a cursor there is at least its entry.
    pub fn beyond(&self, forward: bool, has_more: bool) -> (bool, bool) {
        (self.after.is_some() || !forward && has_more, self.before.is_some() || forward && has_more)
    }

    /// A connection of a page, read from the start of the list or, unless `forward`, from its end.
    pub fn connection<T: OutputType>(
        &self,
        page: Page<T>,
        forward: bool,
        cursor: impl Fn(&T) -> String,
    ) -> Connection<String, T> {
        let (previous, next) = self.beyond(forward, page.has_more);
        let mut connection = Connection::new(previous, next);
        connection.edges.extend(page.items.into_iter().map(|item| Edge::new(cursor(&item), item)));
        connection
    }
}

fn window_between(after: Option<i64>, before: Option<i64>, upwards: Option<bool>, newest: bool) -> Window {
    let upwards = upwards.unwrap_or(match (after, before) {
        (Some(_), _) => true,
        (None, Some(_)) => false,
        (None, None) => !newest,
    });
    match (after, before, upwards) {
        (None, None, true) => Window::Oldest,
        (None, None, false) => Window::Newest,
        (Some(after), None, true) => Window::After(after),
        (None, Some(before), false) => Window::Before(before),
        (after, before, from_start) => {
            Window::Between { after: after.unwrap_or(0), before: before.unwrap_or(i64::MAX), from_start }
        }
    }
}

fn cursor(given: &Option<String>) -> Result<Option<i64>> {
    given.as_deref().map(id_of).transpose()
}

fn id_of(cursor: &str) -> Result<i64> {
    page::decode_cursor(cursor).map(|[id]| id)
}

/// The cursor of an entry in a list that grows with its ids.
pub(crate) fn id_cursor(id: impl Into<i64>) -> String {
    page::encode_cursor(&[id.into()])
}
