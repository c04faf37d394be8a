//! Users as they come: with the name of theirs made fit to be one.

use std::collections::HashSet;

use sea_orm::{ActiveValue::Set, EntityTrait};

use super::known::Placed;
use super::known::{self, ROWS, moment};
use crate::chat::directory::names;
use crate::chat::text;
use crate::chat::views::user::by_external_ids;
use crate::entity::{clock, user};
use crate::id;
use crate::store::Transaction;
use crate::transfer::record::User;
use crate::transfer::report::Report;

const KIND: &str = "users";

pub(super) async fn write(tx: &Transaction, users: Vec<Placed<User>>, report: &mut Report) -> anyhow::Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let mut there: HashSet<_> = known::users(tx, users.iter().map(|(_, user)| user.id)).await?;
    let texts = users.iter().filter_map(|(_, user)| user.external_id.clone());
    let mut taken: HashSet<String> = by_external_ids(tx, texts).await?.into_keys().collect();
    let mut rows = Vec::new();
    for (place, user) in users {
        if !there.insert(user.id) {
            report.was_there(KIND);
            continue;
        }
        let name = text::token_name(&user.name).unwrap_or_else(|| format!("User {}", user.id));
        if name != user.name {
            report.changed(&place, "The name of a user was not fit to be one");
        }
        let avatar_url = user.avatar_url.as_deref().and_then(|url| text::avatar_url(url).ok());
        if avatar_url != user.avatar_url {
            report.changed(&place, "The avatar URL is no http or https address, and is left off");
        }
        let external_id = user.external_id.filter(|text| {
            let is_its_own = id::is_external(text) && taken.insert(text.clone());
            if !is_its_own {
                report.changed(&place, "The external id is none, or that of another user, and is left off");
            }
            is_its_own
        });
        let (banned_at, signed_out_at) = (user.banned_at.and_then(moment), user.signed_out_at.and_then(moment));
        let created_at = user.created_at.and_then(moment).unwrap_or_else(clock::now);
        rows.push(user::ActiveModel {
            id: Set(user.id),
            avatar_url: Set(avatar_url),
            created_at: Set(created_at),
            updated_at: Set(user.updated_at.and_then(moment).unwrap_or(created_at)),
            words_of: Set(Some(name.clone())),
            name: Set(name),
            external_id: Set(external_id),
            banned_at: Set(banned_at),
            signed_out_at: Set(signed_out_at),
            standing_at: Set(banned_at.max(signed_out_at).map(|_| clock::now())),
        });
    }
    report.new_ones(KIND, rows.len());
    for rows in rows.chunks(ROWS) {
        user::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
        names::write(tx, rows.iter().map(|row| (*row.id.as_ref(), row.name.as_ref().as_str()))).await?;
    }
    Ok(())
}
