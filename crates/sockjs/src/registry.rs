//! The sessions over HTTP of one endpoint, by the ids that their clients chose. Their number is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::request::Parts;
use tokio::sync::mpsc;

use super::http_session::{Delivery, HttpSession, lock};
use super::{Admission, Options, Transport};

/// The sessions of one endpoint.
#[derive(Default)]
pub(super) struct Registry(Mutex<HashMap<String, Entry>>);

struct Entry {
    session: Arc<HttpSession>,
    _admissions: Vec<Admission>,
}

/// The session would be one too many, or the request may not begin one.
pub(super) struct Refused;

/// What a receiving request finds under the id of its session.
pub(super) enum Found {
    Known(Arc<HttpSession>),
    New(Arc<HttpSession>, mpsc::UnboundedReceiver<Delivery>),
}

impl Registry {
    pub(super) fn get(&self, id: &str) -> Option<Arc<HttpSession>> {
        lock(&self.0).get(id).map(|entry| entry.session.clone())
    }

    /// Whether a request may begin a session, and what it holds by that.
    pub(super) fn admit(&self, options: &Options, request: &Parts) -> Result<Vec<Admission>, Refused> {
        if lock(&self.0).len() >= options.session_limit {
            return Err(Refused);
        }
        match options.admit.as_ref().map(|admit| admit(request)) {
            None => Ok(Vec::new()),
            Some(admission) => admission.map(|admission| vec![admission]).ok_or(Refused),
        }
    }

    /// The session of that id, or a new one if there is still room, which keeps what it was admitted with.
    pub(super) fn get_or_begin(
        &self,
        id: &str,
        transport: Transport,
        options: &Options,
        admissions: Vec<Admission>,
    ) -> Result<Found, Refused> {
        let mut sessions = lock(&self.0);
        if let Some(entry) = sessions.get(id) {
            return Ok(Found::Known(entry.session.clone()));
        }
        if sessions.len() >= options.session_limit {
            return Err(Refused);
        }
        let (session, inbox) = HttpSession::new(transport, options);
        sessions.insert(id.to_owned(), Entry { session: session.clone(), _admissions: admissions });
        Ok(Found::New(session, inbox))
    }

    /// Waits until the client has abandoned the session, ends it and forgets it.
    pub(super) async fn watch(&self, id: &str, session: &HttpSession) {
        session.abandoned().await;
        session.end(3000, "Go away!");
        lock(&self.0).remove(id);
    }
}
