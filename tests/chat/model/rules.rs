//! The rules of the protocol on the model: what an act comes to, or why it is refused.

use serde_json::{Value as Json, json};

use super::chat::{Chat, Code, EVERYTHING, Post, Room, Seat};
use super::steps::{Act, How, Kept, NOBODY, Setting, Text, Window};

/// The id and the time of what the server made, where it made something.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    pub id: i64,
    pub at: i64,
}

/// What an act comes to.
#[derive(Debug)]
pub struct Told {
    pub data: Json,
    /// Whether something was made, where that is told.
    pub created: Option<bool>,
}

type Outcome = Result<Told, Code>;

const BAD: Code = "BAD_REQUEST";
const FORBIDDEN: Code = "FORBIDDEN";
const NOT_FOUND: Code = "NOT_FOUND";
const CONFLICT: Code = "CONFLICT";

fn told(data: Json) -> Outcome {
    Ok(Told { data, created: None })
}

fn must(rule: bool, code: Code) -> Result<(), Code> {
    if rule { Ok(()) } else { Err(code) }
}

impl Chat {
    /// Does it, or says why not.
    pub fn act(&mut self, me: i64, act: &Act, made: Made) -> Outcome {
        match act {
            Act::Group { name, with } => self.create_group(me, name, with, made),
            Act::Direct { user } => self.open_direct(me, *user, made),
            Act::Update { room, name, reactions, replies } => self.update(me, *room, *name, *reactions, *replies),
            Act::Leave { room } => self.leave(me, *room),
            Act::Close { room } => {
                self.group(me, *room, &["OWNER"])?;
                self.close(me, *room);
                told(Json::Null)
            }
            Act::Transfer { room, user } => self.transfer(me, *room, *user),
            Act::Role { room, user, role } => self.set_role(me, *room, *user, role),
            Act::Add { room, users } => self.add(me, *room, users),
            Act::Remove { room, user } => self.remove(me, *room, *user),
            Act::Set { room, setting, on } => self.set(me, *room, *setting, *on),
            Act::Send { room, text, parent, temp } => self.send(me, *room, text, *parent, temp.clone(), made),
            Act::Edit { message, text } => self.edit(me, *message, text),
            Act::Erase { message } => self.erase(me, *message),
            Act::React { message, emoji, how } => self.react(me, *message, emoji, *how),
            Act::Read { room, up_to } => self.read(me, *room, *up_to),
            Act::Type { room, .. } => self.inside(me, *room).and(told(Json::Null)),
            Act::Page { room, window, limit } => {
                must(*limit > 0, BAD)?;
                self.inside(me, *room)?;
                let (ids, backwards) = match window {
                    Window::Newest => (EVERYTHING, true),
                    Window::Before(id) => (0..=id - 1, true),
                    Window::After(id) => (id + 1..=i64::MAX, false),
                };
                let all: Vec<&Post> = self.posts_of(*room, ids).collect();
                told(self.page(me, &all, *limit, backwards))
            }
            Act::Thread { message, after, limit } => {
                must(*limit > 0, BAD)?;
                self.find(me, *message)?;
                let all: Vec<&Post> =
                    self.replies_to(*message).filter(|post| after.is_none_or(|after| post.id > after)).collect();
                told(self.page(me, &all, *limit, false))
            }
            Act::Find { room, query, limit } => {
                let wanted = query.words.ok_or(BAD)?;
                self.inside(me, *room)?;
                let begins = |post: &Post, wanted: &str| post.words.iter().any(|word| word.starts_with(wanted));
                let found = |post: &&Post| {
                    !wanted.is_empty() && !post.deleted && wanted.iter().all(|wanted| begins(post, wanted))
                };
                let all: Vec<&Post> = self.posts_of(*room, EVERYTHING).rev().filter(found).collect();
                told(self.page(me, &all, *limit, false))
            }
            Act::FindRooms { query } => {
                must(!query.is_empty(), BAD)?;
                let found = self.listed(me).into_iter().filter(|room| {
                    !room.direct && room.name.is_some_and(|name| name.to_lowercase().contains(&query.to_lowercase()))
                });
                told(found.map(|room| room.id).collect())
            }
            Act::Open { room } => {
                self.inside(me, *room)?;
                told(self.room_for(me, *room))
            }
        }
    }

