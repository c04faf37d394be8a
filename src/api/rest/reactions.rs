//! The endpoints of reactions.

use serde::{Deserialize, Serialize, Serializer};

use super::envelope::{ApiResult, ok};
use super::input::{Body, Caller, PathParam, PathParams};
use crate::chat::reactions::{self, EmojiCount, React, Reaction, ReactionResult};
use crate::error::Result;
use crate::id::MessageId;

/// Which emoji.
#[derive(Deserialize)]
pub(super) struct Emoji {
    emoji: String,
}

pub(super) async fn add(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(body): Body<Emoji>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &body.emoji, React::Add).await?)
}

pub(super) async fn toggle(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(body): Body<Emoji>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &body.emoji, React::Toggle).await?)
}

pub(super) async fn remove(
    Caller(cx): Caller,
    PathParams(id, emoji): PathParams<MessageId, String>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &emoji, React::Remove).await?)
}

pub(super) async fn list(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ApiResult<Vec<Reaction>> {
    ok(reactions::of_message(&cx, id).await?)
}

/// The summary as a map.
pub(super) struct Summary(Vec<EmojiCount>);

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|count| (&count.emoji, count.count)))
    }
}

pub(super) async fn summary(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ApiResult<Summary> {
    ok(Summary(reactions::summary(&cx, id).await?))
}
