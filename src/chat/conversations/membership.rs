//! Joining, leaving and roles: who is in a group, and who may say so.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::lookup::get;
use crate::chat::Cx;
use crate::chat::access::{self, Action, Member};
use crate::chat::counts::own_messages;
use crate::chat::event::{EventType, Fact};
use crate::chat::limit;
use crate::chat::rate_limit::Limited;
use crate::chat::rows;
use crate::chat::users;
use crate::chat::views::conversation::{Conversation, load_one};
use crate::chat::views::participant::Participant;
use crate::chat::views::user;
use crate::chat::writer::Batch;
use crate::entity::conversation;
use crate::entity::participant::{self, Role};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::among;

/// Adds users to a group. Somebody who is in already is no error. They start with everything read.
///
/// # Errors
/// `Forbidden` unless OWNER or ADMIN, `NotFound` for a user that nobody has seen, `BadRequest` in a direct
/// conversation or for more than 256, `RateLimited`.
pub async fn add_participants(cx: &Cx, id: ConversationId, users: Vec<UserId>) -> Result<Conversation> {
    users::check_count(users.len())?;
    if users.is_empty() {
        return Err(Error::bad_request("Name at least one user to add"));
    }
    let (db, me) = (&cx.reader(), cx.me());
    limit::take(cx, Limited::Creations).await?;
    let users = rows::distinct(users);
    let member = may_add(db, me, id).await?;
    // Nobody who was seen is ever forgotten, so they need not be looked for again.
    let known = user::must_exist(db, &users).await?;
    if strangers(db, id, &users).await?.is_empty() {
        return load_one(db, &cx.chat.signer, me, member).await;
    }
    let added = cx.chat.write(async move |batch: &mut Batch| {
        let member = may_add(&batch.tx, me, id).await?;
        let users = strangers(&batch.tx, id, &users).await?;
        if users.is_empty() {
            return Ok(());
        }
        // Whoever comes back has written here before.
        let pairs: Vec<_> = users.iter().map(|user| (id, *user)).collect();
        let own = own_messages(&batch.tx, &pairs).await?;
        let rows = pairs.into_iter().map(|pair| {
            let own = own.get(&pair).copied().unwrap_or(0);
            newcomer(&member.conversation, pair.1, own, batch.now)
        });
        let rows: Vec<participant::Model> = rows.collect();
        let insert = participant::Entity::insert_many(rows.iter().map(unsaved));
        insert.exec_without_returning(&batch.tx).await?;
        for row in &rows {
            let fact = Fact::Participant(Box::new(Participant::of(row, &known)));
            batch.append(EventType::ParticipantAdded, id, me, fact);
        }
        Ok(())
    });
    added.await?;
    get(cx, id).await
}

async fn may_add(db: &impl ConnectionTrait, me: UserId, id: ConversationId) -> Result<Member> {
    let member = access::member(db, me, id).await?;
    member.must_be_group("Nobody can be added to a direct conversation")?;
    member.may(Action::AddParticipants)?;
    Ok(member)
}