    /// A page of these, from their end if `backwards`; in their order all the same.
    fn page(&self, me: i64, all: &[&Post], limit: i64, backwards: bool) -> Json {
        let limit = usize::try_from(limit).expect("a small number").min(all.len());
        let cut = if backwards { &all[all.len() - limit..] } else { &all[..limit] };
        let messages: Vec<Json> = cut.iter().map(|post| self.message_for(me, post.id)).collect();
        json!({ "messages": messages, "more": all.len() > limit })
    }

    /// The room, if it is open and they are in it.
    fn inside(&self, me: i64, room: i64) -> Result<&Room, Code> {
        let room = self.rooms.get(&room).filter(|room| !room.closed).ok_or(NOT_FOUND)?;
        must(room.seat(me).is_some(), FORBIDDEN)?;
        Ok(room)
    }

    /// The room, if it is a group and they have one of these roles.
    fn group(&self, me: i64, room: i64, roles: &[&str]) -> Result<&Room, Code> {
        let room = self.inside(me, room)?;
        must(!room.direct, BAD)?;
        must(room.seat(me).is_some_and(|seat| roles.is_empty() || roles.contains(&seat.role)), FORBIDDEN)?;
        Ok(room)
    }

    /// The message, if they are in its room.
    fn find(&self, me: i64, message: i64) -> Result<&Post, Code> {
        let post = self.posts.get(&message).ok_or(NOT_FOUND)?;
        self.inside(me, post.room)?;
        Ok(post)
    }

    fn open(&mut self, room: i64) -> &mut Room {
        self.rooms.get_mut(&room).expect("it was found")
    }

    fn seat(&mut self, room: i64, user: i64) -> &mut Seat {
        self.open(room).seat_mut(user).expect("they are in it")
    }

    fn post(&mut self, message: i64) -> &mut Post {
        self.posts.get_mut(&message).expect("it was found")
    }

    fn create_group(&mut self, me: i64, name: &'static str, with: &[i64], made: Made) -> Outcome {
        must(!name.is_empty() && !name.contains('<'), BAD)?;
        must(!with.contains(&NOBODY), NOT_FOUND)?;
        let mut seats = vec![Seat::new(me, "OWNER", None)];
        for user in with {
            if seats.iter().all(|seat| seat.user != *user) {
                seats.push(Seat::new(*user, "MEMBER", None));
            }
        }
        self.make(me, Some(name), seats, made)
    }

    fn open_direct(&mut self, me: i64, user: i64, made: Made) -> Outcome {
        must(user != me, BAD)?;
        must(user != NOBODY, NOT_FOUND)?;
        let pair = |room: &&Room| room.direct && room.seat(me).is_some() && room.seat(user).is_some();
        if let Some(room) = self.rooms.values().find(pair) {
            return Ok(Told { data: self.room_for(me, room.id), created: Some(false) });
        }
        self.make(me, None, vec![Seat::new(me, "MEMBER", None), Seat::new(user, "MEMBER", None)], made)
    }

    fn make(&mut self, me: i64, name: Option<&'static str>, seats: Vec<Seat>, made: Made) -> Outcome {
        let Made { id, at } = made;
        let (direct, closed, reactions, replies) = (name.is_none(), false, true, true);
        let moves = Vec::new();
        let room = Room { id, direct, name, creator: me, seats, closed, reactions, replies, active: at, moves };
        self.rooms.insert(id, room);
        self.say("conversation.created", id, me);
        Ok(Told { data: self.room_for(me, id), created: Some(true) })
    }

    fn update(
        &mut self,
        me: i64,
        room: i64,
        name: Option<&'static str>,
        reactions: Option<bool>,
        replies: Option<bool>,
    ) -> Outcome {
        must(name.is_none_or(|name| !name.is_empty() && !name.contains('<')), BAD)?;
        self.group(me, room, &["OWNER", "ADMIN"])?;
        let open = self.open(room);
        let before = (open.name, open.reactions, open.replies);
        let after = (name.or(open.name), reactions.unwrap_or(open.reactions), replies.unwrap_or(open.replies));
        (open.name, open.reactions, open.replies) = after;
        // What is so already is told to nobody.
        if before != after {
            self.say("conversation.updated", room, me);
        }
        told(self.room_for(me, room))
    }

