//! Answers to subscriptions that others may want, too: an event is executed once for each query and each group of viewers
//! who are told the same. What is kept is bounded by its bytes, however many subscribe however differently.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use crate::api::graphql::viewer::Look;
use crate::chat::conversations::Change;
use crate::error::{Error, Result};
use crate::id::UserId;

/// Bytes of the answers that many viewers share, and of those that are one viewer's own, at most. Beyond that the oldest
/// is forgotten, and made again where a connection still wants it.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How long an answer is kept: connections that keep up want it within milliseconds.
const TIME_TO_LIVE: Duration = Duration::from_secs(10);
/// What an answer takes beside its bytes.
const OVERHEAD_BYTES: usize = 200;

/// What an event came to for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The response, as JSON; none where the event says nothing to it.
    Response(Option<Bytes>),
    /// A resolver looked at the viewer although no field that was asked for has the tag `own`: each viewer needs an own
    /// answer.
    Unshareable,
}

impl Answer {
    /// The answer that was made while `look` was watching, for this audience.
    pub fn made(look: &Look, audience: Audience, response: Option<Bytes>) -> Self {
        let is_shared = !matches!(audience, Audience::Viewer(..));
        if is_shared && look.was_taken() { Self::Unshareable } else { Self::Response(response) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Response(response) => response.as_ref().map_or(0, Bytes::len),
            Self::Unshareable => 0,
        }
    }
}

/// An event, a query and whom the answer is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AnswerKey {
    /// The event's own number.
    pub event: u64,
    pub query: QueryHash,
    pub audience: Audience,
}

/// Names a query among all that were subscribed to: its text, its operation and its variables.
pub(super) type QueryHash = [u8; 32];

/// Who is told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    Everybody,
    /// All to whom one view of a conversation and what became of it are shown alike.
    View(u64, Change),
    /// One viewer, as an administrator or not.
    Viewer(UserId, bool),
}

/// The answers that were made of late.
pub(crate) struct Answers {
    shared: Cache<AnswerKey, Answer>,
    own: Cache<AnswerKey, Answer>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { shared: cache(), own: cache() }
    }
}

fn cache() -> Cache<AnswerKey, Answer> {
    let weigh = |_: &AnswerKey, answer: &Answer| u32::try_from(OVERHEAD_BYTES + answer.len()).unwrap_or(u32::MAX);
    Cache::builder()
        .max_capacity(MAX_BYTES)
        .weigher(weigh)
        .time_to_live(TIME_TO_LIVE)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}

impl Answers {
    /// The answer under this key, made by `make` at the first call; connections that want it meanwhile wait for that.
    ///
    /// # Errors
    /// Those of `make`; then the next call tries again.
    pub(super) async fn get<F>(&self, key: AnswerKey, make: impl FnOnce() -> F) -> Result<Answer>
    where
        F: Future<Output = Result<Answer>>,
    {
        let cache = match key.audience {
            Audience::Everybody | Audience::View(..) => &self.shared,
            Audience::Viewer(..) => &self.own,
        };
        if let Some(made) = cache.get(&key).await {
            return Ok(made);
        }
        // Made and boxed only now, since every idle connection would else have room for it.
        Box::pin(cache.try_get_with(key, make())).await.map_err(|error: Arc<Error>| Error::clone(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(event: u64, viewer: i64) -> AnswerKey {
        AnswerKey { event, query: [0; 32], audience: Audience::Viewer(UserId::stored(viewer), false) }
    }

    #[tokio::test]
    async fn an_answer_is_made_once_for_all_who_want_it_and_again_where_that_failed() {
        let (answers, made) = (Answers::default(), AtomicUsize::new(0));
        let ask = |viewer, fails: bool| {
            let made = &made;
            answers.get(key(1, viewer), async move || {
                made.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                if fails { Err(Error::unavailable()) } else { Ok(Answer::Response(Some(Bytes::from_static(b"{}")))) }
            })
        };
        let failed = futures_util::future::join_all((0..5).map(|_| ask(1, true))).await;
        assert!(failed.iter().all(Result::is_err));
        made.store(0, Ordering::Relaxed);
        let answered = futures_util::future::join_all((0..50).map(|_| ask(1, false))).await;
        assert!(answered.iter().all(|answer| matches!(answer, Ok(Answer::Response(Some(_))))));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert!(ask(2, false).await.is_ok());
        assert_eq!(made.load(Ordering::Relaxed), 2, "somebody else's answer is another one");
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_by_its_bytes() {
        let answers = Answers::default();
        for event in 0..2_000 {
            answers
                .get(key(event, 1), async || Ok(Answer::Response(Some(Bytes::from(vec![b'x'; 64 * 1024])))))
                .await
                .unwrap();
        }
        answers.own.run_pending_tasks().await;
        assert!(answers.own.weighted_size() <= MAX_BYTES, "{}", answers.own.weighted_size());
        assert!(answers.own.entry_count() > 100);
    }
}
