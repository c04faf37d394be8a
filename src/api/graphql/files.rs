//! What only GraphQL has of files: their ids among all objects.

use async_graphql::{ComplexObject, ID};

use super::node::NodeKey;
use crate::chat::files::File;
use crate::chat::views::file::Attachment;

#[ComplexObject]
impl File {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::File(self.id).into()
    }
}

#[ComplexObject]
impl Attachment {
    /// Its id among all objects, for clients that keep all of them in one place.
    pub async fn node_id(&self) -> ID {
        NodeKey::Attachment(self.id).into()
    }
}
