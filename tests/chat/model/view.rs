//! What the model shows: messages, conversations and everything that somebody sees, in the form in which [`super::look`]
//! brings what the doors show.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::chat::{Chat, EVERYTHING, Post, Room};

/// Everything that somebody sees, by what it is.
pub type View = BTreeMap<String, Json>;

impl Chat {
    pub fn message_for(&self, viewer: i64, message: i64) -> Json {
        let post = &self.posts[&message];
        json!({
            "id": post.id,
            "conversationId": post.room,
            "messageType": "TEXT",
            "content": post.content,
            "senderId": post.sender,
            "senderName": self.name_of(post.sender),
            "parentMessageId": post.parent,
            "replyCount": self.replies_to(message).filter(|reply| !reply.deleted).count(),
            "isEdited": post.edited,
            "edited": post.edited,
            "isDeleted": post.deleted,
            "attachments": [],
            "reactionSummary": self.summary(message),
            "tempId": post.temp.as_ref().filter(|_| post.sender == viewer).map(|(id, _)| id),
        })
    }

    /// Emojis and how often each, by emoji.
    pub fn summary(&self, message: i64) -> Json {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, emoji) in &self.posts[&message].reactions {
            *counts.entry(emoji).or_default() += 1;
        }
        json!(counts.into_iter().collect::<Vec<_>>())
    }

    pub fn room_for(&self, viewer: i64, id: i64) -> Json {
        let room = &self.rooms[&id];
        let me = room.seat(viewer).expect("they are in it");
        let other = room.seats.iter().find(|seat| seat.user != viewer && room.direct);
        let people: Vec<Json> =
            room.seats.iter().map(|seat| json!([seat.user, self.name_of(seat.user), seat.role, seat.marker])).collect();
        json!({
            "id": id,
            "type": if room.direct { "DIRECT" } else { "GROUP" },
            "name": other.map(|seat| self.name_of(seat.user)).or(room.name),
            "description": null,
            "createdById": room.creator,
            "participants": people,
            "participantCount": room.seats.len(),
            "lastMessage": self.newest(id).map(|message| self.message_for(viewer, message)),
            "unreadCount": self.unread(room, viewer),
            "muted": me.muted,
            "pinned": me.pinned,
            "archived": me.archived,
            "allowReactions": room.reactions,
            "allowReplies": room.replies,
        })
    }

    /// Everything that they see.
    pub fn shows(&self, viewer: i64) -> View {
        let listed = self.listed(viewer);
        let archived = |room: &&&Room| room.seat(viewer).is_some_and(|seat| seat.archived);
        let shown = |room: &&Room| self.room_for(viewer, room.id);
        let mut counts: Vec<(i64, usize)> = listed.iter().map(|room| (room.id, self.unread(room, viewer))).collect();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_unstable();
        let total: usize = counts.iter().map(|(_, count)| count).sum();
        let mut view = View::from([
            ("rooms".into(), listed.iter().filter(|room| !archived(room)).map(shown).collect()),
            ("archive".into(), listed.iter().filter(archived).map(shown).collect()),
            ("unread".into(), json!({ "totalUnread": total, "conversations": counts })),
        ]);
        for room in listed {
            let posts: Vec<&Post> = self.posts_of(room.id, EVERYTHING).collect();
            let messages = posts.iter().map(|post| self.message_for(viewer, post.id)).collect();
            view.insert(format!("messages/{}", room.id), messages);
            for post in posts {
                view.insert(format!("receipts/{}", post.id), self.readers(post).into());
                view.insert(format!("reactions/{}", post.id), json!(post.reactions));
                let mut own: Vec<&str> =
                    post.reactions.iter().filter(|(user, _)| *user == viewer).map(|(_, emoji)| *emoji).collect();
                own.sort_unstable();
                view.insert(format!("reacted/{}", post.id), json!(own));
            }
        }
        view
    }
}