    fn leave(&mut self, me: i64, room: i64) -> Outcome {
        self.group(me, room, &[])?;
        let was_owner = self.seat(room, me).role == "OWNER";
        self.open(room).seats.retain(|seat| seat.user != me);
        self.say_of("participant.removed", room, me, me);
        let rest = &self.rooms[&room].seats;
        let heir = rest.iter().find(|seat| seat.role == "ADMIN").or(rest.first()).map(|seat| seat.user);
        match heir {
            None => self.close(me, room),
            Some(heir) if was_owner => self.give(me, room, heir, "OWNER"),
            Some(_) => {}
        }
        told(Json::Null)
    }

    fn close(&mut self, me: i64, room: i64) {
        self.open(room).closed = true;
        self.say("conversation.deleted", room, me);
    }

    fn give(&mut self, me: i64, room: i64, user: i64, role: &'static str) {
        self.seat(room, user).role = role;
        self.say_of("participant.role_changed", room, me, user);
    }

    fn transfer(&mut self, me: i64, room: i64, user: i64) -> Outcome {
        let found = self.group(me, room, &["OWNER"])?;
        must(found.seat(user).is_some(), NOT_FOUND)?;
        if user != me {
            self.give(me, room, me, "ADMIN");
            self.give(me, room, user, "OWNER");
        }
        told(self.room_for(me, room))
    }

    fn set_role(&mut self, me: i64, room: i64, user: i64, role: &'static str) -> Outcome {
        let found = self.group(me, room, &["OWNER"])?;
        let before = found.seat(user).ok_or(NOT_FOUND)?.role;
        must(role != "OWNER" && user != me, BAD)?;
        if before != role {
            self.give(me, room, user, role);
        }
        told(self.room_for(me, room))
    }

    fn add(&mut self, me: i64, room: i64, users: &[i64]) -> Outcome {
        must(!users.is_empty(), BAD)?;
        self.group(me, room, &["OWNER", "ADMIN"])?;
        must(!users.contains(&NOBODY), NOT_FOUND)?;
        let newest = self.newest(room);
        for user in users {
            if self.rooms[&room].seat(*user).is_none() {
                self.open(room).seats.push(Seat::new(*user, "MEMBER", newest));
                self.say_of("participant.added", room, me, *user);
            }
        }
        told(self.room_for(me, room))
    }

    fn remove(&mut self, me: i64, room: i64, user: i64) -> Outcome {
        if user == me {
            return self.leave(me, room);
        }
        let found = self.group(me, room, &[])?;
        let mine = found.seat(me).map(|seat| seat.role);
        let theirs = found.seat(user).ok_or(NOT_FOUND)?.role;
        must(matches!((mine, theirs), (Some("OWNER"), _) | (Some("ADMIN"), "MEMBER")), FORBIDDEN)?;
        self.open(room).seats.retain(|seat| seat.user != user);
        self.say_of("participant.removed", room, me, user);
        told(Json::Null)
    }

    fn set(&mut self, me: i64, room: i64, setting: Setting, on: bool) -> Outcome {
        self.inside(me, room)?;
        let seat = self.seat(room, me);
        let value = match setting {
            Setting::Muted => &mut seat.muted,
            Setting::Pinned => &mut seat.pinned,
            Setting::Archived => &mut seat.archived,
        };
        if std::mem::replace(value, on) != on {
            self.say("settings.changed", room, me);
        }
        told(self.room_for(me, room))
    }

