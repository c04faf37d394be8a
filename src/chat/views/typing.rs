//! That somebody types, as others are told.

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, UserId};
use crate::timestamp::Timestamp;

/// Somebody types, or has stopped: `TypingIndicatorResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
#[schema(as = TypingIndicatorResponse)]
pub struct TypingIndicator {
    /// Where they type.
    pub conversation_id: ConversationId,
    /// Who types.
    pub user_id: UserId,
    /// What they are called.
    pub user_name: String,
    /// Whether they type, or have stopped.
    pub typing: bool,
    /// When it ends by itself; null once it has ended.
    pub expires_at: Option<Timestamp>,
}
