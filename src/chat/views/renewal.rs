//! What somebody is told who goes on with a new token in an open connection.

use serde::Serialize;

use crate::auth::Viewer;
use crate::timestamp::Timestamp;

/// A connection goes on with a new token.
#[derive(Debug, Clone, Serialize, async_graphql::SimpleObject, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenRenewalResponse)]
pub struct TokenRenewal {
    /// When the new token expires. The connection ends 30 s later, unless another one comes first.
    pub expires_at: Timestamp,
}

impl TokenRenewal {
    /// What is told to this viewer, who is known by the new token.
    pub fn of(viewer: &Viewer) -> Self {
        Self { expires_at: viewer.token_expires().into() }
    }
}
