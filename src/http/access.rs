//! What the access log is told of a request by those who answer it: who asked, and for which operation. Where it is off, and
//! outside of a request, nothing is kept. It never holds anything that a person wrote.

use std::cell::RefCell;
use std::net::IpAddr;

use axum::http::Extensions;

use super::peer::{Client, Peer};
use crate::id::UserId;

/// Where the lines of the access log are found by a filter.
pub const TARGET: &str = "confab::access";
/// Bytes of the names of operations that are kept of a request.
const MAX_OPERATIONS_BYTES: usize = 200;

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}

/// What was noted of a request.
#[derive(Debug, Default)]
pub struct Notes {
    /// Whose token it brought, if it was good.
    pub user: Option<UserId>,
    /// The names of its operations of GraphQL, if they have any, with commas between them.
    pub operations: Option<String>,
}

/// Answers a request, and says what was noted meanwhile.
pub async fn noting<T>(answer: impl Future<Output = T>) -> (T, Notes) {
    let noted = async {
        let answer = answer.await;
        (answer, NOTES.with(RefCell::take))
    };
    NOTES.scope(RefCell::default(), noted).await
}

/// The request is this user's.
pub fn note_user(user: UserId) {
    note(|notes| notes.user = Some(user));
}

/// The request asks for an operation of this name.
pub fn note_operation(name: &str) {
    note(|notes| {
        let names = notes.operations.get_or_insert_default();
        if names.len() + name.len() < MAX_OPERATIONS_BYTES {
            names.push_str(if names.is_empty() { "" } else { "," });
            names.push_str(name);
        }
    });
}

fn note(change: impl FnOnce(&mut Notes)) {
    // Nobody wants to know it outside of a request.
    let _nobody = NOTES.try_with(|notes| change(&mut notes.borrow_mut()));
}

/// Whom a request with these extensions comes from: the client, as far as that can be believed, or else whoever is at the
/// other end of its connection.
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    let client = extensions.get::<Client>().map(|client| client.0);
    client.or_else(|| extensions.get::<Peer>().map(|peer| peer.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_noted_is_of_one_request_and_bounded() {
        note_operation("Nobody");
        let ((), notes) = noting(async {
            note_user(UserId::stored(7));
            (0..100).for_each(|_| note_operation("Rooms"));
        })
        .await;
        let operations = notes.operations.unwrap();
        assert!(operations.starts_with("Rooms,Rooms,") && operations.len() < MAX_OPERATIONS_BYTES, "{operations}");
        assert_eq!(notes.user, Some(UserId::stored(7)));
        let ((), notes) = noting(async {}).await;
        assert_eq!((notes.user, notes.operations), (None, None));
    }
}
