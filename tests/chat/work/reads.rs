//! Every read of the doors. What answers with a list asks for so few that both towns have as many.

use serde_json::{Value as Json, json};

use super::meter::Meter;
use super::town::{Town, cursor};
use crate::person::Person;
use crate::stomp_client::Carrier;

/// Somebody of the town.
type Asker = fn(&Town) -> &Person;

/// Who asks, and for what: `{room}` and its like stand for the ids of the town.
const REST: [(&str, Asker, &str); 41] = [
    ("newest page of a long conversation", bob, "/conversations/{room}/messages?limit=50"),
    ("page before a message", bob, "/conversations/{room}/messages?limit=50&before={last}"),
    ("page after a message", bob, "/conversations/{room}/messages?limit=50&after={first}"),
    ("a long conversation", bob, "/conversations/{room}"),
    ("a conversation of somebody who is in many", carol, "/conversations/{shop}"),
    ("page of a conversation of somebody who is in many", carol, "/conversations/{shop}/messages"),
    ("a large group", dave, "/conversations/{crowd}"),
    ("page of a large group", dave, "/conversations/{crowd}/messages"),
    ("conversations, one of them long", bob, "/conversations"),
    ("conversations, 5 of many", carol, "/conversations?limit=5"),
    ("conversations, a large group", dave, "/conversations"),
    ("archived conversations, none of many", carol, "/conversations?archived=true"),
    ("pinned conversations, none of many", carol, "/conversations/pinned"),
    ("unread, all of a long conversation", bob, "/conversations/unread"),
    ("unread, in a large group", member, "/conversations/unread"),
    ("search, a word that occurs once", bob, "/conversations/{room}/messages/search?query=needle&limit=20"),
    ("search, a word of every fourth message", bob, "/conversations/{room}/messages/search?query=fourth&limit=20"),
    ("search, two common words", bob, "/conversations/{room}/messages/search?query=the%20number&limit=20"),
    ("search, a word of others", carol, "/conversations/{shop}/messages/search?query=number&limit=20"),
    ("search, a word that does not occur", bob, "/conversations/{room}/messages/search?query=nowhere"),
    ("attachments, none", bob, "/conversations/{room}/attachments?limit=50"),
    ("thread of many replies", bob, "/messages/{first}/thread?limit=20"),
    ("thread after a reply", bob, "/messages/{first}/thread?limit=20&after={middle}"),
    ("receipts of the newest message", bob, "/messages/{last}/read-receipts"),
    ("receipts of the oldest message", bob, "/messages/{first}/read-receipts"),
    ("reactions to a message", bob, "/messages/{last}/reactions"),
    ("summary of reactions to a message", bob, "/messages/{last}/reactions/summary"),
    ("who is online, 5 of a large group", dave, "/presence?limit=5"),
    ("who is online, of a few", bob, "/presence?limit=5"),
    ("who is online, of one who is in many", carol, "/presence?limit=5"),
    ("presence of a member of a large group", dave, "/presence/{member}"),
    ("presence of somebody, of one who is in many", carol, "/presence/{member}"),
    ("events, none new", bob, "/events?after={head}"),
    ("events, none new, of one who is in many", carol, "/events?after={head}"),
    ("events, none new, in a large group", member, "/events?after={head}"),
    ("events, the first 20 of many", alice, "/events?after={start}&limit=20"),
    ("events, the first 20 of many that are late", member, "/events?after={start}&limit=5"),
    ("events, all of a long log, and few are one's own", root, "/events?after={start}&limit=20"),
    ("where the log stands", bob, "/events"),
    ("search among conversations", bob, "/conversations/search?query=roo"),
    ("pinned conversations, none", bob, "/conversations/pinned"),
];

