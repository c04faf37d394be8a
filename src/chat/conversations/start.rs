//! Starting a conversation: a group, or the one direct conversation of a pair.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use super::described::{self, Described};
use super::lookup::get;
use crate::chat::Cx;
use crate::chat::event::{EventType, Fact};
use crate::chat::limit;
use crate::chat::rate_limit::Limited;
use crate::chat::users;
use crate::chat::views::conversation::Conversation;
use crate::chat::views::user;
use crate::chat::writer::Batch;
use crate::entity::conversation::{self, ConversationType};
use crate::entity::participant::{self, Role};
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};

/// What opening or creating came to.
#[derive(Debug, Clone)]
pub struct Opened {
    pub conversation: Conversation,
    /// Whether it was made by this call.
    pub created: bool,
}

/// A group to be.
#[derive(Debug, Clone, Default, Deserialize, async_graphql::InputObject, utoipa::ToSchema)]
#[graphql(name = "CreateGroupInput")]
#[serde(rename_all = "camelCase", default)]
#[schema(as = CreateConversationRequest)]
pub struct CreateGroup {
    /// 1 to 100 characters.
    #[schema(required, min_length = 1, max_length = 100, examples("Project Team"))]
    pub name: String,
    /// Up to 500 characters.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Up to 256 users; duplicates and the caller are ignored.
    #[schema(max_items = 256, examples(json!([2, 3])))]
    pub participant_ids: Option<Vec<UserId>>,
    /// The same by the texts by which the host application knows them, where users have texts.
    #[schema(max_items = 256)]
    pub external_ids: Option<Vec<String>>,
    /// Whether messages take reactions; they do where nothing is said.
    pub allow_reactions: Option<bool>,
    /// Whether messages can be replied to; they can where nothing is said.
    pub allow_replies: Option<bool>,
    /// Whether files can be sent; they can where nothing is said.
    pub allow_file_uploads: Option<bool>,
    /// Megabytes of 1,048,576 bytes, from 1 to the server's own limit, which is the default.
    #[schema(minimum = 1)]
    pub max_file_size_mb: Option<i64>,
    /// MIME patterns such as `image/*`; none are all.
    #[schema(schema_with = described::mime_patterns)]
    pub allowed_file_types: Option<Vec<String>>,
}

/// Creates a group; the caller becomes its OWNER.
///
/// # Errors
/// `BadRequest` for what is out of form, `NotFound` for a user that nobody has seen, `RateLimited`.
pub async fn create_group(cx: &Cx, input: CreateGroup) -> Result<Conversation> {
    let group = Group::check(cx, by_numbers(cx, input).await?)?;
    limit::take(cx, Limited::Creations).await?;
    user::must_exist(&cx.reader(), &group.others).await?;
    let id = cx.chat.write(async move |batch: &mut Batch| group.create(batch).await).await?;
    get(cx, id).await
}

/// The same group, its people named by numbers alone.
async fn by_numbers(cx: &Cx, mut input: CreateGroup) -> Result<CreateGroup> {
    if let Some(texts) = input.external_ids.take().filter(|texts| !texts.is_empty()) {
        input.participant_ids = Some(users::named(cx, input.participant_ids.unwrap_or_default(), texts).await?);
    }
    Ok(input)
}

/// As [`create_group`], but only where there is no conversation at all; `None` otherwise, whoever came first.
///
/// # Errors
/// Those of [`create_group`].
pub async fn create_first_group(cx: &Cx, input: CreateGroup) -> Result<Option<Conversation>> {
    let group = Group::check(cx, input)?;
    user::must_exist(&cx.reader(), &group.others).await?;
    let created =
        cx.chat.write(async move |batch: &mut Batch| match conversation::Entity::find().one(&batch.tx).await? {
            Some(_) => Ok(None),
            None => group.create(batch).await.map(Some),
        });
    match created.await? {
        Some(id) => get(cx, id).await.map(Some),
        None => Ok(None),
    }
}

/// A group that is in form.
struct Group {
    me: UserId,
    others: Vec<UserId>,
    described: Described,
    allow_reactions: bool,
    allow_replies: bool,
    allow_file_uploads: bool,
    max_file_size_mb: i32,
}

