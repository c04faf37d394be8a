//! Who may do what: roles as one table, and membership as a value that proves it. It knows no event and no door.

use sea_orm::sea_query::{Expr, ExprTrait, IntoCondition, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select};

use crate::entity::conversation::{self, ConversationType};
use crate::entity::participant::{self, Role};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};
use crate::store::{Listed, among, join_first, rows_of};

/// What somebody may want to do in a conversation that they are in. Reading, sending, reacting and leaving need no
/// more than that, and so have no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    EditSettings,
    AddParticipants,
    RemoveMember,
    RemoveAdmin,
    RemoveOwner,
    DeleteOthersMessage,
    DeleteConversation,
    TransferOwnership,
    SetRole,
}

/// The table of roles (reference, Authorization; protocol §4).
const MAY: [(Action, &[Role]); 9] = [
    (Action::EditSettings, &[Role::Owner, Role::Admin]),
    (Action::AddParticipants, &[Role::Owner, Role::Admin]),
    (Action::RemoveMember, &[Role::Owner, Role::Admin]),
    (Action::RemoveAdmin, &[Role::Owner]),
    (Action::RemoveOwner, &[]),
    (Action::DeleteOthersMessage, &[Role::Owner, Role::Admin]),
    (Action::DeleteConversation, &[Role::Owner]),
    (Action::TransferOwnership, &[Role::Owner]),
    (Action::SetRole, &[Role::Owner]),
];

impl Action {
    /// Whether `role` may do it.
    pub fn allowed_to(self, role: Role) -> bool {
        MAY[self as usize].1.contains(&role)
    }
}

/// The proof that somebody is in an open conversation: only [`member`] makes one.
#[derive(Debug, Clone)]
pub struct Member {
    pub conversation: conversation::Model,
    pub me: participant::Model,
}

impl Member {
    pub fn conversation_id(&self) -> ConversationId {
        self.conversation.id
    }

    /// # Errors
    /// `Forbidden` where the role does not reach.
    pub fn may(&self, action: Action) -> Result<()> {
        if action.allowed_to(self.me.role) {
            Ok(())
        } else {
            Err(Error::forbidden("Your role in this conversation does not allow that"))
        }
    }

    /// Refuses what makes no sense between two people.
    ///
    /// # Errors
    /// `BadRequest` with `sentence` in a direct conversation.
    pub fn must_be_group(&self, sentence: &'static str) -> Result<()> {
        match self.conversation.kind {
            ConversationType::Group => Ok(()),
            ConversationType::Direct => Err(Error::bad_request(sentence)),
        }
    }
}

/// Reads the rows that prove that `viewer` is in the conversation.
///
/// # Errors
/// `NotFound` where there is no such conversation or it is closed, `Forbidden` where the viewer is not in it.
pub async fn member(db: &impl ConnectionTrait, viewer: UserId, id: ConversationId) -> Result<Member> {
    let mine = participant::Relation::Conversation.def().rev().on_condition(move |_, participants| {
        Expr::col((participants, participant::Column::UserId)).eq(viewer).into_condition()
    });
    let found = conversation::Entity::find_by_id(id)
        .filter(conversation::Column::ClosedAt.is_null())
        .join(JoinType::LeftJoin, mine)
        .select_also(participant::Entity)
        .one(db)
        .await?;
    let (conversation, me) = found.ok_or_else(no_conversation)?;
    Ok(Member { conversation, me: me.ok_or_else(not_a_participant)? })
}

/// The open conversations that `viewer` is in, with the viewer's own rows: what every list and every search is made of.
pub fn memberships(viewer: UserId) -> Select<participant::Entity> {
    participant::Entity::find()
        .join(JoinType::InnerJoin, participant::Relation::Conversation.def())
        .filter(participant::Column::UserId.eq(viewer))
        .filter(conversation::Column::ClosedAt.is_null())
}

/// Those of the open conversations `ids` that `viewer` is in, in no order.
pub async fn members_of(db: &impl ConnectionTrait, viewer: UserId, ids: &[ConversationId]) -> Result<Vec<Member>> {
    let rows = memberships(viewer)
        .filter(among(db, participant::Column::ConversationId, ids.iter().copied()))
        .select_also(conversation::Entity)
        .all(db)
        .await?;
    Ok(rows.into_iter().filter_map(|(me, conversation)| Some(Member { conversation: conversation?, me })).collect())
}

/// That `viewer` is in the open conversation that stands in a column: looked up for each row, and never by going through
/// all the conversations of the viewer.
pub fn is_in(viewer: UserId, conversation: impl ColumnTrait) -> SimpleExpr {
    let mine = |column: participant::Column| Expr::col(("mine", column));
    let open = |column: conversation::Column| Expr::col((conversation::Entity, column));
    let one = Query::select()
        .column(("mine", participant::Column::Id))
        .from_as(participant::Entity, "mine")
        .join(
            JoinType::InnerJoin,
            conversation::Entity,
            open(conversation::Column::Id).eq(mine(participant::Column::ConversationId)),
        )
        .and_where(mine(participant::Column::ConversationId).eq(Expr::col(conversation.as_column_ref())))
        .and_where(mine(participant::Column::UserId).eq(viewer))
        .and_where(open(conversation::Column::ClosedAt).is_null())
        .limit(1)
        .to_owned();
    Expr::SubQuery(None, Box::new(one.into())).is_not_null()
}

/// The same for a statement that is written out, where `conversation` and `viewer` stand for their ids.
pub fn is_in_sql(conversation: &str, viewer: &str) -> String {
    format!(
        "(SELECT p.id FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
         WHERE p.conversation_id = {conversation} AND p.user_id = {viewer} AND c.closed_at IS NULL LIMIT 1) IS NOT NULL"
    )
}

/// The ids of those conversations, for a statement that is written out; what stands for the viewer's id comes behind it.
pub const CONVERSATIONS_OF: &str = "SELECT p.conversation_id FROM chat_participants p JOIN chat_conversations c \
     ON c.id = p.conversation_id WHERE c.closed_at IS NULL AND p.user_id = ";

/// Participants `p`, as what stands behind FROM: those for whom `condition` holds of `first` and of one of the values
/// `listed.value`, which are bound at `$2`. Each is looked up, where a planner that knows neither how many are bound nor how
/// many there are would read all of a user's or of a conversation's.
pub fn one_by_one<V: Listed>(db: &impl ConnectionTrait, condition: &str) -> String {
    let found = join_first(db, "chat_participants p", condition, "first.conversation_id");
    format!("{} {found}", rows_of::<V>(db, 2))
}

/// What is said of a conversation that does not exist or is closed.
pub fn no_conversation() -> Error {
    Error::not_found("Conversation not found")
}

/// What is said to somebody who is not in the conversation.
pub fn not_a_participant() -> Error {
    Error::forbidden("You are not a participant in this conversation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_roles_follows_the_order_of_the_actions() {
        for (place, (action, _)) in MAY.iter().enumerate() {
            assert_eq!(*action as usize, place);
        }
    }

    #[test]
    fn nobody_removes_the_owner_and_members_only_take_part() {
        assert!(!Action::RemoveOwner.allowed_to(Role::Owner));
        assert!(MAY.iter().all(|(action, _)| !action.allowed_to(Role::Member)));
    }
}
