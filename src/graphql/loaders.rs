//! What only GraphQL can ask for, gathered: each loader turns the links of one request into one call of the chat.

use std::collections::{HashMap, HashSet};

use async_graphql::dataloader::{DataLoader, Loader};

use crate::chat::conversations::{self, Conversation};
use crate::chat::messages::{self, Message};
use crate::chat::users::{self, User};
use crate::chat::{Cx, reactions};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::page::Page;

/// The loaders of one request. They keep nothing for another person or another time.
pub(crate) struct Loaders {
    pub users: DataLoader<Users>,
    pub messages: DataLoader<Messages>,
    pub conversations: DataLoader<Conversations>,
    pub latest: DataLoader<Latest>,
    pub mine: DataLoader<Mine>,
}

pub(crate) struct Users(Cx);
pub(crate) struct Messages(Cx);
pub(crate) struct Conversations(Cx);
pub(crate) struct Latest(Cx);
pub(crate) struct Mine(Cx);

impl Loaders {
    pub fn new(cx: &Cx) -> Self {
        Self {
            users: DataLoader::new(Users(cx.clone()), tokio::spawn).delay(std::time::Duration::ZERO),
            messages: DataLoader::new(Messages(cx.clone()), tokio::spawn).delay(std::time::Duration::ZERO),
            conversations: DataLoader::new(Conversations(cx.clone()), tokio::spawn).delay(std::time::Duration::ZERO),
            latest: DataLoader::new(Latest(cx.clone()), tokio::spawn).delay(std::time::Duration::ZERO),
            mine: DataLoader::new(Mine(cx.clone()), tokio::spawn).delay(std::time::Duration::ZERO),
        }
    }
}

impl Loader<UserId> for Users {
    type Value = User;
    type Error = Error;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
        users::many(&self.0, ids).await
    }
}

impl Loader<MessageId> for Messages {
    type Value = Message;
    type Error = Error;

    async fn load(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>> {
        messages::many(&self.0, ids).await
    }
}

impl Loader<ConversationId> for Conversations {
    type Value = Conversation;
    type Error = Error;

    async fn load(&self, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Conversation>> {
        conversations::many(&self.0, ids).await
    }
}

/// The newest messages of a conversation, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Newest {
    pub conversation: ConversationId,
    pub limit: u64,
}

impl Loader<Newest> for Latest {
    type Value = Page<Message>;
    type Error = Error;

    async fn load(&self, asked: &[Newest]) -> Result<HashMap<Newest, Page<Message>>> {
        let mut pages = HashMap::with_capacity(asked.len());
        let limits: HashSet<u64> = asked.iter().map(|newest| newest.limit).collect();
        for limit in limits {
            let here: Vec<ConversationId> =
                asked.iter().filter(|newest| newest.limit == limit).map(|newest| newest.conversation).collect();
            let found = messages::latest(&self.0, &here, limit).await?;
            pages.extend(found.into_iter().map(|(conversation, page)| (Newest { conversation, limit }, page)));
        }
        Ok(pages)
    }
}

impl Loader<MessageId> for Mine {
    type Value = HashSet<String>;
    type Error = Error;

    async fn load(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, HashSet<String>>> {
        reactions::by_viewer(&self.0, ids).await
    }
}
