//! Tidying up closed groups: their messages' words, which searches would pass over for ever, are forgotten a little at a
//! time, so that nobody who writes waits for long. What is done is written down: the next process goes on from there.

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::entity::{conversation, message};
use crate::error::Result;

/// Messages that are looked at in one go.
const MAX_MESSAGES: usize = 500;
/// Characters of words that are forgotten in one go: the indexes have to forget each of them.
const MAX_WORD_CHARS: usize = 64 * 1024;

/// Tidies up one portion of one closed group; whether there was any.
///
/// # Errors
/// `Unavailable` without the database.
pub(crate) async fn tidy(chat: &Chat) -> Result<bool> {
    let db = &chat.store.reader();
    let group: Option<(i64, i64)> = conversation::Entity::find()
        .select_only()
        .column(conversation::Column::Id)
        .column(conversation::Column::UntidiedFrom)
        .filter(conversation::Column::UntidiedFrom.is_not_null())
        .order_by_asc(conversation::Column::Id)
        .into_tuple()
        .one(db)
        .await?;
    let Some((group, from)) = group else { return Ok(false) };
    let words = [Expr::col(message::Column::SearchWords), Expr::col(message::Column::OldWords), Expr::val("")];
    let words = Func::coalesce(words);
    let length = Func::char_length(words);
    let rows: Vec<(i64, i32)> = message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .expr_as(length, "length")
        .filter(message::Column::ConversationId.eq(group))
        .filter(message::Column::Id.gt(from))
        .order_by_asc(message::Column::Id)
        .limit(MAX_MESSAGES as u64)
        .into_tuple()
        .all(db)
        .await?;
    let (until, complete) = portion(&rows);
    let tidied = chat.write(async move |batch: &mut Batch| {
        let next = if complete { None } else { until };
        let mine = conversation::Entity::update_many()
            .col_expr(conversation::Column::UntidiedFrom, Expr::value(next))
            .filter(conversation::Column::Id.eq(group))
            // Another process may have been here meanwhile.
            .filter(conversation::Column::UntidiedFrom.eq(from));
        if let (1, Some(until)) = (mine.exec(&batch.tx).await?.rows_affected, until) {
            message::Entity::update_many()
                .col_expr(message::Column::SearchWords, Expr::value(Option::<String>::None))
                .col_expr(message::Column::OldWords, Expr::value(Option::<String>::None))
                .filter(message::Column::ConversationId.eq(group))
                .filter(message::Column::Id.gt(from))
                .filter(message::Column::Id.lte(until))
                .filter(message::Column::SearchWords.is_not_null().or(message::Column::OldWords.is_not_null()))
                .exec(&batch.tx)
                .await?;
        }
        Ok(())
    });
    tidied.await?;
    Ok(true)
}

/// The last of the messages that are done in one go, and whether none is left behind it.
fn portion(rows: &[(i64, i32)]) -> (Option<i64>, bool) {
    let mut words = 0;
    for (place, (id, length)) in rows.iter().enumerate() {
        words += usize::try_from(*length).unwrap_or(0);
        if words >= MAX_WORD_CHARS {
            return (Some(*id), place + 1 == rows.len() && rows.len() < MAX_MESSAGES);
        }
    }
    (rows.last().map(|(id, _)| *id), rows.len() < MAX_MESSAGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_ends_with_its_rows_or_with_its_words() {
        assert_eq!(portion(&[]), (None, true));
        assert_eq!(portion(&[(3, 10), (4, 0)]), (Some(4), true));
        let many: Vec<(i64, i32)> = (1..=MAX_MESSAGES as i64).map(|id| (id, 10)).collect();
        assert_eq!(portion(&many), (Some(MAX_MESSAGES as i64), false));
        let long: Vec<(i64, i32)> = (1..=40).map(|id| (id, 10_000)).collect();
        assert_eq!(portion(&long), (Some(7), false));
        assert_eq!(portion(&long[..7]), (Some(7), true));
    }
}
