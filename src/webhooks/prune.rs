//! Forgetting deliveries that are over.

use chrono::TimeDelta;
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::entity::clock;
use crate::entity::webhook_delivery::{self, Column, DeliveryState};
use crate::error::Result;
use crate::id::WebhookDeliveryId;
use crate::store::among;

/// Deliveries deleted in one transaction.
const MAX_PRUNED_ROWS: u64 = 1_000;

/// Deletes what was done with longer ago than the log is kept. What failed is kept for as long after its last attempt.
pub async fn prune(chat: &Chat) -> Result<()> {
    let before = clock::now() - TimeDelta::days(chat.config.log.retention_days.into());
    let old = move || {
        let done = webhook_delivery::Entity::find().select_only().column(Column::Id);
        let delivered = Column::State.eq(DeliveryState::Delivered).and(Column::DeliveredAt.lt(before));
        let failed = Column::State.eq(DeliveryState::Failed).and(Column::ExpiresAt.lt(before));
        done.filter(delivered.or(failed)).limit(MAX_PRUNED_ROWS)
    };
    loop {
        let ids: Vec<WebhookDeliveryId> = old().into_tuple().all(&chat.store.reader()).await?;
        let found = ids.len() as u64;
        if found > 0 {
            let change = chat.write(async move |batch: &mut Batch| {
                let gone = webhook_delivery::Entity::delete_many().filter(among(&batch.tx, Column::Id, ids));
                gone.filter(Column::State.ne(DeliveryState::Pending)).exec(&batch.tx).await?;
                Ok(())
            });
            change.await?;
        }
        if found < MAX_PRUNED_ROWS {
            return Ok(());
        }
    }
}
