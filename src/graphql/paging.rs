//! Relay's paging over the chat's pages: `first`/`after` forwards, `last`/`before` backwards.

use async_graphql::OutputType;
use async_graphql::connection::{Connection, Edge};

use crate::error::{Error, Result};
use crate::page::{self, Page, Window};

/// The four arguments of every connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paging {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

impl Paging {
    /// How many, and whether they are counted from the start.
    ///
    /// # Errors
    /// `BadRequest` for both `first` and `last`, or for less than 1.
    pub fn limit(&self) -> Result<(u64, Option<bool>)> {
        let ask = |number: i32, name: &str| {
            page::limit(Some(number.into())).map_err(|_| Error::bad_request(format!("{name} must be 1 or more")))
        };
        match (self.first, self.last) {
            (Some(_), Some(_)) => Err(Error::bad_request("first and last exclude each other")),
            (Some(first), None) => Ok((ask(first, "first")?, Some(true))),
            (None, Some(last)) => Ok((ask(last, "last")?, Some(false))),
            (None, None) => Ok((page::DEFAULT, None)),
        }
    }

    /// The stretch of a list that grows with its ids; where nothing is said, its end if `newest`.
    ///
    /// # Errors
    /// `BadRequest` for a cursor that is none, besides those of [`Paging::limit`].
    pub fn window(&self, newest: bool) -> Result<(Window, u64)> {
        let (limit, forward) = self.limit()?;
        let after = self.after.as_deref().map(id_of).transpose()?;
        let before = self.before.as_deref().map(id_of).transpose()?;
        let forward = forward.unwrap_or(match (after, before) {
            (Some(_), _) => true,
            (None, Some(_)) => false,
            (None, None) => !newest,
        });
        let window = match (after, before, forward) {
            (None, None, true) => Window::Oldest,
            (None, None, false) => Window::Newest,
            (Some(after), None, true) => Window::After(after),
            (None, Some(before), false) => Window::Before(before),
            (after, before, from_start) => {
                Window::Between { after: after.unwrap_or(0), before: before.unwrap_or(i64::MAX), from_start }
            }
        };
        Ok((window, limit))
    }
}

fn id_of(cursor: &str) -> Result<i64> {
    page::unseal(cursor)?.parse().map_err(|_| page::bad_cursor())
}

/// The cursor of an entry in a list that grows with its ids.
pub(crate) fn id_cursor(id: impl Into<i64>) -> String {
    page::seal(&id.into().to_string())
}

/// A connection of a page.
pub(crate) fn connection<T: OutputType>(
    page: Page<T>,
    forward: bool,
    has_cursor: bool,
    cursor: impl Fn(&T) -> String,
) -> Connection<String, T> {
    let (previous, next) = if forward { (has_cursor, page.has_more) } else { (page.has_more, has_cursor) };
    let mut connection = Connection::new(previous, next);
    connection.edges.extend(page.items.into_iter().map(|item| Edge::new(cursor(&item), item)));
    connection
}