impl Group {
    fn check(cx: &Cx, input: CreateGroup) -> Result<Self> {
        let me = cx.me();
        let asked = input.participant_ids.unwrap_or_default();
        users::check_count(asked.len())?;
        let mut others: Vec<UserId> = Vec::with_capacity(asked.len());
        for user in asked {
            if user != me && !others.contains(&user) {
                others.push(user);
            }
        }
        if input.name.is_empty() {
            return Err(Error::bad_request("A group needs a name"));
        }
        let described = Described::check(
            cx,
            Some(&input.name),
            input.description.as_deref(),
            input.max_file_size_mb,
            input.allowed_file_types,
        )?;
        let server_most = i32::try_from(cx.chat.config.chat.max_file_size_mb).unwrap_or(i32::MAX);
        Ok(Self {
            me,
            others,
            max_file_size_mb: described.max_file_size_mb.unwrap_or(server_most),
            described,
            allow_reactions: input.allow_reactions.unwrap_or(true),
            allow_replies: input.allow_replies.unwrap_or(true),
            allow_file_uploads: input.allow_file_uploads.unwrap_or(true),
        })
    }

    async fn create(self, batch: &mut Batch) -> Result<ConversationId> {
        let row = conversation::ActiveModel {
            name: Set(self.described.name),
            description: Set(self.described.description),
            allow_reactions: Set(self.allow_reactions),
            allow_replies: Set(self.allow_replies),
            allow_file_uploads: Set(self.allow_file_uploads),
            max_file_size_mb: Set(self.max_file_size_mb),
            allowed_file_types: Set(self.described.allowed_file_types.map(|types| types.into())),
            ..blank(batch, ConversationType::Group, self.me)
        };
        let people = std::iter::once((self.me, Role::Owner));
        let people = people.chain(self.others.into_iter().map(|user| (user, Role::Member)));
        insert(batch, row, self.me, people.collect()).await
    }
}

/// Opens the direct conversation with `other`: the one there is, ever, or else a new one.
///
/// # Errors
/// `BadRequest` with oneself, `NotFound` for a user that nobody has seen, `RateLimited`.
pub async fn open_direct(cx: &Cx, other: UserId) -> Result<Opened> {
    let me = cx.me();
    if other == me {
        return Err(Error::bad_request("You cannot open a direct conversation with yourself"));
    }
    limit::take(cx, Limited::Creations).await?;
    let db = &cx.reader();
    if let Some(id) = existing(db, me, other).await? {
        return Ok(Opened { conversation: get(cx, id).await?, created: false });
    }
    user::must_exist(db, &[other]).await?;
    let most = i32::try_from(cx.chat.config.chat.max_file_size_mb).unwrap_or(i32::MAX);
    let opened = cx.chat.write(async move |batch: &mut Batch| {
        // Whoever raced us to the writer has made it by now; the unique pair in the database is the belt.
        if let Some(id) = existing(&batch.tx, me, other).await? {
            return Ok((id, false));
        }
        let row = conversation::ActiveModel {
            direct_low: Set(Some(me.min(other))),
            direct_high: Set(Some(me.max(other))),
            max_file_size_mb: Set(most),
            ..blank(batch, ConversationType::Direct, me)
        };
        Ok((insert(batch, row, me, vec![(me, Role::Member), (other, Role::Member)]).await?, true))
    });
    let (id, created) = opened.await?;
    Ok(Opened { conversation: get(cx, id).await?, created })
}

async fn existing(db: &impl ConnectionTrait, me: UserId, other: UserId) -> Result<Option<ConversationId>> {
    let row = conversation::Entity::find()
        .filter(conversation::Column::DirectLow.eq(me.min(other)))
        .filter(conversation::Column::DirectHigh.eq(me.max(other)))
        .one(db)
        .await?;
    Ok(row.map(|row| row.id))
}

fn blank(batch: &Batch, kind: ConversationType, me: UserId) -> conversation::ActiveModel {
    conversation::ActiveModel {
        kind: Set(kind),
        created_by_id: Set(me),
        allow_reactions: Set(true),
        allow_replies: Set(true),
        allow_file_uploads: Set(true),
        last_activity_at: Set(batch.now),
        created_at: Set(batch.now),
        updated_at: Set(batch.now),
        ..Default::default()
    }
}

async fn insert(
    batch: &mut Batch,
    row: conversation::ActiveModel,
    me: UserId,
    people: Vec<(UserId, Role)>,
) -> Result<ConversationId> {
    let row = row.insert(&batch.tx).await?;
    let rows = people.iter().map(|(user, role)| participant::ActiveModel {
        conversation_id: Set(row.id),
        user_id: Set(*user),
        role: Set(*role),
        joined_at: Set(batch.now),
        muted: Set(false),
        pinned: Set(false),
        archived: Set(false),
        ..Default::default()
    });
    participant::Entity::insert_many(rows).exec_without_returning(&batch.tx).await?;
    let id = row.id;
    let participants = people.into_iter().map(|(user, _)| user).collect();
    batch.append(EventType::ConversationCreated, id, me, Fact::Conversation { participants });
    Ok(id)
}
