//! What those who listen see of a conversation that has changed: what is alike for all of them, read and written once for
//! all, and each viewer's own, read for all of them together. It knows nobody who listens: those are named to it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::announcement::{Announcement, Change};
use super::conversation::{Conversation, gone};
use super::participant::{self as participants, MAX_SHOWN, Participant};
use super::{message, user};
use crate::chat::access::Member;
use crate::chat::counts::unread_of;
use crate::chat::files::url_signer::UrlSigner;
use crate::entity::participant::Role;
use crate::entity::{conversation, participant};
use crate::error::Result;
use crate::id::{ConversationId, UserId};

/// How long a view may be shown: what is not told in the log, such as a new name of a user, is that old at most.
const VIEW_LIFETIME: Duration = Duration::from_secs(2);
/// Views that are kept, and participants in all of them together, at most; the newest is kept whatever its size.
const MAX_VIEWS: usize = 256;
const MAX_PARTICIPANTS: usize = 50_000;
/// The views that are shown at present. Bounded by [`MAX_VIEWS`] and [`MAX_PARTICIPANTS`].
#[derive(Default)]
pub struct SharedViews {
    /// The newest position of the log that is known to be committed.
    heard: AtomicI64,
    slots: Mutex<HashMap<ConversationId, ViewSlot>>,
}

/// A conversation whose view is, or was, shown.
struct ViewSlot {
    /// The position of the newest event of this conversation.
    newest: i64,
    present: Arc<Loading<Option<Arc<SharedView>>>>,
    /// What is told of its deletion, and at which position that stands.
    deleted: Option<(i64, Arc<Loading<Arc<Conversation>>>)>,
}

/// Something that is loaded once for all who want it now; when that fails, it fails for all of those.
pub(in crate::chat) struct Loading<T> {
    /// It shows everything up to this position, and maybe more.
    as_of: i64,
    begun: Instant,
    pub size: AtomicUsize,
    pub loaded: OnceCell<Result<T>>,
}

/// What is alike for all who are in an open conversation, and what is their own.
pub(in crate::chat) struct SharedView {
    /// Told of no other view of this process.
    id: u64,
    alike: Conversation,
    /// Of everybody who is in it, or, where more are in it than are shown, of those and of whoever listened then.
    own: HashMap<UserId, OwnSide>,
    /// Whether more are in it than are shown.
    is_large: bool,
    /// What those have not read whose messages were counted.
    pub unread: HashMap<UserId, i64>,
    written: OnceLock<Option<EncodedAroundOwn>>,
}

/// What a member sees of a conversation that others do not.
#[derive(Clone)]
pub(in crate::chat) struct OwnSide {
    muted: bool,
    pinned: bool,
    archived: bool,
    role: Role,
    /// The viewer, where they are not among the first: they are shown in the place of the last of those.
    shown_last: Option<Box<Participant>>,
}

/// The payload of everybody, around the place of a viewer's own.
struct EncodedAroundOwn {
    before: Vec<u8>,
    after: Vec<u8>,
    /// Where the last of those who are shown stands, in `before`.
    last_shown: Option<Range<usize>>,
}

/// A viewer's own part of the payload, in its order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnPart {
    unread_count: i64,
    muted: bool,
    pinned: bool,
    archived: bool,
}

/// What one viewer is told of an event about a conversation.
pub struct ConversationNotice {
    pub(in crate::chat) change: Change,
    pub(in crate::chat) content: NoticeContent,
}

pub(in crate::chat) enum NoticeContent {
    Member {
        shared: Arc<SharedView>,
        viewer: UserId,
        own: OwnSide,
        unread: i64,
    },
    /// The conversation is deleted, which looks the same to all who were in it.
    Deleted(Arc<Conversation>),
    /// The viewer is not in it any more.
    Gone(Box<Conversation>),
}

impl SharedViews {
    /// These events are committed: what is shown from now on shows them.
    pub(in crate::chat) fn committed(&self, events: impl IntoIterator<Item = (i64, Option<ConversationId>)>) {
        let durable: Vec<_> = events.into_iter().collect();
        let Some(newest) = durable.iter().map(|(position, _)| *position).max() else { return };
        self.heard.fetch_max(newest, Ordering::AcqRel);
        let mut slots = self.lock();
        for (position, conversation) in durable {
            if let Some(slot) = conversation.and_then(|id| slots.get_mut(&id)) {
                slot.newest = slot.newest.max(position);
            }
        }
    }

