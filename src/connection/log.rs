//! The access log of sessions: a line when somebody opens one, and a line when it ends.

use std::net::IpAddr;

use axum::http::Extensions;
use tokio::time::Instant;

use super::Goodbye;
use crate::http::access::{self, TARGET};
use crate::http::request_id;
use crate::id::UserId;

/// What is told of one session; nothing where the access log is off.
pub struct SessionLog(Option<Box<Session>>);

struct Session {
    door: &'static str,
    request_id: String,
    address: Option<IpAddr>,
    /// None until it is known whose it is.
    opened: Option<(UserId, Instant)>,
}

impl SessionLog {
    /// Of a session at this door, which the request with these extensions begins.
    pub fn new(is_on: bool, door: &'static str, request: &Extensions) -> Self {
        Self(is_on.then(|| {
            let (request_id, address) = (request_id::of(request).to_owned(), access::address(request));
            Box::new(Session { door, request_id, address, opened: None })
        }))
    }

    /// Says once that the session is open, as soon as it is known whose it is.
    pub(super) fn opened(&mut self, user: impl FnOnce() -> Option<UserId>) {
        let Some(session) = self.0.as_deref_mut().filter(|session| session.opened.is_none()) else { return };
        let Some(user) = user() else { return };
        session.opened = Some((user, Instant::now()));
        let Session { door, request_id, address, .. } = session;
        let address = address.map(tracing::field::display);
        tracing::info!(target: TARGET, door = *door, user = user.get(), address, request_id = &**request_id, "session opened");
    }

    /// Says that the session has ended: by the server with this goodbye, or else by its client.
    pub(super) fn ended(self, goodbye: Option<&Goodbye>) {
        let Some(session) = self.0 else { return };
        let Some((user, since)) = session.opened else { return };
        tracing::info!(
            target: TARGET,
            door = session.door,
            user = user.get(),
            seconds = since.elapsed().as_millis() as f64 / 1_000.0,
            why = goodbye.map_or("The client has left", Goodbye::why),
            address = session.address.map(tracing::field::display),
            request_id = session.request_id,
            "session ended"
        );
    }
}
