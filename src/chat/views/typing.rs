//! That somebody types, as others are told.

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, UserId};
use crate::timestamp::Timestamp;

/// Somebody types, or has stopped: `TypingIndicatorResponse` over REST and STOMP.
#[derive(Debug, Clone, Serialize, Deserialize, async_graphql::SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub struct TypingIndicator {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub user_name: String,
    pub typing: bool,
    /// When it ends by itself; null once it has ended.
    pub expires_at: Option<Timestamp>,
}
