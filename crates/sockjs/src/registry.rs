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
    _admission: Option<Admission>,
}

/// What a receiving request finds under the id of its session.
pub(super) enum Found {
    Known(Arc<HttpSession>),
    New(Arc<HttpSession>, mpsc::UnboundedReceiver<Delivery>),
    /// The session would be one too many, or the request may not begin one.
    Refused,
}

impl Registry {
    pub(super) fn get(&self, id: &str) -> Option<Arc<HttpSession>> {
        lock(&self.0).get(id).map(|entry| entry.session.clone())
    }

    /// The session of that id, or a new one if there is room and the request may begin one.
    pub(super) fn get_or_begin(&self, id: &str, transport: Transport, options: &Options, request: &Parts) -> Found {
        let mut sessions = lock(&self.0);
        if let Some(entry) = sessions.get(id) {
            return Found::Known(entry.session.clone());
        }
        if sessions.len() >= options.session_limit {
            return Found::Refused;
        }
        let admission = options.admit.as_ref().map(|admit| admit(request));
        if let Some(None) = admission {
            return Found::Refused;
        }
        let (session, inbox) = HttpSession::new(transport, options);
        sessions.insert(id.to_owned(), Entry { session: session.clone(), _admission: admission.flatten() });
        Found::New(session, inbox)
    }

    /// Waits until the client has abandoned the session, ends it and forgets it.
    pub(super) async fn watch(&self, id: &str, session: &HttpSession) {
        session.abandoned().await;
        session.end(3000, "Go away!");
        lock(&self.0).remove(id);
    }
}
