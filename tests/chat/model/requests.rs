//! How each door is asked for an act, if it has it.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::steps::{Act, How, Setting, Window};

pub const MESSAGE: &str = "id conversationId messageType content senderId senderName parentMessageId replyCount isEdited \
    isDeleted attachments { id } reactionSummary { emoji count viewerReacted } createdAt editedAt tempId";
const REACTED: &str = "emoji added reactionSummary { emoji count viewerReacted }";

/// The fields of a conversation.
pub fn conversation() -> String {
    format!(
        "id type name description createdById participants {{ userId userName role lastReadMessageId }} \
         participantCount lastMessage {{ {MESSAGE} }} unreadCount muted pinned archived allowReactions allowReplies \
         createdAt"
    )
}

/// Method, path and body; null for none.
pub fn rest(act: &Act) -> Option<(Method, String, Json)> {
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    Some(match act {
        Act::Group { name, with } => (post, "/conversations".into(), json!({ "name": name, "participantIds": with })),
        Act::Direct { user } => (post, format!("/conversations/direct/{user}"), Json::Null),
        Act::Update { room, name, reactions, replies } => {
            let body = json!({ "name": name, "allowReactions": reactions, "allowReplies": replies });
            (put, format!("/conversations/{room}"), body)
        }
        Act::Leave { room } => (delete, format!("/conversations/{room}"), Json::Null),
        Act::Close { .. } | Act::Transfer { .. } | Act::Role { .. } | Act::Type { .. } => return None,
        Act::Add { room, users } => (post, format!("/conversations/{room}/participants"), json!({ "userIds": users })),
        Act::Remove { room, user } => (delete, format!("/conversations/{room}/participants/{user}"), Json::Null),
        Act::Set { room, setting, on } => {
            let (path, name) = match setting {
                Setting::Muted => ("mute", "muted"),
                Setting::Pinned => ("pin", "pinned"),
                Setting::Archived => ("archive", "archived"),
            };
            (put, format!("/conversations/{room}/{path}?{name}={on}"), Json::Null)
        }
        Act::Send { room, text, parent, temp } => {
            let body = json!({ "content": text.raw, "parentMessageId": parent, "tempId": temp });
            (post, format!("/conversations/{room}/messages"), body)
        }
        Act::Edit { message, text } => (put, format!("/messages/{message}"), json!({ "content": text.raw })),
        Act::Erase { message } => (delete, format!("/messages/{message}"), Json::Null),
        Act::React { message, emoji, how } => {
            let path = format!("/messages/{message}/reactions");
            match how {
                How::Add => (post, path, json!({ "emoji": emoji })),
                How::Toggle => (post, format!("{path}/toggle"), json!({ "emoji": emoji })),
                How::Remove => (delete, format!("{path}/{emoji}"), Json::Null),
            }
        }
        Act::Read { room, up_to } => {
            let body = up_to.map_or(Json::Null, |up_to| json!({ "lastReadMessageId": up_to }));
            (post, format!("/conversations/{room}/read"), body)
        }
        Act::Page { room, window, limit } => {
            let window = match window {
                Window::Newest => String::new(),
                Window::Before(id) => format!("&before={id}"),
                Window::After(id) => format!("&after={id}"),
            };
            (get, format!("/conversations/{room}/messages?limit={limit}{window}"), Json::Null)
        }
        Act::Thread { message, after, limit } => {
            let after = after.map_or(String::new(), |after| format!("&after={after}"));
            (get, format!("/messages/{message}/thread?limit={limit}{after}"), Json::Null)
        }
        Act::Find { room, query, limit } => {
            let query = encoded(query.raw);
            (get, format!("/conversations/{room}/messages/search?limit={limit}&query={query}"), Json::Null)
        }
        Act::FindRooms { query } => (get, format!("/conversations/search?query={}", encoded(query)), Json::Null),
        Act::Open { room } => (get, format!("/conversations/{room}"), Json::Null),
    })
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Document and variables; the field that answers is called `it`.
pub fn graphql(act: &Act) -> Option<(String, Json)> {
    let conversation = conversation();
    let change = |field: &str, types: &str, fields: &str, variables: Json| {
        let arguments: Vec<String> = types
            .split(", ")
            .filter_map(|each| each.split_once(": "))
            .map(|(name, _)| format!("{name}: ${name}"))
            .collect();
        let declared: Vec<String> = types.split(", ").map(|each| format!("${each}")).collect();
        let fields = if fields.is_empty() { String::new() } else { format!("{{ {fields} }}") };
        let document =
            format!("mutation({}) {{ it: {field}({}) {fields} }}", declared.join(", "), arguments.join(", "));
        Some((document, variables))
    };
    match act {
        Act::Group { name, with } => {
            let input = json!({ "input": { "name": name, "participantIds": with } });
            change("createGroup", "input: CreateGroupInput!", &conversation, input)
        }
        Act::Direct { user } => change("openDirect", "userId: ID!", &conversation, json!({ "userId": user })),
        Act::Update { room, name, reactions, replies } => {
            let input = json!({ "name": name, "allowReactions": reactions, "allowReplies": replies });
            let types = "conversationId: ID!, input: UpdateConversationInput!";
            change("updateConversation", types, &conversation, json!({ "conversationId": room, "input": input }))
        }
        Act::Leave { room } => {
            change("leaveConversation", "conversationId: ID!", "", json!({ "conversationId": room }))
        }
        Act::Close { room } => {
            change("deleteConversation", "conversationId: ID!", "", json!({ "conversationId": room }))
        }
        Act::Transfer { room, user } => {
            let variables = json!({ "conversationId": room, "userId": user });
            change("transferOwnership", "conversationId: ID!, userId: ID!", &conversation, variables)
        }
        Act::Role { room, user, role } => {
            let variables = json!({ "conversationId": room, "userId": user, "role": role });
            change("setParticipantRole", "conversationId: ID!, userId: ID!, role: Role!", &conversation, variables)
        }
        Act::Add { room, users } => {
            let variables = json!({ "conversationId": room, "userIds": users });
            change("addParticipants", "conversationId: ID!, userIds: [ID!]!", &conversation, variables)
        }
        Act::Remove { room, user } => {
            let variables = json!({ "conversationId": room, "userId": user });
            change("removeParticipant", "conversationId: ID!, userId: ID!", "", variables)
        }
        Act::Set { room, setting, on } => {
            let (field, name) = match setting {
                Setting::Muted => ("setMuted", "muted"),
                Setting::Pinned => ("setPinned", "pinned"),
                Setting::Archived => ("setArchived", "archived"),
            };
            let variables = json!({ "conversationId": room, name: on });
            change(field, &format!("conversationId: ID!, {name}: Boolean!"), &conversation, variables)
        }
        Act::Send { room, text, parent, temp } => {
            let input =
                json!({ "conversationId": room, "content": text.raw, "parentMessageId": parent, "tempId": temp });
            change("sendMessage", "input: SendMessageInput!", MESSAGE, json!({ "input": input }))
        }
        Act::Edit { message, text } => {
            let variables = json!({ "messageId": message, "content": text.raw });
            change("editMessage", "messageId: ID!, content: String!", MESSAGE, variables)
        }
        Act::Erase { message } => change("deleteMessage", "messageId: ID!", MESSAGE, json!({ "messageId": message })),
        Act::React { message, emoji, how } => {
            let field = match how {
                How::Add => "addReaction",
                How::Remove => "removeReaction",
                How::Toggle => "toggleReaction",
            };
            let variables = json!({ "messageId": message, "emoji": emoji });
            change(field, "messageId: ID!, emoji: String!", REACTED, variables)
        }
        Act::Read { room, up_to } => {
            let variables = json!({ "conversationId": room, "lastReadMessageId": up_to });
            let fields = "conversationId lastReadMessageId readAt unreadCount";
            change("markRead", "conversationId: ID!, lastReadMessageId: ID", fields, variables)
        }
        Act::Type { room, typing } => {
            let variables = json!({ "conversationId": room, "typing": typing });
            change("setTyping", "conversationId: ID!, typing: Boolean!", "", variables)
        }
        // What is refused for two reasons may be refused for either of them, so bad limits go through one door.
        Act::Page { room, window: Window::Newest, limit } if *limit > 0 => {
            let page = format!("messages(last: {limit}) {{ nodes {{ {MESSAGE} }} pageInfo {{ hasPreviousPage }} }}");
            Some((format!("query($id: ID!) {{ it: conversation(id: $id) {{ {page} }} }}"), json!({ "id": room })))
        }
        Act::Thread { message, after: None, limit } if *limit > 0 => {
            let page = format!("replies(first: {limit}) {{ nodes {{ {MESSAGE} }} pageInfo {{ hasNextPage }} }}");
            Some((format!("query($id: ID!) {{ it: message(id: $id) {{ {page} }} }}"), json!({ "id": message })))
        }
        Act::Page { .. } | Act::Thread { .. } => None,
        Act::Find { room, query, limit } => {
            let page = format!("nodes {{ {MESSAGE} }} pageInfo {{ hasNextPage }}");
            let document = format!(
                "query($id: ID!, $query: String!) {{ it: searchMessages(conversationId: $id, query: $query, \
                 first: {limit}) {{ {page} }} }}"
            );
            Some((document, json!({ "id": room, "query": query.raw })))
        }
        Act::FindRooms { query } => {
            let document = "query($query: String!) { it: conversations(search: $query) { nodes { id } } }";
            Some((document.into(), json!({ "query": query })))
        }
        Act::Open { room } => Some((
            format!("query($id: ID!) {{ it: conversation(id: $id) {{ {conversation} }} }}"),
            json!({ "id": room }),
        )),
    }
}

/// Destination and body.
pub fn stomp(act: &Act) -> Option<(&'static str, Json)> {
    match act {
        Act::Send { room, text, parent, temp } => Some((
            "/app/chat.send",
            json!({ "conversationId": room, "content": text.raw, "parentMessageId": parent, "tempId": temp }),
        )),
        Act::Read { room, up_to } => {
            Some(("/app/chat.markRead", json!({ "conversationId": room, "lastReadMessageId": up_to })))
        }
        Act::React { message, emoji, how } if *how != How::Toggle => {
            Some(("/app/chat.reaction", json!({ "messageId": message, "emoji": emoji, "add": *how == How::Add })))
        }
        Act::Type { room, typing } => Some(("/app/chat.typing", json!({ "conversationId": room, "typing": typing }))),
        _ => None,
    }
}