/// Those among `users` who are not in the conversation.
async fn strangers(db: &impl ConnectionTrait, id: ConversationId, users: &[UserId]) -> Result<Vec<UserId>> {
    let present: Vec<UserId> = participant::Entity::find()
        .select_only()
        .column(participant::Column::UserId)
        .filter(participant::Column::ConversationId.eq(id))
        .filter(among(db, participant::Column::UserId, users.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(users.iter().copied().filter(|user| !present.contains(user)).collect())
}

/// The row of somebody who is about to come in, but for its id.
fn newcomer(conversation: &conversation::Model, user: UserId, own: i64, now: DateTime<Utc>) -> participant::Model {
    participant::Model {
        id: 0,
        conversation_id: conversation.id,
        user_id: user,
        role: Role::Member,
        joined_at: now,
        last_read_message_id: conversation.last_message_id,
        muted: false,
        pinned: false,
        archived: false,
        read_number: conversation.message_count,
        read_own: own,
    }
}

fn unsaved(row: &participant::Model) -> participant::ActiveModel {
    participant::ActiveModel {
        id: NotSet,
        conversation_id: Set(row.conversation_id),
        user_id: Set(row.user_id),
        role: Set(row.role),
        joined_at: Set(row.joined_at),
        last_read_message_id: Set(row.last_read_message_id),
        muted: Set(row.muted),
        pinned: Set(row.pinned),
        archived: Set(row.archived),
        read_number: Set(row.read_number),
        read_own: Set(row.read_own),
    }
}

/// Removes somebody from a group; to remove oneself is to leave.
///
/// # Errors
/// `Forbidden` where the role does not reach that far, `NotFound` for somebody who is not in it, `BadRequest` in a
/// direct conversation.
pub async fn remove_participant(cx: &Cx, id: ConversationId, user: UserId) -> Result<()> {
    if user == cx.me() {
        return leave(cx, id).await;
    }
    let me = cx.me();
    cx.chat
        .write(async move |batch: &mut Batch| {
            let member = access::member(&batch.tx, me, id).await?;
            member.must_be_group("Nobody can be removed from a direct conversation")?;
            let row = in_it(&batch.tx, id, user).await?;
            member.may(match row.role {
                Role::Owner => Action::RemoveOwner,
                Role::Admin => Action::RemoveAdmin,
                Role::Member => Action::RemoveMember,
            })?;
            remove(batch, me, row).await
        })
        .await
}

/// Leaves a group. An OWNER hands over to the longest-serving ADMIN, else MEMBER; with the last one the group is
/// closed.
///
/// # Errors
/// `BadRequest` in a direct conversation, which can only be archived.
pub async fn leave(cx: &Cx, id: ConversationId) -> Result<()> {
    let me = cx.me();
    cx.chat
        .write(async move |batch: &mut Batch| {
            let member = access::member(&batch.tx, me, id).await?;
            member.must_be_group("A direct conversation cannot be left, archive it instead")?;
            let was_owner = member.me.role == Role::Owner;
            remove(batch, me, member.me).await?;
            if member.conversation.participant_count <= 1 {
                return close(batch, me, member.conversation).await;
            }
            match was_owner {
                true => change_role(batch, me, successor(batch, id).await?, Role::Owner).await,
                false => Ok(()),
            }
        })
        .await
}

/// Who comes after an OWNER that has left.
async fn successor(batch: &Batch, id: ConversationId) -> Result<participant::Model> {
    let rest = participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(id))
        .order_by_asc(participant::Column::Id);
    // Written out, as the index of admins has it: a group may have thousands of members.
    let admin = rest.clone().filter(Expr::cust("role = 'ADMIN'")).one(&batch.tx).await?;
    match admin {
        Some(admin) => Ok(admin),
        None => {
            rest.one(&batch.tx).await?.ok_or_else(|| Error::internal_because("a group with members has no successor"))
        }
    }
}

/// Deletes a group for everybody.
///
/// # Errors
/// `Forbidden` unless OWNER, `BadRequest` in a direct conversation.
pub async fn delete(cx: &Cx, id: ConversationId) -> Result<()> {
    let me = cx.me();
    cx.chat
        .write(async move |batch: &mut Batch| {
            let member = access::member(&batch.tx, me, id).await?;
            member.must_be_group("A direct conversation cannot be deleted, archive it instead")?;
            member.may(Action::DeleteConversation)?;
            close(batch, me, member.conversation).await
        })
        .await
}

/// Makes somebody else the OWNER; the caller becomes ADMIN.
///
/// # Errors
/// `Forbidden` unless OWNER, `NotFound` for somebody who is not in it, `BadRequest` in a direct conversation.
pub async fn transfer_ownership(cx: &Cx, id: ConversationId, user: UserId) -> Result<Conversation> {
    let me = cx.me();
    may_transfer(&cx.reader(), me, id).await?;
    if user != me {
        let transferred = cx.chat.write(async move |batch: &mut Batch| {
            let member = may_transfer(&batch.tx, me, id).await?;
            let successor = in_it(&batch.tx, id, user).await?;
            change_role(batch, me, member.me, Role::Admin).await?;
            change_role(batch, me, successor, Role::Owner).await
        });
        transferred.await?;
    }
    get(cx, id).await
}

async fn may_transfer(db: &impl ConnectionTrait, me: UserId, id: ConversationId) -> Result<Member> {
    let member = access::member(db, me, id).await?;
    member.must_be_group("A direct conversation has no owner")?;
    member.may(Action::TransferOwnership)?;
    Ok(member)
}

/// Makes somebody ADMIN or MEMBER.
///
/// # Errors
/// `Forbidden` unless OWNER, `NotFound` for somebody who is not in it, `BadRequest` for the role OWNER (which is
/// transferred), for one's own role, or in a direct conversation.
pub async fn set_role(cx: &Cx, id: ConversationId, user: UserId, role: Role) -> Result<Conversation> {
    let me = cx.me();
    if may_set_role(&cx.reader(), me, id, user, role).await?.role != role {
        let set = cx.chat.write(async move |batch: &mut Batch| {
            let row = may_set_role(&batch.tx, me, id, user, role).await?;
            if row.role == role { Ok(()) } else { change_role(batch, me, row, role).await }
        });
        set.await?;
    }
    get(cx, id).await
}

/// The row of somebody whose role the caller may change to `role`.
async fn may_set_role(
    db: &impl ConnectionTrait,
    me: UserId,
    id: ConversationId,
    user: UserId,
    role: Role,
) -> Result<participant::Model> {
    let member = access::member(db, me, id).await?;
    member.must_be_group("A direct conversation has no roles")?;
    member.may(Action::SetRole)?;
    let row = in_it(db, id, user).await?;
    if role == Role::Owner || user == me {
        return Err(Error::bad_request("Ownership is handed over with transferOwnership"));
    }
    Ok(row)
}

async fn in_it(db: &impl ConnectionTrait, id: ConversationId, user: UserId) -> Result<participant::Model> {
    let row = participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(id))
        .filter(participant::Column::UserId.eq(user))
        .one(db)
        .await?;
    row.ok_or_else(|| Error::not_found(format!("User {user} is not in this conversation")))
}

