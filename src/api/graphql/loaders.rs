//! What only GraphQL can ask for, gathered: a loader turns the links of one request into one call of the chat.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, Request};
use futures_util::future::BoxFuture;

use super::loads::PendingLoads;
use super::viewer::viewer;
use crate::chat::Cx;
use crate::chat::access;
use crate::chat::conversations::{self, Conversation};
use crate::chat::messages::{self, Message};
use crate::chat::page::Page;
use crate::chat::presence::{self, Presence};
use crate::chat::reactions::{self, Reaction};
use crate::chat::receipts::{self, ReadReceipt};
use crate::chat::rows;
use crate::chat::typing::{self, TypingIndicator};
use crate::chat::users::{self, User};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};

/// The user that something names, who is the same for every viewer.
pub(crate) async fn user(ctx: &Context<'_>, id: UserId) -> async_graphql::Result<User> {
    let user = ctx.data::<Users>()?.0.load_one(id).await?;
    Ok(user.ok_or_else(|| users::not_found(id))?)
}

/// The conversation that something names. The viewer may have left it since.
pub(crate) async fn conversation(ctx: &Context<'_>, id: ConversationId) -> async_graphql::Result<Conversation> {
    let conversation = own(ctx)?.conversations.load_one(id).await?;
    Ok(conversation.ok_or_else(access::not_a_participant)?)
}

/// The message that something names. The viewer may have left its conversation since.
pub(crate) async fn message(ctx: &Context<'_>, id: MessageId) -> async_graphql::Result<Message> {
    let message = own(ctx)?.messages.load_one(id).await?;
    Ok(message.ok_or_else(access::not_a_participant)?)
}

/// The loaders of what is the viewer's own: to use them is to look at the viewer.
///
/// # Errors
/// Only where none were attached to the request.
pub(crate) fn own<'c>(ctx: &Context<'c>) -> async_graphql::Result<&'c OwnLoaders> {
    viewer(ctx)?;
    Ok(&ctx.data::<Attached>()?.0)
}

/// Gives a request its loaders. They keep nothing for another person or another time.
pub(crate) fn attach(request: Request, cx: &Cx, loads: &PendingLoads) -> Request {
    let users = BatchLoader::new(cx, |cx, ids| Box::pin(async move { users::many(&cx, &ids).await }));
    request.data(Users(loads.loader(users))).data(Attached(OwnLoaders::new(cx, loads)))
}

/// Private, as is [`Attached`], so that only the functions of this file can get at them.
struct Users(DataLoader<BatchLoader<UserId, User>>);
struct Attached(OwnLoaders);

/// A loader of values by keys; there is one for each function of the chat that takes many keys at once.
pub(crate) struct BatchLoader<K, V> {
    cx: Cx,
    load: LoadMany<K, V>,
}

type LoadMany<K, V> = fn(Cx, Vec<K>) -> BoxFuture<'static, Result<HashMap<K, V>>>;

impl<K, V> BatchLoader<K, V> {
    fn new(cx: &Cx, load: LoadMany<K, V>) -> Self {
        Self { cx: cx.clone(), load }
    }
}

impl<K, V> Loader<K> for BatchLoader<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Value = V;
    type Error = Error;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, V>> {
        (self.load)(self.cx.clone(), keys.to_vec()).await
    }
}

/// The loaders of what is the viewer's own.
pub(crate) struct OwnLoaders {
    pub messages: DataLoader<BatchLoader<MessageId, Message>>,
    pub conversations: DataLoader<BatchLoader<ConversationId, Conversation>>,
    /// The newest messages of conversations.
    pub latest: DataLoader<BatchLoader<First<ConversationId>, Page<Message>>>,
    /// The oldest replies to messages.
    pub replies: DataLoader<BatchLoader<First<MessageId>, Page<Message>>>,
    /// The reactions to messages, whoever made them.
    pub reactions: DataLoader<BatchLoader<MessageId, Vec<Reaction>>>,
    /// The read receipts of messages.
    pub receipts: DataLoader<BatchLoader<MessageId, Vec<ReadReceipt>>>,
    /// Who types in conversations.
    pub typing: DataLoader<BatchLoader<ConversationId, Vec<TypingIndicator>>>,
    /// How users are, of those whom the viewer may see.
    pub presence: DataLoader<BatchLoader<UserId, Presence>>,
    /// The emojis that the viewer reacted to messages with.
    pub own_reactions: DataLoader<BatchLoader<MessageId, HashSet<String>>>,
}

impl OwnLoaders {
    fn new(cx: &Cx, loads: &PendingLoads) -> Self {
        Self {
            messages: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { messages::many(&cx, &ids).await }))),
            conversations: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { conversations::many(&cx, &ids).await }))),
            latest: loads.loader(BatchLoader::new(cx, |cx, asked| {
                Box::pin(by_length(asked, async move |ids, limit| messages::latest(&cx, &ids, limit).await))
            })),
            replies: loads.loader(BatchLoader::new(cx, |cx, asked| {
                Box::pin(by_length(asked, async move |ids, limit| messages::replies(&cx, &ids, limit).await))
            })),
            reactions: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { reactions::of_many(&cx, &ids).await }))),
            receipts: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { receipts::of_many(&cx, &ids).await }))),
            typing: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { typing::present(&cx, &ids).await }))),
            presence: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { presence::by_ids(&cx, &ids).await }))),
            own_reactions: loads
                .loader(BatchLoader::new(cx, |cx, ids| Box::pin(async move { reactions::by_viewer(&cx, &ids).await }))),
        }
    }
}

/// The first messages of a list that belongs to something, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct First<K> {
    pub of: K,
    pub limit: u64,
}

type Pages<K> = HashMap<K, Page<Message>>;

/// PendingLoads lists length by length: each length takes one call of the chat.
async fn by_length<K: Copy + Eq + Hash>(
    asked: Vec<First<K>>,
    load: impl AsyncFn(Vec<K>, u64) -> Result<Pages<K>>,
) -> Result<Pages<First<K>>> {
    let mut pages = HashMap::with_capacity(asked.len());
    for (limit, keys) in rows::group(asked.iter().map(|first| (first.limit, first.of))) {
        pages.extend(load(keys, limit).await?.into_iter().map(|(of, page)| (First { of, limit }, page)));
    }
    Ok(pages)
}
