//! Joining, leaving and roles: who is in a group, and who may say so.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::{Conversation, load_one, member_ids, named};
use crate::access::{self, Action, Member};
use crate::chat::change::Batch;
use crate::chat::participants::Participant;
use crate::chat::{Cx, users};
use crate::entity::participant::{self, Role};
use crate::entity::{conversation, message};
use crate::error::{Error, Result};
use crate::event::{EventType, Fact};
use crate::id::{ConversationId, UserId};

/// Adds users to a group. Somebody who is in already is no error. They start with everything read.
///
/// # Errors
/// `Forbidden` unless OWNER or ADMIN, `NotFound` for a user that nobody has seen, `BadRequest` in a direct
/// conversation or for more than 256.
pub async fn add_participants(cx: &Cx, id: ConversationId, users: Vec<UserId>) -> Result<Conversation> {
    users::at_most(users.len())?;
    if users.is_empty() {
        return Err(Error::bad_request("Name at least one user to add"));
    }
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("Nobody can be added to a direct conversation")?;
                member.may(Action::AddParticipants)?;
                let known = users::must_exist(&batch.tx, &users).await?;
                let present: Vec<i64> = member_ids(&batch.tx, id).await?.into_iter().map(|row| row.user_id).collect();
                let users = crate::chat::distinct(users.into_iter().filter(|user| !present.contains(&user.get())));
                for user in users {
                    let row = participant::ActiveModel {
                        conversation_id: Set(id.get()),
                        user_id: Set(user.get()),
                        role: Set(Role::Member),
                        joined_at: Set(batch.now),
                        last_read_message_id: Set(member.conversation.last_message_id),
                        muted: Set(false),
                        pinned: Set(false),
                        archived: Set(false),
                        ..Default::default()
                    };
                    let row = row.insert(&batch.tx).await?;
                    let fact = Fact::Participant(Box::new(Participant::of(&row, &known)));
                    batch.log(EventType::ParticipantAdded, id, me, fact);
                }
                view(batch, me, id).await
            })
        })
        .await
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
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("Nobody can be removed from a direct conversation")?;
                let row = in_it(batch, id, user).await?;
                member.may(match row.role {
                    Role::Owner => Action::RemoveOwner,
                    Role::Admin => Action::RemoveAdmin,
                    Role::Member => Action::RemoveMember,
                })?;
                drop_out(batch, me, row).await
            })
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
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("A direct conversation cannot be left, archive it instead")?;
                let was_owner = member.me.role == Role::Owner;
                drop_out(batch, me, member.me).await?;
                let rest = member_ids(&batch.tx, id).await?;
                if rest.is_empty() {
                    return close(batch, me, member.conversation).await;
                }
                let heir = rest.iter().find(|row| row.role == Role::Admin).or(rest.first()).cloned();
                match heir.filter(|_| was_owner) {
                    Some(heir) => give_role(batch, me, heir, Role::Owner).await,
                    None => Ok(()),
                }
            })
        })
        .await
}

/// Deletes a group for everybody.
///
/// # Errors
/// `Forbidden` unless OWNER, `BadRequest` in a direct conversation.
pub async fn delete(cx: &Cx, id: ConversationId) -> Result<()> {
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("A direct conversation cannot be deleted, archive it instead")?;
                member.may(Action::DeleteConversation)?;
                close(batch, me, member.conversation).await
            })
        })
        .await
}

/// Makes somebody else the OWNER; the caller becomes ADMIN.
///
/// # Errors
/// `Forbidden` unless OWNER, `NotFound` for somebody who is not in it, `BadRequest` in a direct conversation.
pub async fn transfer_ownership(cx: &Cx, id: ConversationId, user: UserId) -> Result<Conversation> {
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("A direct conversation has no owner")?;
                member.may(Action::TransferOwnership)?;
                let heir = in_it(batch, id, user).await?;
                if user != me {
                    give_role(batch, me, member.me, Role::Admin).await?;
                    give_role(batch, me, heir, Role::Owner).await?;
                }
                view(batch, me, id).await
            })
        })
        .await
}

/// Makes somebody ADMIN or MEMBER.
///
/// # Errors
/// `Forbidden` unless OWNER, `NotFound` for somebody who is not in it, `BadRequest` for the role OWNER (which is
/// transferred), for one's own role, or in a direct conversation.
pub async fn set_role(cx: &Cx, id: ConversationId, user: UserId, role: Role) -> Result<Conversation> {
    let me = cx.me();
    cx.chat
        .change(move |batch| {
            Box::pin(async move {
                let member = access::member(&batch.tx, me, id).await?;
                member.must_be_group("A direct conversation has no roles")?;
                member.may(Action::SetRole)?;
                let row = in_it(batch, id, user).await?;
                if role == Role::Owner || user == me {
                    return Err(Error::bad_request("Ownership is handed over with transferOwnership"));
                }
                if row.role != role {
                    give_role(batch, me, row, role).await?;
                }
                view(batch, me, id).await
            })
        })
        .await
}

async fn view(batch: &Batch, me: UserId, id: ConversationId) -> Result<Conversation> {
    let member: Member = access::member(&batch.tx, me, id).await?;
    load_one(&batch.tx, &batch.writer.links, me, member).await
}

async fn in_it(batch: &Batch, id: ConversationId, user: UserId) -> Result<participant::Model> {
    let row = participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(id.get()))
        .filter(participant::Column::UserId.eq(user.get()))
        .one(&batch.tx)
        .await?;
    row.ok_or_else(|| Error::not_found(format!("User {user} is not in this conversation")))
}

async fn drop_out(batch: &mut Batch, me: UserId, row: participant::Model) -> Result<()> {
    let id = ConversationId::stored(row.conversation_id);
    let users = named(&batch.tx, std::slice::from_ref(&row)).await?;
    let fact = Fact::Participant(Box::new(Participant::of(&row, &users)));
    row.delete(&batch.tx).await?;
    batch.log(EventType::ParticipantRemoved, id, me, fact);
    Ok(())
}

async fn give_role(batch: &mut Batch, me: UserId, row: participant::Model, role: Role) -> Result<()> {
    let id = ConversationId::stored(row.conversation_id);
    let mut row: participant::ActiveModel = row.into();
    row.role = Set(role);
    let row = row.update(&batch.tx).await?;
    let users = named(&batch.tx, std::slice::from_ref(&row)).await?;
    batch.log(EventType::ParticipantRoleChanged, id, me, Fact::Participant(Box::new(Participant::of(&row, &users))));
    Ok(())
}

/// Closes a group: from now on it is not found. Its rows stay, and so do its messages' `tempId`s, which nobody can
/// reach any more.
async fn close(batch: &mut Batch, me: UserId, row: conversation::Model) -> Result<()> {
    let id = ConversationId::stored(row.id);
    let mut row: conversation::ActiveModel = row.into();
    row.closed_at = Set(Some(batch.now));
    row.update(&batch.tx).await?;
    message::Entity::update_many()
        .col_expr(message::Column::SearchWords, Expr::value(Option::<String>::None))
        .filter(message::Column::ConversationId.eq(id.get()))
        .exec(&batch.tx)
        .await?;
    batch.log(EventType::ConversationDeleted, id, me, Fact::Conversation { participants: Vec::new() });
    Ok(())
}