    /// The view of a conversation that shows everything up to `position` and all that is known to have happened since.
    pub(in crate::chat) fn present(&self, id: ConversationId, position: i64) -> Arc<Loading<Option<Arc<SharedView>>>> {
        let mut slots = self.lock();
        let as_of = position.max(self.heard.load(Ordering::Acquire));
        if let Some(slot) = slots.get_mut(&id) {
            if !slot.present.serves(position.max(slot.newest)) {
                slot.present = Arc::new(Loading::new(as_of));
            }
            return Arc::clone(&slot.present);
        }
        Arc::clone(&make_room(&mut slots).entry(id).or_insert(ViewSlot::new(as_of)).present)
    }

    /// What is told of a deletion at `position`.
    pub(in crate::chat) fn deleted(&self, id: ConversationId, position: i64) -> Arc<Loading<Arc<Conversation>>> {
        let mut slots = self.lock();
        let slot = make_room(&mut slots).entry(id).or_insert(ViewSlot::new(position));
        match &slot.deleted {
            Some((at, load)) if *at == position && load.serves(position) => Arc::clone(load),
            _ => {
                let load = Arc::new(Loading::new(position));
                slot.deleted = Some((position, Arc::clone(&load)));
                load
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, ViewSlot>> {
        self.slots.lock()
    }
}

/// Forgets the oldest views where there are too many of them.
fn make_room(slots: &mut HashMap<ConversationId, ViewSlot>) -> &mut HashMap<ConversationId, ViewSlot> {
    let size = |slot: &ViewSlot| slot.present.size.load(Ordering::Relaxed);
    let mut participants: usize = slots.values().map(size).sum();
    if slots.len() >= MAX_VIEWS || participants > MAX_PARTICIPANTS {
        slots.retain(|_, slot| slot.present.begun.elapsed() < VIEW_LIFETIME);
        participants = slots.values().map(size).sum();
    }
    while slots.len() >= MAX_VIEWS || participants > MAX_PARTICIPANTS {
        let Some(oldest) = slots.iter().min_by_key(|(_, slot)| slot.present.begun).map(|(id, _)| *id) else { break };
        participants -= slots.remove(&oldest).map_or(0, |slot| size(&slot));
    }
    slots
}

impl ViewSlot {
    fn new(as_of: i64) -> Self {
        Self { newest: 0, present: Arc::new(Loading::new(as_of)), deleted: None }
    }
}

impl<T> Loading<T> {
    fn new(as_of: i64) -> Self {
        Self { as_of, begun: Instant::now(), size: AtomicUsize::new(0), loaded: OnceCell::new() }
    }

    fn serves(&self, position: i64) -> bool {
        let failed = self.loaded.get().is_some_and(Result::is_err);
        self.as_of >= position && self.begun.elapsed() < VIEW_LIFETIME && !failed
    }
}

impl SharedView {
    /// Reads an open conversation. Who is in it is read last: whoever is still in it then may see what was read before.
    pub async fn load(
        db: &impl ConnectionTrait,
        signer: &UrlSigner,
        id: ConversationId,
        audience: impl FnOnce() -> Vec<UserId>,
    ) -> Result<Option<Self>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let row = conversation::Entity::find_by_id(id).filter(conversation::Column::ClosedAt.is_null());
        let Some(row) = row.one(db).await? else { return Ok(None) };
        let last = message::load_by_ids(db, signer, row.last_message_id.as_slice()).await?.into_values().next();
        let audience = audience();
        let mut unread: HashMap<UserId, i64> = audience.iter().map(|viewer| (*viewer, 0)).collect();
        unread.extend(unread_of(db, id, &audience).await?);
        let mut rows = participants::first(db, &[id]).await?.remove(&id).unwrap_or_default();
        let (shown, is_large) = (rows.len(), rows.len() >= MAX_SHOWN);
        if is_large {
            let seen: HashSet<UserId> = rows.iter().map(|row| row.user_id).collect();
            let others: Vec<UserId> = audience.into_iter().filter(|viewer| !seen.contains(viewer)).collect();
            rows.extend(participants::inside(db, id, &others).await?);
        }
        let users = user::by_ids(db, &rows.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
        let person = |row: &participant::Model| Participant::of(row, &users);
        let people = rows[..shown].iter().map(person).collect();
        let own = rows.iter().enumerate().map(|(place, row)| {
            let shown_last = (place >= shown).then(|| Box::new(person(row)));
            (row.user_id, OwnSide::of(row, shown_last))
        });
        let own = own.collect();
        let nobody = UserId::stored(0);
        let member = Member { me: gone(&row, nobody), conversation: row };
        let alike = Conversation::of(member, nobody, people, last, 0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Self { id, alike, own, is_large, unread, written: OnceLock::new() }))
    }

    /// How many members it keeps something of.
    pub fn size(&self) -> usize {
        self.own.len()
    }

    /// The side of a member, read now where it was not kept; none of somebody who is not in it any more.
    pub async fn own_side(&self, db: &impl ConnectionTrait, viewer: UserId) -> Result<Option<OwnSide>> {
        if let Some(own) = self.own.get(&viewer) {
            return Ok(Some(own.clone()));
        }
        if !self.is_large {
            return Ok(None);
        }
        let Some(row) = participants::inside(db, self.alike.id, &[viewer]).await?.pop() else { return Ok(None) };
        let users = user::by_ids(db, &[viewer]).await?;
        Ok(Some(OwnSide::of(&row, Some(Box::new(Participant::of(&row, &users))))))
    }

    /// The conversation as somebody sees it who is in it.
    fn seen_by(&self, viewer: UserId, own: &OwnSide, unread_count: i64) -> Conversation {
        let mut seen = self.alike.clone();
        seen.unread_count = unread_count;
        (seen.muted, seen.pinned, seen.archived) = (own.muted, own.pinned, own.archived);
        seen.viewer_role = Some(own.role);
        if let Some((me, last)) = own.shown_last.as_deref().zip(seen.participants.last_mut()) {
            *last = me.clone();
        }
        if let Some((name, avatar)) =
            seen.other(viewer).map(|other| (other.user_name.clone(), other.avatar_url.clone()))
        {
            (seen.name, seen.avatar_url) = (Some(name), avatar);
        }
        seen.last_message = seen.last_message.map(|message| message.for_viewer(viewer));
        seen
    }

    /// Whether what the viewer sees differs from what others see in more than the viewer's own part.
    fn differs_for(&self, viewer: UserId) -> bool {
        let is_direct = self.alike.kind == conversation::ConversationType::Direct;
        is_direct
            || self
                .alike
                .last_message
                .as_ref()
                .is_some_and(|last| last.has_two_renderings() && last.sender_id == viewer)
    }

    /// The payload for somebody for whom nothing but the own part differs.
    fn write(&self, own: &OwnSide, unread_count: i64) -> Option<Vec<u8>> {
        let written = self.written.get_or_init(|| {
            let mut everybodys = self.alike.clone();
            everybodys.last_message = everybodys.last_message.map(|message| message.for_viewer(UserId::stored(0)));
            let mut written = split(&serde_json::to_vec(&everybodys).ok()?)?;
            if self.is_large {
                written.last_shown = Some(last_shown(&written.before, &everybodys.participants)?);
            }
            Some(written)
        });
        let written = written.as_ref()?;
        let part = OwnPart { unread_count, muted: own.muted, pinned: own.pinned, archived: own.archived };
        let part = inside(&part)?;
        let (before, after) = (written.before.as_slice(), written.after.as_slice());
        match own.shown_last.as_deref().zip(written.last_shown.clone()) {
            None => Some([before, &part, after].concat()),
            Some((me, last)) => {
                let me = serde_json::to_vec(me).ok()?;
                Some([&before[..last.start], &me, &before[last.end..], &part, after].concat())
            }
        }
    }
}

/// Parts the payload of nobody in particular around its viewer's part. That stands behind everything that users write
/// but names of types, in which there are no quotation marks: so the last place that looks like it is it.
fn split(payload: &[u8]) -> Option<EncodedAroundOwn> {
    let own = inside(&OwnPart { unread_count: 0, muted: false, pinned: false, archived: false })?;
    let place = payload.windows(own.len()).rposition(|window| window == own)?;
    let (before, after) = (payload[..place].to_vec(), payload[place + own.len()..].to_vec());
    Some(EncodedAroundOwn { before, after, last_shown: None })
}

/// Where the last of those who are shown stands. The name of their field cannot stand in a text before it, where its
/// quotation marks would be escaped.
fn last_shown(payload: &[u8], people: &[Participant]) -> Option<Range<usize>> {
    const FIELD: &[u8] = b"\"participants\":";
    let list = payload.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let end = list + serde_json::to_vec(people).ok()?.len() - 1;
    Some(end - serde_json::to_vec(people.last()?).ok()?.len()..end)
}

impl OwnSide {
    fn of(row: &participant::Model, shown_last: Option<Box<Participant>>) -> Self {
        Self { muted: row.muted, pinned: row.pinned, archived: row.archived, role: row.role, shown_last }
    }
}

/// A value's JSON without its braces.
fn inside(own: &OwnPart) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(own).ok()?;
    Some(json.get(1..json.len().checked_sub(1)?)?.to_vec())
}

impl ConversationNotice {
    pub fn change(&self) -> Change {
        self.change
    }

