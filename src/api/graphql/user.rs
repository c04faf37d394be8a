//! What only GraphQL has of a user: how they are, as far as the viewer may know.

use async_graphql::{ComplexObject, Context, ID, Result};

use super::loaders;
use super::node::NodeKey;
use super::viewer::viewer;
use crate::chat::presence::Presence;
use crate::chat::users::User;

#[ComplexObject]
impl User {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::User(self.id).into()
    }

    /// The text by which the host application knows them, where users have texts: told to administrators and to
    /// themselves, null to others.
    #[graphql(tag = "own")]
    async fn external_id(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        let cx = viewer(ctx)?;
        let may_know = cx.viewer.admin || cx.me() == self.id;
        Ok(self.external_id.as_deref().filter(|_| may_know))
    }

    /// Whether they are banned: told to administrators, null to others.
    #[graphql(tag = "own")]
    async fn is_banned(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        Ok(Some(self.is_banned).filter(|_| viewer(ctx).is_ok_and(|cx| cx.viewer.admin)))
    }

    /// How they are; null where the viewer may not know.
    #[graphql(tag = "own")]
    async fn presence(&self, ctx: &Context<'_>) -> Result<Option<Presence>> {
        Ok(loaders::own(ctx)?.presence.load_one(self.id).await?)
    }
}
