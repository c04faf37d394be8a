//! The sessions over HTTP of one endpoint, by the names that their clients chose. How many there may be is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::request::Parts;
use tokio::sync::mpsc;

use super::pipe::{Delivery, Pipe, lock};
use super::{Admission, Options, Transport};

/// The sessions of one endpoint.
#[derive(Default)]
pub(super) struct Pipes(Mutex<HashMap<String, Kept>>);

struct Kept {
    pipe: Arc<Pipe>,
    _admission: Option<Admission>,
}

/// What a receiving request finds under its session's name.
pub(super) enum Found {
    Known(Arc<Pipe>),
    New(Arc<Pipe>, mpsc::UnboundedReceiver<Delivery>),
    Full,
}

impl Pipes {
    pub(super) fn get(&self, id: &str) -> Option<Arc<Pipe>> {
        lock(&self.0).get(id).map(|kept| kept.pipe.clone())
    }

    /// The session of that name, or a new one if there is room and the request may begin one.
    pub(super) fn find(&self, id: &str, transport: Transport, options: &Options, request: &Parts) -> Found {
        let mut pipes = lock(&self.0);
        if let Some(kept) = pipes.get(id) {
            return Found::Known(kept.pipe.clone());
        }
        if pipes.len() >= options.session_limit {
            return Found::Full;
        }
        let admission = options.admit.as_ref().map(|admit| admit(request));
        if let Some(None) = admission {
            return Found::Full;
        }
        let (pipe, inbox) = Pipe::new(transport, options);
        pipes.insert(id.to_owned(), Kept { pipe: pipe.clone(), _admission: admission.flatten() });
        Found::New(pipe, inbox)
    }

    /// Ends the session when nobody has received for too long, and then forgets it.
    pub(super) async fn keep(&self, id: &str, pipe: &Pipe) {
        pipe.abandoned().await;
        pipe.end(3000, "Go away!");
        lock(&self.0).remove(id);
    }
}