    /// What all are told alike for whom this is the same, apart from the viewer's own part; none where a viewer is told
    /// something apart.
    pub fn alike(&self) -> Option<u64> {
        match &self.content {
            NoticeContent::Member { shared, viewer, own, .. } => {
                (own.shown_last.is_none() && !shared.differs_for(*viewer)).then_some(shared.id)
            }
            NoticeContent::Deleted(_) => Some(u64::MAX),
            NoticeContent::Gone(_) => None,
        }
    }

    /// The conversation, as the viewer sees it, and what became of it.
    pub fn announcement(&self) -> Announcement {
        let conversation = match &self.content {
            NoticeContent::Member { shared, viewer, own, unread } => shared.seen_by(*viewer, own, *unread),
            NoticeContent::Deleted(conversation) => Conversation::clone(conversation),
            NoticeContent::Gone(conversation) => Conversation::clone(conversation),
        };
        Announcement { conversation, change: self.change }
    }

    /// The announcement as JSON: the payload of the conversations queue.
    pub fn payload(&self) -> Option<Bytes> {
        if let NoticeContent::Member { shared, viewer, own, unread } = &self.content
            && !shared.differs_for(*viewer)
        {
            let mut payload = shared.write(own, *unread)?;
            payload.pop();
            payload.extend_from_slice(b",\"event\":");
            serde_json::to_writer(&mut payload, &self.change).ok()?;
            payload.push(b'}');
            return Some(payload.into());
        }
        serde_json::to_vec(&self.announcement()).ok().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_that_are_kept_are_bounded_and_the_newest_stays() {
        let views = SharedViews::default();
        for number in 1..=1_000 {
            views.present(ConversationId::stored(number), 1).size.store(10, Ordering::Relaxed);
        }
        assert_eq!(views.lock().len(), MAX_VIEWS);
        assert!(views.lock().contains_key(&ConversationId::stored(1_000)));
        for number in 2_001..=2_004 {
            views.present(ConversationId::stored(number), 1).size.store(30_000, Ordering::Relaxed);
        }
        let sizes: usize = views.lock().values().map(|slot| slot.present.size.load(Ordering::Relaxed)).sum();
        assert!(sizes <= MAX_PARTICIPANTS + 30_000, "{sizes}");
        assert!(views.lock().contains_key(&ConversationId::stored(2_004)));
    }

    #[test]
    fn a_view_is_shared_until_something_happens_in_its_conversation() {
        let (views, id) = (SharedViews::default(), ConversationId::stored(1));
        views.heard.store(5, Ordering::Relaxed);
        let first = views.present(id, 3);
        assert!(Arc::ptr_eq(&first, &views.present(id, 5)), "it shows what is known to have happened");
        views.lock().get_mut(&id).unwrap().newest = 6;
        views.heard.store(6, Ordering::Relaxed);
        let second = views.present(id, 3);
        assert!(!Arc::ptr_eq(&first, &second), "what is replayed shows the present");
        assert!(!Arc::ptr_eq(&second, &views.present(id, 9)), "this node has not heard of 9 yet");
    }
}
