//! The model: the chat of the protocol on plain maps, without a database, a queue or a clock. What it is told of the
//! server are the ids and the times of what the server made.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Every id.
pub const EVERYTHING: RangeInclusive<i64> = 0..=i64::MAX;

#[derive(Debug, Default)]
pub struct Chat {
    /// Id and name.
    pub people: Vec<(i64, String)>,
    pub rooms: BTreeMap<i64, Room>,
    pub posts: BTreeMap<i64, Post>,
    pub log: Vec<Entry>,
}

#[derive(Debug)]
pub struct Room {
    pub id: i64,
    pub direct: bool,
    pub name: Option<&'static str>,
    pub creator: i64,
    /// In the order in which they came.
    pub seats: Vec<Seat>,
    pub closed: bool,
    pub reactions: bool,
    pub replies: bool,
    /// When the last message came, or else the room itself.
    pub active: i64,
    /// Every move of a marker: who, from above which message, up to which.
    pub moves: Vec<(i64, i64, i64)>,
}

#[derive(Debug, Clone)]
pub struct Seat {
    pub user: i64,
    pub role: &'static str,
    pub marker: Option<i64>,
    pub muted: bool,
    pub pinned: bool,
    pub archived: bool,
}

#[derive(Debug)]
pub struct Post {
    pub id: i64,
    pub room: i64,
    pub sender: i64,
    /// None once it is deleted.
    pub content: Option<&'static str>,
    pub words: &'static [&'static str],
    pub parent: Option<i64>,
    pub edited: bool,
    pub deleted: bool,
    /// What the sender named it, and the content that came with that name.
    pub temp: Option<(String, &'static str)>,
    /// In the order in which they came.
    pub reactions: Vec<(i64, &'static str)>,
}

/// A durable event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: &'static str,
    pub room: i64,
    pub actor: i64,
    /// The participant that it is about.
    pub subject: Option<i64>,
    pub message: Option<i64>,
}

/// Why something is refused: a code of the protocol.
pub type Code = &'static str;

impl Seat {
    pub fn new(user: i64, role: &'static str, marker: Option<i64>) -> Self {
        Self { user, role, marker, muted: false, pinned: false, archived: false }
    }
}

impl Room {
    pub fn seat(&self, user: i64) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.user == user)
    }

    pub fn seat_mut(&mut self, user: i64) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.user == user)
    }
}

impl Chat {
    /// The open rooms of somebody, by id.
    pub fn rooms_of(&self, user: i64) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(move |room| !room.closed && room.seat(user).is_some())
    }

    /// The open rooms of somebody as they are listed: pinned ones first, then by the latest activity.
    pub fn listed(&self, user: i64) -> Vec<&Room> {
        let mut rooms: Vec<&Room> = self.rooms_of(user).collect();
        rooms.sort_by_key(|room| {
            let pinned = room.seat(user).is_some_and(|seat| seat.pinned);
            std::cmp::Reverse((pinned, room.active, room.id))
        });
        rooms
    }

    /// What was said in a room, tombstones included, oldest first.
    pub fn posts_of(&self, room: i64, ids: RangeInclusive<i64>) -> impl DoubleEndedIterator<Item = &Post> {
        self.posts.range(ids).map(|(_, post)| post).filter(move |post| post.room == room)
    }

    pub fn newest(&self, room: i64) -> Option<i64> {
        self.posts_of(room, EVERYTHING).next_back().map(|post| post.id)
    }

    pub fn replies_to(&self, message: i64) -> impl Iterator<Item = &Post> {
        self.posts.values().filter(move |post| post.parent == Some(message))
    }

    /// Newer than the marker, not one's own, not deleted.
    pub fn unread(&self, room: &Room, user: i64) -> usize {
        let marker = room.seat(user).and_then(|seat| seat.marker).unwrap_or(0);
        let newer = self.posts_of(room.id, marker + 1..=i64::MAX);
        newer.filter(|post| post.sender != user && !post.deleted).count()
    }

    /// Who has read a message, the first ones first.
    pub fn readers(&self, message: &Post) -> Vec<i64> {
        let room = &self.rooms[&message.room];
        let mut readers = Vec::new();
        for (user, above, up_to) in &room.moves {
            let present = *user != message.sender && room.seat(*user).is_some();
            if present && (above + 1..=*up_to).contains(&message.id) && !readers.contains(user) {
                readers.push(*user);
            }
        }
        readers
    }

    /// What somebody who comes back after everything gets told: all of the open rooms that they are in, their own
    /// settings but nobody else's, of rooms that were deleted the deletion, and of those they are not in their removal.
    pub fn told(&self, user: i64) -> Vec<&Entry> {
        let inside = |entry: &Entry| {
            let room = &self.rooms[&entry.room];
            room.seat(user).is_some() && (!room.closed || entry.kind == "conversation.deleted")
        };
        let visible = |entry: &&Entry| match entry.kind {
            "settings.changed" => entry.actor == user && inside(entry),
            "participant.removed" if entry.subject == Some(user) => true,
            _ => inside(entry),
        };
        self.log.iter().filter(visible).collect()
    }

    pub fn name_of(&self, user: i64) -> &str {
        self.people.iter().find(|(id, _)| *id == user).map_or("", |(_, name)| name)
    }

    pub fn say(&mut self, kind: &'static str, room: i64, actor: i64) {
        self.log.push(Entry { kind, room, actor, subject: None, message: None });
    }

    pub fn say_of(&mut self, kind: &'static str, room: i64, actor: i64, subject: i64) {
        self.log.push(Entry { kind, room, actor, subject: Some(subject), message: None });
    }

    pub fn say_message(&mut self, kind: &'static str, room: i64, actor: i64, message: i64) {
        self.log.push(Entry { kind, room, actor, subject: None, message: Some(message) });
    }
}
