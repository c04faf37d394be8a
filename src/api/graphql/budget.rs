//! What an answer may come to while it is made: its values are counted as they are resolved, so that a small text cannot
//! have the server build a large answer only to see that it is too large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::error::Error;

/// In memory a response takes several times as much (protocol §13, limits).
const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// The bytes that the responses of one request may still have; the operations of a batch share them.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<Spent>);

#[derive(Default)]
struct Spent {
    bytes: AtomicUsize,
    over: Notify,
}

impl Budget {
    /// Waits until the responses have become too large.
    pub async fn exceeded(&self) -> Error {
        self.0.over.notified().await;
        Error::bad_request("The answer would be larger than 8 MiB")
    }

    /// Counts bytes; says whether they still fit.
    fn spend(&self, bytes: usize) -> bool {
        let spent = self.0.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if spent > MAX_RESPONSE_BYTES {
            self.0.over.notify_one();
        }
        spent <= MAX_RESPONSE_BYTES
    }
}

/// Counts the bytes of each value that the engine resolves, and stops where there are too many.
pub(crate) struct Metering;

impl ExtensionFactory for Metering {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Metering)
    }
}

#[async_trait]
impl Extension for Metering {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Ok(budget) = ctx.data::<Budget>() else { return next.run(ctx, info).await };
        // Quotes, a colon and a comma; of what has fields below, they are counted by themselves.
        let name = info.alias.unwrap_or(info.name).len() + 4;
        let is_leaf = info.field.selection_set.node.items.is_empty();
        let resolved = next.run(ctx, info).await?;
        let below = resolved.as_ref().filter(|_| is_leaf).map_or(2, length);
        if !budget.spend(name + below) {
            // The door waits for `exceeded` beside the answer, and drops this future.
            std::future::pending::<()>().await;
        }
        Ok(resolved)
    }
}

/// About as many bytes as a value has when it is written.
fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Boolean(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Enum(name) => name.len() + 2,
        Value::Binary(bytes) => bytes.len() * 4,
        Value::List(items) => items.iter().map(|item| length(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + 4 + length(value)).sum::<usize>() + 2,
    }
}
