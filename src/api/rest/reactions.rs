//! The endpoints of reactions.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::envelope::{ApiResult, ListResult, list, ok};
use super::input::{Body, Caller, PathParam, PathParams};
use super::refusals::{Conflicting, Inside};
use crate::chat::reactions::{self, EmojiCount, React, Reaction, ReactionResult};
use crate::error::Result;
use crate::id::MessageId;

/// Which emoji.
#[derive(Deserialize, ToSchema)]
#[schema(as = ReactionRequest)]
pub(super) struct Emoji {
    /// Exactly one.
    #[schema(format = "emoji", min_length = 1, examples("👍"))]
    emoji: String,
}

/// Add a reaction
///
/// Adding it twice changes nothing. A message takes 50 different emojis.
#[utoipa::path(post, path = "/messages/{id}/reactions", operation_id = "addReaction", tag = "Reactions",
    params(("id" = MessageId, Path)), request_body = Emoji, responses(Inside, Conflicting))]
pub(super) async fn add(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(body): Body<Emoji>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &body.emoji, React::Add).await?)
}

/// Add a reaction, or remove it
#[utoipa::path(post, path = "/messages/{id}/reactions/toggle", operation_id = "toggleReaction", tag = "Reactions",
    params(("id" = MessageId, Path)), request_body = Emoji, responses(Inside, Conflicting))]
pub(super) async fn toggle(
    Caller(cx): Caller,
    PathParam(id): PathParam<MessageId>,
    Body(body): Body<Emoji>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &body.emoji, React::Toggle).await?)
}

/// Remove a reaction
///
/// Removing what is not there changes nothing.
#[utoipa::path(delete, path = "/messages/{id}/reactions/{emoji}", operation_id = "removeReaction", tag = "Reactions",
    params(("id" = MessageId, Path), ("emoji" = String, Path, description = "Exactly one", format = "emoji", example = "👍")),
    responses(Inside, Conflicting))]
pub(super) async fn remove(
    Caller(cx): Caller,
    PathParams(id, emoji): PathParams<MessageId, String>,
) -> ApiResult<ReactionResult> {
    ok(reactions::react(&cx, id, &emoji, React::Remove).await?)
}

/// Who reacted, and how
#[utoipa::path(get, path = "/messages/{id}/reactions", operation_id = "listReactions", tag = "Reactions",
    params(("id" = MessageId, Path)), responses(Inside))]
pub(super) async fn all(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ListResult<Reaction> {
    list(reactions::of_message(&cx, id).await?)
}

/// The summary as a map.
#[derive(ToSchema)]
#[schema(as = ReactionSummaryResponse, value_type = std::collections::BTreeMap<String, i64>, description = "How many there are of each emoji")]
pub(super) struct Summary(Vec<EmojiCount>);

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|count| (&count.emoji, count.count)))
    }
}

/// How many there are of each emoji
#[utoipa::path(get, path = "/messages/{id}/reactions/summary", operation_id = "getReactionSummary", tag = "Reactions",
    params(("id" = MessageId, Path)), responses(Inside))]
pub(super) async fn summary(Caller(cx): Caller, PathParam(id): PathParam<MessageId>) -> ApiResult<Summary> {
    ok(Summary(reactions::summary(&cx, id).await?))
}
