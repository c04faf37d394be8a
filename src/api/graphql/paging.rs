//! Relay's paging over the chat's pages: `first`/`after` forwards, `last`/`before` backwards.

use std::borrow::Cow;

use async_graphql::{Object, OutputType, SimpleObject, TypeName};

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
    ) -> Connection<T> {
        let edges = page.items.into_iter().map(|item| Edge { cursor: cursor(&item), node: item });
        Connection::new(edges, self.beyond(forward, page.has_more))
    }
}

/// A page of a list. Its name is that of what the list is of.
pub(crate) struct Connection<T> {
    pub edges: Vec<Edge<T>>,
    has_previous_page: bool,
    has_next_page: bool,
}

/// An entry of a list, and its place there. Its name is that of the entry.
#[derive(Clone)]
pub(crate) struct Edge<T> {
    pub cursor: String,
    pub node: T,
}

/// What is before and behind a page of a list.
#[derive(SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether there are entries before the first of this page.
    has_previous_page: bool,
    /// Whether there are entries behind the last of this page.
    has_next_page: bool,
    /// The cursor of the first entry, for `before`; null where the page is empty.
    start_cursor: Option<String>,
    /// The cursor of the last entry, for `after`; null where the page is empty.
    end_cursor: Option<String>,
}

impl<T> Connection<T> {
    /// A page of these entries, and whether there are others before and behind it.
    pub fn new(edges: impl Iterator<Item = Edge<T>>, (has_previous_page, has_next_page): (bool, bool)) -> Self {
        Self { edges: edges.collect(), has_previous_page, has_next_page }
    }

    /// What is before and behind it.
    pub fn info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous_page,
            has_next_page: self.has_next_page,
            start_cursor: self.edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: self.edges.last().map(|edge| edge.cursor.clone()),
        }
    }

    /// The entries without their places.
    pub fn entries(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The entries, each with its place in the list.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The entries without their places.
    async fn nodes(&self) -> Vec<&T> {
        self.entries()
    }

    /// What is before and behind this page.
    async fn page_info(&self) -> PageInfo {
        self.info()
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// An entry of a list, and its place there.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// The place of the entry, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The entry.
    async fn node(&self) -> &T {
        &self.node
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
