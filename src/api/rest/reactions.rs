//! The endpoints of reactions.

use serde::{Deserialize, Serialize, Serializer};

use super::envelope::{Answer, ok};
use super::input::{Body, Caller, Names};
use crate::chat::Cx;
use crate::chat::reactions::{self, EmojiCount, React, Reaction, ReactionResult};
use crate::error::Result;

/// Which emoji.
#[derive(Deserialize)]
pub(super) struct Emoji {
    emoji: String,
}

pub(super) async fn add(Caller(cx): Caller, names: Names, Body(body): Body<Emoji>) -> Answer<ReactionResult> {
    ok(react(&cx, &names, &body.emoji, React::Add).await?)
}

pub(super) async fn toggle(Caller(cx): Caller, names: Names, Body(body): Body<Emoji>) -> Answer<ReactionResult> {
    ok(react(&cx, &names, &body.emoji, React::Toggle).await?)
}

pub(super) async fn remove(Caller(cx): Caller, names: Names) -> Answer<ReactionResult> {
    ok(react(&cx, &names, names.text("emoji")?, React::Remove).await?)
}

async fn react(cx: &Cx, names: &Names, emoji: &str, how: React) -> Result<ReactionResult> {
    reactions::react(cx, names.id("id")?, emoji, how).await
}

pub(super) async fn list(Caller(cx): Caller, names: Names) -> Answer<Vec<Reaction>> {
    ok(reactions::of_message(&cx, names.id("id")?).await?)
}

/// The summary as a map.
pub(super) struct Summary(Vec<EmojiCount>);

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|count| (&count.emoji, count.count)))
    }
}

pub(super) async fn summary(Caller(cx): Caller, names: Names) -> Answer<Summary> {
    ok(Summary(reactions::summary(&cx, names.id("id")?).await?))
}
