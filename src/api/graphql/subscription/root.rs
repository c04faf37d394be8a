//! The fields of the subscription root: a line a field. A field is never left running: it is executed once when a client
//! subscribes, to check what it asks for, and once for each event, for all who subscribe alike.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription};
use tokio_stream::{Iter, iter};

use crate::api::graphql::events;
use crate::api::graphql::viewer::viewer_of_own_parts;
use crate::chat::Cx;
use crate::chat::conversations::{self, Announcement, ConversationNotice};
use crate::chat::event::{Event, Fact, Topic};
use crate::chat::log::Epoch;
use crate::chat::messages::Message;
use crate::chat::presence::Presence;
use crate::chat::reactions::ReactionChange;
use crate::chat::receipts::ReadReceiptMove;
use crate::chat::typing::TypingIndicator;
use crate::id::ConversationId;

/// What a subscription is executed upon.
#[derive(Clone)]
pub(crate) enum Source {
    /// A client subscribes: is that its viewer's to hear?
    Check,
    /// This happened.
    Happened(Happened),
}

/// What happened, and what its viewer is told of the conversation where the field shows that.
#[derive(Clone)]
pub(crate) struct Happened {
    pub event: Arc<Event>,
    pub epoch: Epoch,
    pub notice: Option<Arc<ConversationNotice>>,
}

/// None or one: what an event comes to for a subscription.
type Items<T> = Iter<std::option::IntoIter<T>>;

/// Everything that can be heard as it happens.
pub struct SubscriptionRoot;

/// Everything that can be heard as it happens.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Messages as they are sent, edited and deleted.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
        #[graphql(desc = "A cursor, of an event or of `sync`: what was missed since comes first, without a gap")]
        after: Option<String>,
    ) -> Result<Items<Message>> {
        started_by_the_connection(after);
        pick(ctx, conversation_id, |cx, event| match &event.fact {
            Fact::Message(message) => Some(Message::clone(message).for_viewer(cx.me())),
            _ => None,
        })
        .await
    }

    /// Who starts and stops typing.
    async fn typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
    ) -> Result<Items<TypingIndicator>> {
        pick(ctx, conversation_id, |_, event| match &event.fact {
            Fact::Typing(typing) => Some(typing.clone()),
            _ => None,
        })
        .await
    }

    /// How those are with whom the viewer shares a conversation.
    async fn presence(&self, ctx: &Context<'_>) -> Result<Items<Presence>> {
        pick(ctx, None, |_, event| match &event.fact {
            Fact::Presence { presence, .. } => Some(presence.clone()),
            _ => None,
        })
        .await
    }

    /// Read markers as they move.
    async fn receipts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
        #[graphql(desc = "A cursor, of an event or of `sync`: what was missed since comes first, without a gap")]
        after: Option<String>,
    ) -> Result<Items<ReadReceiptMove>> {
        started_by_the_connection(after);
        pick(ctx, conversation_id, |_, event| match &event.fact {
            Fact::Receipt(moved) => Some(moved.clone()),
            _ => None,
        })
        .await
    }

    /// Reactions as they come and go.
    async fn reactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
        #[graphql(desc = "A cursor, of an event or of `sync`: what was missed since comes first, without a gap")]
        after: Option<String>,
    ) -> Result<Items<ReactionChange>> {
        started_by_the_connection(after);
        pick(ctx, conversation_id, |_, event| match &event.fact {
            Fact::Reaction(change) => Some(change.clone()),
            _ => None,
        })
        .await
    }

    /// Conversations that are created, changed, left or deleted, each as it is when it is told. People who are added in
    /// one call are one change.
    async fn conversation_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One conversation; without it, all of the viewer's")] conversation_id: Option<ConversationId>,
        #[graphql(desc = "A cursor, of an event or of `sync`: what was missed since comes first, without a gap")]
        after: Option<String>,
    ) -> Result<Items<Announcement>> {
        started_by_the_connection(after);
        let notice = happened_in(ctx, conversation_id).await?.and_then(|happened| happened.notice);
        Ok(iter(notice.map(|notice| notice.announcement())))
    }

    /// Everything that the viewer may see and that stands in the log; from the cursor `after`, else from now on.
    #[graphql(name = "events")]
    async fn everything(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A cursor, of an event or of `sync`: what was missed since comes first, without a gap")]
        after: Option<String>,
    ) -> Result<Items<events::Event>> {
        started_by_the_connection(after);
        let cx = viewer_of_own_parts(ctx)?;
        let seen = happened_in(ctx, None).await?.and_then(|Happened { event, epoch, notice }| {
            events::event_for(cx, &epoch, &event, notice.map(|notice| notice.announcement()))
        });
        Ok(iter(seen))
    }
}

/// Where a field starts is the business of its connection, which reads the argument; here it is only declared.
fn started_by_the_connection(_after: Option<String>) {}

/// Which events wake the field of this name.
pub(crate) fn topics(field: &str) -> Option<&'static [Topic]> {
    const TOPICS: [(&str, &[Topic]); 7] = [
        ("messages", &[Topic::Messages]),
        ("typing", &[Topic::Typing]),
        ("presence", &[Topic::Presence]),
        ("receipts", &[Topic::Receipts]),
        ("reactions", &[Topic::Reactions]),
        ("conversationChanges", &[Topic::Conversations]),
        ("events", &[Topic::Messages, Topic::Reactions, Topic::Receipts, Topic::Conversations]),
    ];
    TOPICS.iter().find(|(name, _)| *name == field).map(|(_, topics)| *topics)
}

/// What `from` makes of the event, if anything.
async fn pick<T>(
    ctx: &Context<'_>,
    conversation: Option<ConversationId>,
    from: impl Fn(&Cx, &Event) -> Option<T>,
) -> Result<Items<T>> {
    let happened = happened_in(ctx, conversation).await?;
    let cx = viewer_of_own_parts(ctx)?;
    Ok(iter(happened.and_then(|happened| from(cx, &happened.event))))
}

/// The event, if it belongs to the conversation that was asked for. For a check, whether that is the viewer's.
async fn happened_in(ctx: &Context<'_>, conversation: Option<ConversationId>) -> Result<Option<Happened>> {
    match ctx.data::<Source>()? {
        Source::Happened(happened) => {
            let is_here = conversation.is_none() || happened.event.conversation == conversation;
            Ok(is_here.then(|| happened.clone()))
        }
        Source::Check => {
            if let Some(conversation) = conversation {
                let cx = viewer_of_own_parts(ctx)?;
                conversations::must_be_in(cx, conversation).await?;
            }
            Ok(None)
        }
    }
}
