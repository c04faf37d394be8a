//! Pruning: events older than the retention are forgotten.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::entity::{event as row, log_state};
use crate::error::{Error, Result};

/// How long the writer is left to others between two portions that are pruned.
const PRUNE_PAUSE: Duration = Duration::from_millis(20);

/// Forgets events older than the retention, a portion at a time so that nobody waits for long; a cursor before what
/// was forgotten is refused from then on.
pub(crate) async fn prune(chat: &Chat) -> Result<()> {
    const MAX_POSITIONS: i64 = 1_000;
    let retention = TimeDelta::days(chat.config.log.retention_days.into());
    loop {
        let pruned: bool = chat
            .write(async move |batch: &mut Batch| {
                let state = log_state::Entity::find_by_id(log_state::ONLY).one(&batch.tx).await?;
                let from = state.ok_or_else(|| Error::internal_because("chat_log has lost its row"))?.pruned_position;
                let old = row::Entity::find()
                    .filter(row::Column::Position.gt(from))
                    .filter(row::Column::Position.lte(from + MAX_POSITIONS))
                    .filter(row::Column::CreatedAt.lt(batch.now - retention))
                    .order_by_desc(row::Column::Position)
                    .one(&batch.tx)
                    .await?;
                let Some(old) = old else { return Ok(false) };
                row::Entity::delete_many().filter(row::Column::Position.lte(old.position)).exec(&batch.tx).await?;
                log_state::Entity::update_many()
                    .col_expr(log_state::Column::PrunedPosition, Expr::value(old.position))
                    .exec(&batch.tx)
                    .await?;
                Ok(old.position == from + MAX_POSITIONS)
            })
            .await?;
        if !pruned || chat.stopping.is_cancelled() {
            return Ok(());
        }
        tokio::time::sleep(PRUNE_PAUSE).await;
    }
}
