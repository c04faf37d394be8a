//! Uploading: the bytes go to the storage as they come, under every limit from the first to the last one. A file
//! begins as a row that is already given up, so that whatever breaks off half-way is never seen and is swept.

use bytes::BytesMut;
use chrono::TimeDelta;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use sha2::{Digest, Sha256};

use super::kind::{HELD_BYTES, Kind, Probe, SNIFFED_BYTES, Stored, Text};
use super::limits::FileLimits;
use super::thumbnail;
use crate::chat::Cx;
use crate::chat::access;
use crate::chat::limit;
use crate::chat::notes::Note;
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::file::File;
use crate::entity::{conversation, file};
use crate::error::{Error, Result};
use crate::id::ConversationId;
use crate::store::blobs::{self, BlobWriter};

/// How long an upload may take before what came of it is swept.
const MAX_UPLOAD_TIME: TimeDelta = TimeDelta::hours(6);

/// Counts an upload, whatever becomes of it.
///
/// # Errors
/// `RateLimited`, `Unavailable` without the database.
pub async fn may_upload(cx: &Cx) -> Result<()> {
    limit::take(cx, Limited::Uploads).await
}

/// A conversation that takes files from the caller.
#[derive(Debug, Clone)]
pub struct Place(conversation::Model);

/// # Errors
/// `NotFound`, `Forbidden` outside of it and where files are switched off.
pub async fn place(cx: &Cx, conversation: ConversationId) -> Result<Place> {
    let member = access::member(&cx.reader(), cx.me(), conversation).await?;
    FileLimits::of(&cx.chat.config, Some(&member.conversation))?;
    Ok(Place(member.conversation))
}

/// A file on its way.
pub struct Upload {
    cx: Cx,
    limits: FileLimits,
    name: String,
    declared: Option<String>,
    size: u64,
    digest: Sha256,
    text: Text,
    /// The first bytes, until the type is told.
    head: BytesMut,
    begun: Option<Begun>,
}

struct Begun {
    row: file::Model,
    kind: Kind,
    writing: BlobWriter,
}

impl Upload {
    /// A file called `name`, of which its sender declares a type; it may be of a place that is known already.
    ///
    /// # Errors
    /// `BadRequest` for a name that is none.
    pub fn new(cx: &Cx, place: Option<&Place>, name: &str, declared: Option<String>) -> Result<Self> {
        Ok(Self {
            cx: cx.clone(),
            limits: FileLimits::of(&cx.chat.config, place.map(|place| &place.0))?,
            name: text::file_name(name)?,
            declared,
            size: 0,
            digest: Sha256::new(),
            text: Text::default(),
            head: BytesMut::new(),
            begun: None,
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `PayloadTooLarge`, `UnsupportedMediaType` as soon as no type that it can have is taken, `Unavailable` where bytes
    /// cannot be kept.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        self.limits.must_hold(self.size)?;
        self.digest.update(bytes);
        self.text.take(bytes);
        if let Some(begun) = &mut self.begun {
            if begun.kind.is_container() {
                let room = HELD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
                self.head.extend_from_slice(&bytes[..room]);
            }
            return begun.writing.write(bytes).await;
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= SNIFFED_BYTES {
            self.begun = Some(self.begin().await?);
        }
        Ok(())
    }

    /// Ends it: the file is there, seen by its uploader alone. `place` is for a conversation that was named after it.
    ///
    /// # Errors
    /// `BadRequest` for an empty one, besides those of [`Upload::write`].
    pub async fn finish(mut self, place: Option<&Place>) -> Result<File> {
        if self.size == 0 {
            return Err(Error::bad_request("The file is empty"));
        }
        self.limits = FileLimits::of(&self.cx.chat.config, place.map(|place| &place.0))?;
        self.limits.must_hold(self.size)?;
        let Begun { row, kind, writing } = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin().await?,
        };
        self.limits.must_take_one(&kind.candidates())?;
        writing.finish().await?;
        let content_type = match self.judge(kind, &row.storage_key).await {
            Ok(content_type) => content_type,
            Err(refused) => {
                // The sweep finds what cannot be removed now.
                let _left = self.cx.chat.blobs.delete(&row.storage_key).await;
                return Err(refused);
            }
        };
        let picture = match &row.thumbnail_key {
            Some(key) => thumbnail::make(&self.cx.chat.blobs, &row.storage_key, self.size, key).await,
            None => None,
        };
        let mut row: file::ActiveModel = row.into();
        row.content_type = Set(content_type.to_owned());
        row.size = Set(i64::try_from(self.size).unwrap_or(i64::MAX));
        row.digest = Set(hex::encode(self.digest.finalize()));
        row.conversation_id = Set(place.map(|place| place.0.id));
        if !picture.as_ref().is_some_and(|made| made.is_kept) {
            row.thumbnail_key = Set(None);
        }
        row.width = Set(picture.as_ref().map(|made| made.width));
        row.height = Set(picture.as_ref().map(|made| made.height));
        row.deleted_at = Set(None);
        let links = self.cx.chat.signer.clone();
        let kept = self.cx.chat.note(async move |note: &mut Note<'_>| {
            row.created_at = Set(note.now);
            // A row that was swept meanwhile is not there to be updated.
            let row = row.update(note.tx).await.map_err(|cause| match cause {
                sea_orm::DbErr::RecordNotUpdated => Error::unavailable_because("the row of the file was swept"),
                cause => cause.into(),
            })?;
            Ok(File::of(row, &links, note.now))
        });
        kept.await
    }

    /// The type of what is stored, told from all of it, if it is taken.
    async fn judge(&mut self, kind: Kind, key: &str) -> Result<&'static str> {
        let head = self.head.split().freeze();
        let more = (head.len() as u64) < self.size;
        let stored = more.then_some(Stored { blobs: &self.cx.chat.blobs, key });
        let content_type = kind.settle(&self.text, &mut Probe::new(head, self.size, stored)).await?;
        self.limits.must_take(content_type)?;
        Ok(content_type)
    }

    /// Writes down that bytes will come, and where, before the first of them does.
    async fn begin(&mut self) -> Result<Begun> {
        let kind = Kind::of(&self.head, self.declared.as_deref());
        let candidates = kind.candidates();
        self.limits.must_take_one(&candidates)?;
        let key = blobs::new_key();
        let now = crate::entity::clock::now();
        let row = file::ActiveModel {
            uploader_id: Set(self.cx.me()),
            storage_key: Set(key.clone()),
            thumbnail_key: Set(kind.is_picture().then(blobs::new_key)),
            file_name: Set(self.name.clone()),
            // What it is in the end is told from all of it.
            content_type: Set(candidates.first().copied().unwrap_or_default().to_owned()),
            size: Set(0),
            digest: Set(String::new()),
            created_at: Set(now),
            deleted_at: Set(Some(now + MAX_UPLOAD_TIME)),
            ..Default::default()
        };
        let begun = self
            .cx
            .chat
            .note(async move |note: &mut Note<'_>| Ok(file::Entity::insert(row).exec_with_returning(note.tx).await?));
        let row = begun.await?;
        let mut writing = self.cx.chat.blobs.write(&key);
        writing.write(&self.head).await?;
        if !kind.is_container() {
            self.head = BytesMut::new();
        }
        Ok(Begun { row, kind, writing })
    }
}