async fn remove(batch: &mut Batch, me: UserId, row: participant::Model) -> Result<()> {
    let id = row.conversation_id;
    let users = user::by_ids(&batch.tx, &[row.user_id]).await?;
    let fact = Fact::Participant(Box::new(Participant::of(&row, &users)));
    row.delete(&batch.tx).await?;
    batch.append(EventType::ParticipantRemoved, id, me, fact);
    Ok(())
}

async fn change_role(batch: &mut Batch, me: UserId, row: participant::Model, role: Role) -> Result<()> {
    let id = row.conversation_id;
    let mut row: participant::ActiveModel = row.into();
    row.role = Set(role);
    let row = row.update(&batch.tx).await?;
    let users = user::by_ids(&batch.tx, &[row.user_id]).await?;
    batch.append(EventType::ParticipantRoleChanged, id, me, Fact::Participant(Box::new(Participant::of(&row, &users))));
    Ok(())
}

/// Closes a group: from now on it is not found. That is one mark, however long its history is; its rows stay, and so do
/// its messages' `tempId`s, which nobody can reach any more. What searches need of them goes later ([`super::tidy`]).
async fn close(batch: &mut Batch, me: UserId, row: conversation::Model) -> Result<()> {
    let id = row.id;
    let has_messages = row.message_count > 0;
    let mut row: conversation::ActiveModel = row.into();
    row.closed_at = Set(Some(batch.now));
    row.untidied_from = Set(has_messages.then_some(0));
    row.update(&batch.tx).await?;
    batch.append(EventType::ConversationDeleted, id, me, Fact::Conversation { participants: Vec::new() });
    Ok(())
}
