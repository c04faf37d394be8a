//! A new token in an open connection: the mutation checks it, and leaves it to its connection, which alone can go on with it.

use std::sync::Arc;

use async_graphql::Context;
use parking_lot::Mutex;

use super::viewer::viewer;
use crate::app::App;
use crate::chat::Cx;
use crate::chat::views::renewal::TokenRenewal;
use crate::error::{Error, Result};

/// Where an operation leaves the new token of its connection.
#[derive(Clone)]
pub(crate) struct Renewal {
    app: Arc<App>,
    outcome: Arc<Mutex<Option<Result<Cx>>>>,
}

impl Renewal {
    /// One for an operation over a connection that can go on with a new token.
    pub fn of(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), outcome: Arc::default() }
    }

    /// Whom the connection goes on for, or why it ends; none where the operation brought no token.
    pub fn outcome(self) -> Option<Result<Cx>> {
        self.outcome.lock().take()
    }

    async fn renew(&self, cx: &Cx, token: &str) -> Result<TokenRenewal> {
        let renewed = self.app.renew(cx, token).await;
        let told = renewed.as_ref().map(|cx| TokenRenewal::of(&cx.viewer)).map_err(Clone::clone);
        let mut outcome = self.outcome.lock();
        match &renewed {
            Err(error) if !App::ends_connection(error) => {}
            // A token that was refused is not forgotten over a better one.
            _ if matches!(*outcome, Some(Err(_))) => {}
            _ => *outcome = Some(renewed),
        }
        told
    }
}

/// Goes on with a new token.
///
/// # Errors
/// `BadRequest` where the operation came over no connection that goes on, besides those of [`App::renew`].
pub(super) async fn renew(ctx: &Context<'_>, token: &str) -> async_graphql::Result<TokenRenewal> {
    let no_connection = || {
        Error::bad_request(
            "A token is renewed over the WebSocket that it is for; each request over HTTP brings its own",
        )
    };
    let renewal = ctx.data_opt::<Renewal>().ok_or_else(no_connection)?;
    Ok(renewal.renew(viewer(ctx)?, token).await?)
}