const GRAPHQL: [(&str, Asker, &str); 28] = [
    ("me", bob, "{ me { id name } }"),
    ("user", bob, "query($member: ID!) { user(id: $member) { name } }"),
    (
        "messages of a long conversation",
        bob,
        "query($room: ID!) { conversation(id: $room) { messages(last: 50) { edges { node { content sender { name } } } } } }",
    ),
    (
        "first messages of a long conversation",
        bob,
        "query($room: ID!) { conversation(id: $room) { messages(first: 50) { edges { node { content sender { name } } } } } }",
    ),
    (
        "a long conversation",
        bob,
        "query($room: ID!) { conversation(id: $room) { name unreadCount lastMessage { content } } }",
    ),
    ("a large group", dave, "query($crowd: ID!) { conversation(id: $crowd) { name participantCount } }"),
    (
        "conversations, 5 of many",
        carol,
        "{ conversations(first: 5) { edges { node { name lastMessage { content } } } } }",
    ),
    ("the last 5 conversations of many", carol, "{ conversations(last: 5) { edges { node { name } } } }"),
    (
        "conversations with messages, 5 of many",
        carol,
        "{ conversations(first: 5) { edges { node { messages(last: 5) { edges { node { content } } } } } } }",
    ),
    (
        "conversations with messages, one of them long",
        bob,
        "{ conversations { edges { node { messages(last: 5) { edges { node { content sender { name } } } } } } } }",
    ),
    (
        "a message and what hangs on it",
        bob,
        "query($first: ID!) { message(id: $first) { content replyCount conversation { name } reactions { emoji } \
         reactionSummary { emoji viewerReacted } replies(first: 5) { edges { node { content parent { id } } } } } }",
    ),
    ("receipts of a message", bob, "query($last: ID!) { message(id: $last) { readReceipts { user { name } } } }"),
    ("search everywhere, once", bob, "{ searchMessages(query: \"needle\", first: 20) { edges { node { content } } } }"),
    (
        "search everywhere, common",
        bob,
        "{ searchMessages(query: \"number\", first: 20) { edges { node { content } } } }",
    ),
    (
        "search everywhere, of others",
        carol,
        "{ searchMessages(query: \"number\", first: 20) { edges { node { content } } } }",
    ),
    ("unread", bob, "{ unread { totalUnread conversations { conversationId unreadCount } } }"),
    ("presence", dave, "query($member: ID!) { presence(userIds: [$member]) { status } }"),
    ("online users, of a few", bob, "{ onlineUsers { status } }"),
    (
        "sync, the first of many",
        alice,
        "query($start: String) { sync(after: $start, first: 20) { cursor events { __typename } } }",
    ),
    ("people of a large group by name", dave, "{ users(search: \"memb\", first: 5) { nodes { name } } }"),
    ("people of a few by name", bob, "{ users(search: \"al\", first: 5) { nodes { name } } }"),
    ("people of one who is in many", carol, "{ users(first: 2) { nodes { name } } }"),
    ("everybody by a common name", root, "{ users(search: \"memb\", first: 5) { nodes { name } } }"),
    ("everybody by a rare name", root, "{ users(search: \"memb 1042\", first: 5) { nodes { name } } }"),
    ("everybody", root, "{ users(first: 5) { nodes { name } } }"),
    (
        "who types in a large group, and what the viewer may do",
        dave,
        "query($crowd: ID!) { conversation(id: $crowd) { typing { userName } viewerRole viewerPermissions { canEdit } } }",
    ),
    (
        "how people of a large group are",
        dave,
        "query($crowd: ID!) { conversation(id: $crowd) { participants { user { presence { online } } } } }",
    ),
    ("sync, none new", carol, "query($head: String) { sync(after: $head) { cursor events { __typename } } }"),
];

fn alice(town: &Town) -> &Person {
    &town.alice
}

fn bob(town: &Town) -> &Person {
    &town.bob
}

fn carol(town: &Town) -> &Person {
    &town.carol
}

fn dave(town: &Town) -> &Person {
    &town.dave
}

fn member(town: &Town) -> &Person {
    &town.member
}

fn root(town: &Town) -> &Person {
    &town.root
}

fn names(town: &Town, head: &str) -> Json {
    let text = |id: i64| id.to_string();
    let last = town.messages.len() - 1;
    json!({
        "room": text(town.room), "crowd": text(town.crowd), "shop": text(town.shop), "member": text(town.member.id),
        "first": text(town.messages[0]), "middle": text(town.messages[last / 2]), "last": text(town.messages[last]),
        "start": town.start, "head": head,
    })
}

pub async fn count(town: &Town, meter: &mut Meter<'_>) {
    let newest = format!("/conversations/{}/messages", town.room);
    meter.warm_up(async || drop(town.bob.get(&newest).await.ok())).await;
    let head = cursor(&town.alice).await;
    let names = names(town, &head);
    let known = names.as_object().expect("an object");
    for (what, who, path) in REST {
        let path = known.iter().fold(path.to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value.as_str().expect("text"))
        });
        let who = who(town);
        let ask = async || {
            let answer = who.get(&path).await;
            assert!([200, 404].contains(&answer.status), "{path}: {}", answer.text);
        };
        meter.count(&format!("REST {what}"), ask).await;
    }
    for (what, who, query) in GRAPHQL {
        let given = known.iter().filter(|(name, _)| query.contains(&format!("${name}:")));
        let variables: serde_json::Map<String, Json> =
            given.map(|(name, value)| (name.clone(), value.clone())).collect();
        let (who, variables) = (who(town), Json::Object(variables));
        let ask = async || {
            who.gql_ok(query, variables.clone()).await;
        };
        meter.count(&format!("GraphQL {what}"), ask).await;
    }
    let events = "subscription($after: String) { events(after: $after) { __typename } }";
    for (what, who) in [("of one who is in many", &town.carol), ("in a large group", &town.dave)] {
        let connect = async || drop(who.stomp_on(Carrier::Raw, &["messages", "conversations", "presence"]).await);
        meter.count(&format!("STOMP connect and subscribe, {what}"), connect).await;
        let resume = async || who.socket().await.subscribe("1", events, json!({ "after": head })).await;
        meter.count(&format!("GraphQL resume at the end of the log, {what}"), resume).await;
    }
}
