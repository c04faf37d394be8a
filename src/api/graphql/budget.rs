//! What an answer may come to while it is made: its values are counted as they are resolved, so that a small text cannot
//! have the server build a large answer only to see that it is too large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::error::Error;

/// Bytes of an answer, at most (contract §13, limits). In memory it takes some times as much.
const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// What is left for the answers of one request, whose operations share it.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<Spent>);

#[derive(Default)]
struct Spent {
    bytes: AtomicUsize,
    over: Notify,
}

impl Budget {
    /// Waits until more was asked for than there is.
    pub async fn exceeded(&self) -> Error {
        self.0.over.notified().await;
        Error::bad_request("The answer would be larger than 8 MiB")
    }

    /// Counts bytes; tells whether there is room for them.
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
            // Whoever waits for the answer is told, and drops all of it.
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
