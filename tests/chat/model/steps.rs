//! What people do, as generated: a step is a handful of numbers that mean something in every state of the model, so
//! that steps can be left out and the rest still makes sense.

use proptest::prelude::{Strategy, any};

use super::chat::{Chat, EVERYTHING};

/// A user that nobody has seen, and an id that no conversation and no message has.
pub const NOBODY: i64 = 9_007_199_254_740_990;

/// One generated step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which of the four.
    pub who: usize,
    /// Which of the doors that have it.
    pub door: u8,
    kind: u8,
    picks: [u16; 4],
}

/// Steps of one case, after the [`opening`].
const STEPS: usize = 40;

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..4usize, any::<u8>(), 0..100u8, any::<[u16; 4]>());
    let step = step.prop_map(|(who, door, kind, picks)| Step { who, door, kind, picks });
    proptest::collection::vec(step, STEPS)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Muted,
    Pinned,
    Archived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Add,
    Remove,
    Toggle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Newest,
    Before(i64),
    After(i64),
}

/// A step with the ids that it means in one state of the chat.
#[derive(Debug, Clone)]
pub enum Act {
    Group { name: &'static str, with: Vec<i64> },
    Direct { user: i64 },
    Update { room: i64, name: Option<&'static str>, reactions: Option<bool>, replies: Option<bool> },
    Leave { room: i64 },
    Close { room: i64 },
    Transfer { room: i64, user: i64 },
    Role { room: i64, user: i64, role: &'static str },
    Add { room: i64, users: Vec<i64> },
    Remove { room: i64, user: i64 },
    Set { room: i64, setting: Setting, on: bool },
    Send { room: i64, text: &'static Text, parent: Option<i64>, temp: Option<String> },
    Edit { message: i64, text: &'static Text },
    Erase { message: i64 },
    React { message: i64, emoji: &'static str, how: How },
    Read { room: i64, up_to: Option<i64> },
    Type { room: i64, typing: bool },
    Page { room: i64, window: Window, limit: i64 },
    Thread { message: i64, after: Option<i64>, limit: i64 },
    Find { room: i64, query: &'static Query, limit: i64 },
    FindRooms { query: &'static str },
    Open { room: i64 },
}

/// A text that is sent, what the protocol makes of it, and the words that it is found by.
#[derive(Debug)]
pub struct Text {
    pub raw: &'static str,
    pub kept: Kept,
    pub words: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Byte for byte.
    Whole,
    /// Nothing can be seen of it.
    Blank,
    /// It holds what no text may hold.
    Broken,
}

const fn text(raw: &'static str, kept: Kept, words: &'static [&'static str]) -> Text {
    Text { raw, kept, words }
}

const TEXTS: [Text; 12] = [
    text("Hello world", Kept::Whole, &["hello", "world"]),
    text("hello again, and again", Kept::Whole, &["hello", "again", "and"]),
    text("1 < 2 && \"x\"", Kept::Whole, &["1", "2", "x"]),
    text("<b>Bold</b> move", Kept::Whole, &["bold", "move"]),
    text("&lt;b&gt; stays\tas it\nis ", Kept::Whole, &["lt", "b", "gt", "stays", "as", "it", "is"]),
    text("Grüße 100%", Kept::Whole, &["grusse", "100"]),
    text("  two  spaces ", Kept::Whole, &["two", "spaces"]),
    text("", Kept::Blank, &[]),
    text(" \n\t", Kept::Blank, &[]),
    text("\u{200B}", Kept::Blank, &[]),
    text("<script>alert(1)</script>", Kept::Blank, &[]),
    text("bell\u{7}", Kept::Broken, &[]),
];

/// What is looked for, and its words; none where the query is refused.
#[derive(Debug)]
pub struct Query {
    pub raw: &'static str,
    pub words: Option<&'static [&'static str]>,
}

const QUERIES: [Query; 8] = [
    Query { raw: "hel", words: Some(&["hel"]) },
    Query { raw: " WORLD hello ", words: Some(&["world", "hello"]) },
    Query { raw: "grusse", words: Some(&["grusse"]) },
    Query { raw: "b", words: Some(&["b"]) },
    Query { raw: "a", words: Some(&["a"]) },
    Query { raw: "ello", words: Some(&["ello"]) },
    Query { raw: "% _ \" '", words: Some(&[]) },
    Query { raw: "  ", words: None },
];

const NAMES: [&str; 6] = ["Team", "Other Team", "Größe", "The Board", "", "<b>no</b>"];
const EMOJIS: [&str; 6] = ["👍", "🎉", "❤️", "👩‍🚀", "👍👍", "x"];
const ROLES: [&str; 3] = ["ADMIN", "MEMBER", "OWNER"];
/// What each kind of step weighs, of 100.
const KINDS: [(u8, Kind); 21] = [
    (6, Kind::Group),
    (9, Kind::Direct),
    (12, Kind::Update),
    (14, Kind::Leave),
    (15, Kind::Close),
    (17, Kind::Transfer),
    (20, Kind::Role),
    (25, Kind::Add),
    (29, Kind::Remove),
    (34, Kind::Set),
    (59, Kind::Send),
    (64, Kind::Edit),
    (69, Kind::Erase),
    (78, Kind::React),
    (86, Kind::Read),
    (87, Kind::Type),
    (91, Kind::Page),
    (93, Kind::Thread),
    (96, Kind::Find),
    (97, Kind::FindRooms),
    (100, Kind::Open),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Group,
    Direct,
    Update,
    Leave,
    Close,
    Transfer,
    Role,
    Add,
    Remove,
    Set,
    Send,
    Edit,
    Erase,
    React,
    Read,
    Type,
    Page,
    Thread,
    Find,
    FindRooms,
    Open,
}

/// How every case begins, so that there is something to talk about: who does it, and what. None once it is over.
pub fn opening(chat: &Chat, place: usize) -> Option<(usize, Act)> {
    let people: Vec<i64> = chat.people.iter().map(|(id, _)| *id).collect();
    let room = chat.rooms.keys().next().copied().unwrap_or(NOBODY);
    let say = |text| Act::Send { room, text, parent: None, temp: None };
    match place {
        0 => Some((0, Act::Group { name: NAMES[0], with: people })),
        1 => Some((1, say(&TEXTS[0]))),
        2 => Some((0, say(&TEXTS[3]))),
        3 => Some((1, Act::Direct { user: people[0] })),
        _ => None,
    }
}

fn of<T: Clone>(list: &[T], pick: u16) -> T {
    list[usize::from(pick) % list.len()].clone()
}

/// Mostly one that is taken.
fn text_of(pick: u16) -> &'static Text {
    &TEXTS[usize::from(pick / 4) % if pick.is_multiple_of(4) { TEXTS.len() } else { 7 }]
}

/// As with [`text_of`].
fn name_of(pick: u16) -> &'static str {
    if pick.is_multiple_of(4) { of(&NAMES, pick / 4) } else { NAMES[usize::from(pick / 4) % 4] }
}

/// Half of the time one of their own.
fn own(chat: &Chat, me: i64, pick: u16) -> Option<i64> {
    let own: Vec<i64> = chat.posts.values().filter(|post| post.sender == me).map(|post| post.id).collect();
    (pick.is_multiple_of(2) && !own.is_empty()).then(|| of(&own, pick / 2))
}

/// None more often than not.
fn maybe<T>(pick: u16, some: impl FnOnce(u16) -> T) -> Option<T> {
    (pick.is_multiple_of(3)).then(|| some(pick / 3))
}

impl Step {
    /// What the step means now.
    pub fn means(&self, chat: &Chat) -> Act {
        let [a, b, c, d] = self.picks;
        let me = chat.people[self.who].0;
        let room = room(chat, me, a);
        let message = message(chat, me, a);
        let kind = KINDS.iter().find(|(below, _)| self.kind < *below).expect("the weights end at 100").1;
        match kind {
            Kind::Group => Act::Group { name: name_of(a), with: users(chat, b) },
            Kind::Direct => Act::Direct { user: user(chat, a) },
            Kind::Update => Act::Update {
                room,
                name: maybe(b, name_of),
                reactions: maybe(c, |pick| pick % 2 == 0),
                replies: maybe(d, |pick| pick % 2 == 0),
            },
            Kind::Leave => Act::Leave { room },
            Kind::Close => Act::Close { room },
            Kind::Transfer => Act::Transfer { room, user: user(chat, b) },
            Kind::Role => Act::Role { room, user: user(chat, b), role: of(&ROLES, c) },
            Kind::Add => Act::Add { room, users: users(chat, b) },
            Kind::Remove => Act::Remove { room, user: user(chat, b) },
            Kind::Set => {
                Act::Set { room, setting: of(&[Setting::Muted, Setting::Pinned, Setting::Archived], b), on: c % 3 > 0 }
            }
            Kind::Send => Act::Send {
                room,
                text: text_of(b),
                parent: maybe(c, |pick| post_in(chat, room, pick).unwrap_or(message)),
                temp: maybe(d, |pick| format!("temp-{}", pick % 3)),
            },
            Kind::Edit => Act::Edit { message: own(chat, me, d).unwrap_or(message), text: text_of(b) },
            Kind::Erase => Act::Erase { message: own(chat, me, d).unwrap_or(message) },
            Kind::React => Act::React {
                message,
                // The first two are the common ones.
                emoji: if b.is_multiple_of(4) { of(&EMOJIS, c) } else { EMOJIS[usize::from(c % 2)] },
                how: of(&[How::Add, How::Remove, How::Toggle], d),
            },
            Kind::Read => Act::Read {
                room,
                up_to: (b % 2 == 0)
                    .then(|| if c % 8 == 0 { message } else { post_in(chat, room, c).unwrap_or(message) }),
            },
            Kind::Type => Act::Type { room, typing: b % 2 == 0 },
            Kind::Page => Act::Page {
                room,
                window: match b % 3 {
                    0 => Window::Newest,
                    1 => Window::Before(post_in(chat, room, c).unwrap_or(NOBODY)),
                    _ => Window::After(post_in(chat, room, c).unwrap_or(1)),
                },
                limit: i64::from(d % 4),
            },
            Kind::Thread => {
                Act::Thread { message, after: maybe(b, |pick| self::message(chat, me, pick)), limit: i64::from(c % 4) }
            }
            Kind::Find => {
                Act::Find { room, query: &QUERIES[usize::from(b) % QUERIES.len()], limit: 1 + i64::from(c % 3) }
            }
            Kind::FindRooms => Act::FindRooms { query: of(&["team", "GRÖSSE", "größ", "the", ""], b) },
            Kind::Open => Act::Open { room },
        }
    }
}

/// Mostly one that this person is in, at times any that there ever was, seldom none.
fn room(chat: &Chat, me: i64, pick: u16) -> i64 {
    let mine: Vec<i64> = chat.rooms_of(me).map(|room| room.id).collect();
    let all: Vec<i64> = chat.rooms.keys().copied().collect();
    match pick % 32 {
        0 => NOBODY,
        1..=3 if !all.is_empty() => of(&all, pick / 32),
        _ if !mine.is_empty() => of(&mine, pick / 32),
        _ => all.last().copied().unwrap_or(NOBODY),
    }
}

/// As with [`room`].
fn message(chat: &Chat, me: i64, pick: u16) -> i64 {
    let all: Vec<i64> = chat.posts.keys().copied().collect();
    let mine: Vec<i64> =
        chat.rooms_of(me).flat_map(|room| chat.posts_of(room.id, EVERYTHING)).map(|post| post.id).collect();
    match pick % 32 {
        0 => NOBODY,
        1..=3 if !all.is_empty() => of(&all, pick / 32),
        _ if !mine.is_empty() => of(&mine, pick / 32),
        _ => all.last().copied().unwrap_or(NOBODY),
    }
}

fn post_in(chat: &Chat, room: i64, pick: u16) -> Option<i64> {
    let posts: Vec<i64> = chat.posts_of(room, EVERYTHING).map(|post| post.id).collect();
    (!posts.is_empty()).then(|| of(&posts, pick))
}

fn user(chat: &Chat, pick: u16) -> i64 {
    if pick.is_multiple_of(32) { NOBODY } else { of(&chat.people, pick).0 }
}

/// Any of the four, and seldom somebody unknown; a name may be said twice.
fn users(chat: &Chat, pick: u16) -> Vec<i64> {
    let named = (0..4).filter(|place| pick >> place & 1 == 1).map(|place| chat.people[place].0);
    let twice = (pick >> 4 & 1 == 1).then(|| chat.people[0].0);
    let unknown = (pick >> 5 & 7 == 7).then_some(NOBODY);
    named.chain(twice).chain(unknown).collect()
}
