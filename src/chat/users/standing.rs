//! Banning people, lifting bans, signing people out (protocol §13). The database is the truth; what a node remembers of it is
//! forgotten at every change.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Value};

use super::external::named_one;
use super::known::Standing;
use super::row::forget;
use crate::auth::Viewer;
use crate::chat::notes::Note;
use crate::chat::views::user::{User, by_ids, not_found};
use crate::chat::{Chat, Cx};
use crate::cluster::frame::News;
use crate::entity::user::{self, Column};
use crate::error::{Error, Result};
use crate::id::UserId;

/// What is done to somebody's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sanction {
    /// They are refused until the ban is lifted, and their connections end.
    Ban,
    Unban,
    /// Their connections end, and tokens of before are refused.
    Logout,
}

/// Bans somebody, lifts the ban, or signs them out. Their connections end at once, at every node. To repeat it is no error.
/// They are named by their number, or by their external id.
///
/// # Errors
/// `Forbidden` unless an administrator asks, `BadRequest` for banning oneself, besides those of [`named_one`].
pub async fn sanction(cx: &Cx, id: Option<UserId>, external: Option<String>, sanction: Sanction) -> Result<User> {
    cx.must_be_admin()?;
    let id = named_one(cx, id, external).await?;
    if sanction == Sanction::Ban && id == cx.me() {
        return Err(Error::bad_request("You cannot ban yourself"));
    }
    sanction_as_server(&cx.chat, id, sanction).await
}

/// As [`sanction`], for the command line.
///
/// # Errors
/// `NotFound`.
pub async fn sanction_as_server(chat: &Chat, id: UserId, sanction: Sanction) -> Result<User> {
    let user = chat.note(async move |note: &mut Note<'_>| {
        let now = note.now;
        let changed: Vec<(Column, SimpleExpr)> = match sanction {
            // The first time stays.
            Sanction::Ban => vec![(Column::BannedAt, Expr::col(Column::BannedAt).if_null(now))],
            Sanction::Unban => vec![(Column::BannedAt, Expr::value(Value::ChronoDateTimeUtc(None)))],
            Sanction::Logout => vec![(Column::SignedOutAt, Expr::value(now))],
        };
        let update = user::Entity::update_many().col_expr(Column::StandingAt, Expr::value(now));
        let update = changed.into_iter().fold(update, |update, (column, to)| update.col_expr(column, to));
        update.filter(Column::Id.eq(id)).exec(note.tx).await?;
        by_ids(note.tx, &[id]).await?.remove(&id).ok_or_else(|| not_found(id))
    });
    let user = user.await?;
    heard(chat, &[id]);
    chat.cluster.tell(News::Standings(vec![id]));
    Ok(user)
}

/// Forgets how these stood, and has it looked at whose connections have to end.
pub fn heard(chat: &Chat, people: &[UserId]) {
    forget(chat, people);
    chat.standings.change();
}

/// Somebody whose standing was changed.
#[derive(Debug, Clone, Copy)]
pub struct Changed {
    pub user: UserId,
    pub standing: Standing,
}

/// Those whose standing was changed after `since`. What is remembered of them is forgotten.
///
/// # Errors
/// `Unavailable` without the database.
pub async fn changed_since(chat: &Arc<Chat>, since: DateTime<Utc>) -> Result<Vec<Changed>> {
    let rows = user::Entity::find().filter(Column::StandingAt.gt(since)).all(&chat.store.reader()).await?;
    let changed: Vec<Changed> = rows.iter().map(|row| Changed { user: row.id, standing: Standing::of(row) }).collect();
    forget(chat, &changed.iter().map(|one| one.user).collect::<Vec<_>>());
    Ok(changed)
}

/// Whether the viewer is let in still.
///
/// # Errors
/// Those of [`Standing::judge`], `Unavailable` without the database.
pub async fn must_be_welcome(cx: &Cx) -> Result<()> {
    let Viewer { id, issued, .. } = cx.viewer;
    let standing = match cx.chat.users.get(&id) {
        Some(known) => known.standing,
        None => {
            let row = user::Entity::find_by_id(id).one(&cx.reader()).await?;
            row.as_ref().map(Standing::of).unwrap_or_default()
        }
    };
    standing.judge(issued)
}
