//! What only GraphQL can ask for, gathered: each loader turns the links of one request into one call of the chat.

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::chat::Cx;
use crate::chat::access;
use crate::chat::conversations::{self, Conversation};
use crate::chat::messages::{self, Message};
use crate::chat::page::Page;
use crate::chat::reactions::{self, Reaction};
use crate::chat::receipts::{self, ReadReceipt};
use crate::chat::rows;
use crate::chat::users::{self, User};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};

/// The loaders of one request. They keep nothing for another person or another time.
pub(crate) struct Loaders {
    pub users: DataLoader<Users>,
    pub messages: DataLoader<Messages>,
    pub conversations: DataLoader<Conversations>,
    pub latest: DataLoader<Latest>,
    pub replies: DataLoader<Replies>,
    pub reactions: DataLoader<Reactions>,
    pub receipts: DataLoader<Receipts>,
    pub mine: DataLoader<Mine>,
}

pub(crate) struct Users(Cx);
pub(crate) struct Messages(Cx);
pub(crate) struct Conversations(Cx);
pub(crate) struct Latest(Cx);
pub(crate) struct Replies(Cx);
pub(crate) struct Reactions(Cx);
pub(crate) struct Receipts(Cx);
pub(crate) struct Mine(Cx);

impl Loaders {
    pub fn new(cx: &Cx, loads: &Loads) -> Self {
        Self {
            users: loads.loader(Users(cx.clone())),
            messages: loads.loader(Messages(cx.clone())),
            conversations: loads.loader(Conversations(cx.clone())),
            latest: loads.loader(Latest(cx.clone())),
            replies: loads.loader(Replies(cx.clone())),
            reactions: loads.loader(Reactions(cx.clone())),
            receipts: loads.loader(Receipts(cx.clone())),
            mine: loads.loader(Mine(cx.clone())),
        }
    }
}

/// The user that something names.
pub(crate) async fn user(ctx: &async_graphql::Context<'_>, id: UserId) -> async_graphql::Result<User> {
    let user = ctx.data::<Loaders>()?.users.load_one(id).await?;
    Ok(user.ok_or_else(|| users::not_found(id))?)
}

/// The conversation that something names. The viewer may have left it since.
pub(crate) async fn conversation(
    ctx: &async_graphql::Context<'_>,
    id: ConversationId,
) -> async_graphql::Result<Conversation> {
    let conversation = ctx.data::<Loaders>()?.conversations.load_one(id).await?;
    Ok(conversation.ok_or_else(access::not_a_participant)?)
}

/// The message that something names. The viewer may have left its conversation since.
pub(crate) async fn message(ctx: &async_graphql::Context<'_>, id: MessageId) -> async_graphql::Result<Message> {
    let message = ctx.data::<Loaders>()?.messages.load_one(id).await?;
    Ok(message.ok_or_else(access::not_a_participant)?)
}

/// The loads of one request, run by the very task that resolves it, and only when nothing more can be resolved without
/// them: so however busy the machine is, all that is asked for at once is loaded at once.
#[derive(Clone, Default)]
pub(crate) struct Loads(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

/// How often a request is called before other tasks have their turn.
const MOST_TURNS: usize = 1_000;

/// Notices that a request asked to be called again while it was being called.
struct Again {
    asked: AtomicBool,
    task: Waker,
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.asked.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Loads {
    fn loader<T>(&self, loader: T) -> DataLoader<T> {
        let loads = self.clone();
        DataLoader::new(loader, move |load| loads.lock().push(load)).delay(Duration::ZERO)
    }

    /// Runs a request together with its loads.
    pub async fn along<T>(&self, request: impl Future<Output = T>) -> T {
        let mut request = pin!(request);
        let mut loading = FuturesUnordered::new();
        poll_fn(|task| {
            let again = Arc::new(Again { asked: AtomicBool::new(false), task: task.waker().clone() });
            let waker = Waker::from(Arc::clone(&again));
            for _ in 0..MOST_TURNS {
                if let Poll::Ready(answer) = request.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(answer);
                }
                // A long list steps back before it has looked at every entry, and asks to be called again.
                if again.asked.swap(false, Ordering::AcqRel) {
                    continue;
                }
                loading.extend(std::mem::take(&mut *self.lock()));
                // What was loaded lets the request go on.
                if !matches!(loading.poll_next_unpin(task), Poll::Ready(Some(()))) {
                    return Poll::Pending;
                }
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The first messages of a list that belongs to something, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct First<K> {
    pub of: K,
    pub limit: u64,
}

type Pages<K> = HashMap<K, Page<Message>>;

/// Whose lists were asked for, length by length: each length takes one call of the chat.
fn by_length<K: Copy>(asked: &[First<K>]) -> HashMap<u64, Vec<K>> {
    rows::group(asked.iter().map(|first| (first.limit, first.of)))
}

/// What was loaded for one length.
fn of_length<K>(pages: Pages<K>, limit: u64) -> impl Iterator<Item = (First<K>, Page<Message>)> {
    pages.into_iter().map(move |(of, page)| (First { of, limit }, page))
}

impl Loader<First<ConversationId>> for Latest {
    type Value = Page<Message>;
    type Error = Error;

    async fn load(&self, asked: &[First<ConversationId>]) -> Result<Pages<First<ConversationId>>> {
        let mut pages = HashMap::with_capacity(asked.len());
        for (limit, ids) in by_length(asked) {
            pages.extend(of_length(messages::latest(&self.0, &ids, limit).await?, limit));
        }
        Ok(pages)
    }
}

impl Loader<First<MessageId>> for Replies {
    type Value = Page<Message>;
    type Error = Error;

    async fn load(&self, asked: &[First<MessageId>]) -> Result<Pages<First<MessageId>>> {
        let mut pages = HashMap::with_capacity(asked.len());
        for (limit, ids) in by_length(asked) {
            pages.extend(of_length(messages::replies(&self.0, &ids, limit).await?, limit));
        }
        Ok(pages)
    }
}

impl Loader<MessageId> for Reactions {
    type Value = Vec<Reaction>;
    type Error = Error;

    async fn load(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<Reaction>>> {
        reactions::of_many(&self.0, ids).await
    }
}

impl Loader<MessageId> for Receipts {
    type Value = Vec<ReadReceipt>;
    type Error = Error;

    async fn load(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<ReadReceipt>>> {
        receipts::of_many(&self.0, ids).await
    }
}

impl Loader<MessageId> for Mine {
    type Value = HashSet<String>;
    type Error = Error;

    async fn load(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, HashSet<String>>> {
        reactions::by_viewer(&self.0, ids).await
    }
}