    fn send(
        &mut self,
        me: i64,
        room: i64,
        text: &'static Text,
        parent: Option<i64>,
        temp: Option<String>,
        made: Made,
    ) -> Outcome {
        must(text.kept == Kept::Whole, BAD)?;
        let open = self.inside(me, room)?;
        let named =
            |post: &&Post| post.sender == me && temp.is_some() && post.temp.as_ref().map(|(id, _)| id) == temp.as_ref();
        if let Some(post) = self.posts_of(room, EVERYTHING).find(named) {
            let same = post.parent == parent && post.temp.as_ref().is_some_and(|(_, raw)| *raw == text.raw);
            must(same, CONFLICT)?;
            return Ok(Told { data: self.message_for(me, post.id), created: Some(false) });
        }
        if let Some(parent) = parent {
            must(open.replies, FORBIDDEN)?;
            let parent = self.posts.get(&parent).filter(|parent| parent.room == room).ok_or(NOT_FOUND)?;
            must(!parent.deleted, CONFLICT)?;
        }
        let post = Post {
            id: made.id,
            room,
            sender: me,
            content: Some(text.raw),
            words: text.words,
            parent,
            edited: false,
            deleted: false,
            temp: temp.map(|temp| (temp, text.raw)),
            reactions: Vec::new(),
        };
        self.posts.insert(made.id, post);
        self.open(room).active = made.at;
        self.say_message("message.sent", room, me, made.id);
        Ok(Told { data: self.message_for(me, made.id), created: Some(true) })
    }

    fn edit(&mut self, me: i64, message: i64, text: &'static Text) -> Outcome {
        must(text.kept != Kept::Broken, BAD)?;
        let post = self.find(me, message)?;
        must(post.sender == me, FORBIDDEN)?;
        must(!post.deleted, CONFLICT)?;
        must(text.kept == Kept::Whole, BAD)?;
        let post = self.post(message);
        (post.content, post.words, post.edited) = (Some(text.raw), text.words, true);
        let room = post.room;
        self.say_message("message.updated", room, me, message);
        told(self.message_for(me, message))
    }

    fn erase(&mut self, me: i64, message: i64) -> Outcome {
        let post = self.find(me, message)?;
        let room = &self.rooms[&post.room];
        let may = room.seat(me).is_some_and(|seat| seat.role != "MEMBER") && !room.direct;
        must(post.sender == me || may, FORBIDDEN)?;
        let post = self.post(message);
        if !post.deleted {
            (post.content, post.deleted) = (None, true);
            post.reactions.clear();
            let room = post.room;
            self.say_message("message.deleted", room, me, message);
        }
        told(self.message_for(me, message))
    }

    fn react(&mut self, me: i64, message: i64, emoji: &'static str, how: How) -> Outcome {
        must(!["👍👍", "x"].contains(&emoji), BAD)?;
        let post = self.find(me, message)?;
        must(self.rooms[&post.room].reactions, FORBIDDEN)?;
        must(!post.deleted, CONFLICT)?;
        let post = self.post(message);
        let there = post.reactions.contains(&(me, emoji));
        let added = match how {
            How::Add => true,
            How::Remove => false,
            How::Toggle => !there,
        };
        let room = post.room;
        if added && !there {
            post.reactions.push((me, emoji));
            self.say_message("reaction.added", room, me, message);
        } else if !added && there {
            post.reactions.retain(|reaction| *reaction != (me, emoji));
            self.say_message("reaction.removed", room, me, message);
        }
        told(json!({ "emoji": emoji, "added": added, "reactionSummary": self.summary(message) }))
    }

    fn read(&mut self, me: i64, room: i64, up_to: Option<i64>) -> Outcome {
        self.inside(me, room)?;
        if let Some(message) = up_to {
            must(self.posts.get(&message).is_some_and(|post| post.room == room), NOT_FOUND)?;
        }
        let marker = self.seat(room, me).marker;
        if let Some(target) = up_to.or(self.newest(room)).filter(|target| Some(*target) > marker) {
            self.seat(room, me).marker = Some(target);
            self.open(room).moves.push((me, marker.unwrap_or(0), target));
            self.say_message("receipt.moved", room, me, target);
        }
        let found = &self.rooms[&room];
        let marker = found.seat(me).and_then(|seat| seat.marker);
        let moved = found.moves.iter().any(|(user, _, to)| *user == me && Some(*to) == marker);
        let unread = self.unread(found, me);
        told(json!({ "conversationId": room, "lastReadMessageId": marker, "moved": moved, "unreadCount": unread }))
    }
}
