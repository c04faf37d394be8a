//! A schema that gets new fields: nothing but the fields themselves says what they are, and every list in the server knows.

use async_graphql::connection::{Connection, Edge};
use async_graphql::parser::parse_query;
use async_graphql::{Context, Object, Request, Result, Schema, SimpleObject, Subscription};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio_stream::{Iter, iter};

use super::*;
use crate::api::graphql::guard;
use crate::api::graphql::operation::definition;
use crate::api::graphql::subscription::answers::{Answer, Audience};
use crate::api::graphql::subscription::sharing::is_shared;
use crate::api::graphql::viewer::{Look, viewer};
use crate::id::UserId;

#[derive(SimpleObject)]
#[graphql(complex)]
struct Poll {
    question: String,
    /// Plain data, made for one viewer.
    #[graphql(tag = "own")]
    own_vote: Option<i32>,
}

#[async_graphql::ComplexObject]
impl Poll {
    /// New, paged, and named in no list.
    async fn votes(&self, first: Option<i32>) -> Connection<String, Vote> {
        let mut votes = Connection::new(false, false);
        let ids = 0..first.unwrap_or(1);
        votes.edges.extend(ids.map(|id| Edge::new(id.to_string(), Vote { id })));
        votes
    }

    /// New, whole, and named in no list.
    async fn options(&self) -> Vec<Vote> {
        Vec::new()
    }

    #[graphql(tag = "up-to-3")]
    async fn winners(&self) -> Vec<Vote> {
        Vec::new()
    }

    /// Looks at the viewer, and says so.
    #[graphql(tag = "own")]
    async fn may_vote(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(viewer(ctx).is_ok())
    }

    /// Looks at the viewer, and says nothing: somebody has forgotten it.
    async fn may_close(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(viewer(ctx).is_ok())
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
struct Vote {
    id: i32,
}

#[async_graphql::ComplexObject]
impl Vote {
    async fn poll(&self) -> Poll {
        poll()
    }
}

fn poll() -> Poll {
    Poll { question: "Tea or coffee?".to_owned(), own_vote: None }
}

struct Query;

#[Object]
impl Query {
    async fn poll(&self) -> Poll {
        poll()
    }

    #[graphql(tag = "search")]
    async fn find_polls(&self, text: String) -> Vec<Poll> {
        let _ = text;
        Vec::new()
    }
}

struct Subscriptions;

#[Subscription(name = "Subscription")]
impl Subscriptions {
    async fn polls(&self) -> Iter<std::option::IntoIter<Poll>> {
        iter(Some(poll()))
    }
}

type TestSchema = Schema<Query, async_graphql::EmptyMutation, Subscriptions>;

fn schema() -> TestSchema {
    Schema::build(Query, async_graphql::EmptyMutation, Subscriptions).enable_subscription_in_federation().finish()
}

/// Whether the guard takes it.
fn is_taken(query: &str) -> bool {
    let document = parse_query(query).unwrap();
    guard::cost(&Catalog::of(&schema()), &document, definition(&document, None).unwrap(), None).is_ok()
}

/// Whether one answer is meant for all who subscribe to it.
fn is_meant_to_be_shared(query: &str) -> bool {
    let document = parse_query(query).unwrap();
    is_shared(&Catalog::of(&schema()), &document, definition(&document, None).unwrap())
}

/// The answer to it that was made for this audience.
async fn answer(query: &str, audience: Audience) -> Answer {
    let look = Look::default();
    let response = schema().execute_stream(Request::new(query).data(look.clone())).next().await.unwrap();
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let response = serde_json::to_vec(&response).unwrap();
    Answer::made(&look, audience, Some(Bytes::from(response)))
}

#[test]
fn a_new_list_is_counted_by_the_guard() {
    /// A list within itself, three times.
    fn thrice(open: &str, close: &str) -> String {
        let inner = format!("{open} id {close}");
        let middle = format!("{open} poll {{ {inner} }} {close}");
        format!("{{ poll {{ {open} poll {{ {middle} }} {close} }} }}")
    }
    assert!(is_taken(&thrice("votes(first: 40) { nodes {", "} }")), "64,000 entries and what leads to them");
    assert!(!is_taken(&thrice("votes(first: 100) { nodes {", "} }")));
    assert!(!is_taken(&thrice("votes { edges { node {", "} } }")), "50 where nothing is said");
    assert!(!is_taken(&thrice("options {", "}")), "100 where the field says nothing");
    assert!(is_taken(&thrice("winners {", "}")), "3, as the field says");
    let searches = |count: usize| {
        let fields: String = (0..count).map(|n| format!(" s{n}: findPolls(text: \"tea\") {{ question }}")).collect();
        format!("{{ {fields} }}")
    };
    assert!(is_taken(&searches(5)) && !is_taken(&searches(6)));
}

#[test]
fn a_new_field_that_is_the_viewers_own_is_not_meant_to_be_shared() {
    assert!(is_meant_to_be_shared("subscription { polls { question votes { nodes { id } } } }"));
    for own in ["ownVote", "mayVote", "votes { nodes { poll { ownVote } } }", "... on Poll { mayVote }"] {
        assert!(!is_meant_to_be_shared(&format!("subscription {{ polls {{ question {own} }} }}")), "{own}");
    }
}

#[tokio::test]
async fn an_answer_is_not_shared_when_a_resolver_looked_at_the_viewer_and_did_not_say_so() {
    let forgotten = "subscription { polls { question mayClose } }";
    assert!(is_meant_to_be_shared(forgotten), "nobody said otherwise");
    assert_eq!(answer(forgotten, Audience::Everybody).await, Answer::Unshareable);
    let own = answer(forgotten, Audience::Viewer(UserId::stored(1), false)).await;
    assert!(matches!(own, Answer::Response(Some(_))), "each viewer has an own answer");
    let harmless = answer("subscription { polls { question options { id } } }", Audience::Everybody).await;
    assert!(matches!(harmless, Answer::Response(Some(_))));
}
