//! What only GraphQL has of a user: how they are, as far as the viewer may know.

use async_graphql::{ComplexObject, Context, ID, Result};

use super::loaders;
use super::node::NodeKey;
use crate::chat::presence::Presence;
use crate::chat::users::User;

#[ComplexObject]
impl User {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::User(self.id).into()
    }

    /// How they are; null where the viewer may not know.
    #[graphql(tag = "own")]
    async fn presence(&self, ctx: &Context<'_>) -> Result<Option<Presence>> {
        Ok(loaders::own(ctx)?.presence.load_one(self.id).await?)
    }
}
