//! The viewer, as resolvers get to know it: by looking, which makes the answer that viewer's own. There is no other way to
//! the viewer, so that no resolver can look unseen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::{Context, Request, Result};

use crate::chat::Cx;

/// Whether a resolver of one execution has looked at the viewer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look(Arc<AtomicBool>);

impl Look {
    /// Whether one has.
    pub fn was_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Private, so that only the functions of this file can get at it.
struct Asker(Cx);

/// Has the request executed for the viewer of `cx`.
pub(crate) fn attach(request: Request, cx: &Cx) -> Request {
    request.data(Asker(cx.clone()))
}

/// The viewer, to answer with what is this viewer's own.
///
/// # Errors
/// Only where nobody was attached to the request.
pub(crate) fn viewer<'c>(ctx: &Context<'c>) -> Result<&'c Cx> {
    if let Ok(look) = ctx.data::<Look>() {
        look.0.store(true, Ordering::Release);
    }
    viewer_of_own_parts(ctx)
}

/// The viewer, to answer with a value of which each part that is the viewer's own is a field with the tag `own`: then
/// the other parts can be shared.
///
/// # Errors
/// Only where nobody was attached to the request.
pub(crate) fn viewer_of_own_parts<'c>(ctx: &Context<'c>) -> Result<&'c Cx> {
    Ok(&ctx.data::<Asker>()?.0)
}
