//! What subscriptions to the same have in common: it is checked at the first of them, and is in memory once, however many
//! connections subscribe.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use moka::sync::Cache;

use super::answers::QueryHash;
use crate::api::graphql::operation::CheckedOperation;
use crate::chat::event::Topic;
use crate::id::ConversationId;
use crate::live::Interest;

/// Memory that all kept plans may come to, as estimated; the smallest counts as so much. By this a thousand are kept.
const MAX_BYTES: u64 = 16 << 20;
const MIN_BYTES: usize = 16 << 10;
/// What a plan in memory is larger than its text.
const BYTES_PER_CHARACTER: usize = 40;
/// Of a longer text the plan is made each time: it holds values, and will not come again.
const MAX_TEXT_BYTES: usize = 16 << 10;

/// What is subscribed to, apart from where it starts.
pub(super) struct Plan {
    pub checked: CheckedOperation,
    pub query: QueryHash,
    /// Whether all who subscribed to the same, and are told of the same, hear the same.
    is_shared: AtomicBool,
    pub shows: Shows,
    pub topics: &'static [Topic],
    /// The one conversation that it is about, if there is one.
    pub conversation: Option<ConversationId>,
}

/// What its field shows of events about conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// The conversation, whenever it has changed.
    Conversations,
    /// Each event of the log, and the conversation where an event is about nothing else.
    Log,
    Neither,
}

impl Plan {
    pub fn new(
        checked: CheckedOperation,
        query: QueryHash,
        is_shared: bool,
        shows: Shows,
        topics: &'static [Topic],
        conversation: Option<ConversationId>,
    ) -> Self {
        Self { checked, query, is_shared: AtomicBool::new(is_shared), shows, topics, conversation }
    }

    pub fn is_shared(&self) -> bool {
        self.is_shared.load(Ordering::Relaxed)
    }

    /// A resolver looked at the viewer although nothing that is asked for is a viewer's own.
    pub fn forbid_sharing(&self) {
        if self.is_shared.swap(false, Ordering::Relaxed) {
            tracing::error!(query = %self.checked.operation.query, "a field of this subscription lacks the tag `own`");
        }
    }

    /// What wakes a subscription to it.
    pub fn interest(&self) -> Interest {
        interest(self.topics, self.shows, self.is_shared())
    }
}

impl Shows {
    pub fn of(field: &str) -> Self {
        match field {
            "conversationChanges" => Shows::Conversations,
            "events" => Shows::Log,
            _ => Shows::Neither,
        }
    }
}

/// What wakes a subscription to these topics. A lost conversation ends one that is about it.
pub(super) fn interest(topics: &[Topic], shows: Shows, is_shared: bool) -> Interest {
    let interest: Interest = topics.iter().copied().chain([Topic::Conversations]).collect();
    match shows {
        Shows::Neither => interest,
        _ if is_shared => interest,
        _ => interest.with_own_views(),
    }
}

/// The plans of late. Those that are subscribed to live on with their subscriptions.
pub(crate) struct Plans(Cache<QueryHash, Arc<Plan>>);

impl Default for Plans {
    fn default() -> Self {
        let weigh = |_: &QueryHash, plan: &Arc<Plan>| {
            let bytes = plan.checked.operation.query.len() * BYTES_PER_CHARACTER;
            u32::try_from(bytes.max(MIN_BYTES)).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).build())
    }
}

impl Plans {
    pub(super) fn get(&self, query: &QueryHash) -> Option<Arc<Plan>> {
        self.0.get(query)
    }

    /// Keeps a plan that was checked.
    pub(super) fn keep(&self, plan: &Arc<Plan>) {
        if plan.checked.operation.query.len() <= MAX_TEXT_BYTES {
            self.0.insert(plan.query, Arc::clone(plan));
        }
    }
}
