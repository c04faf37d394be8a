//! Every write of the doors.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value as Json, json};

use super::meter::Meter;
use super::town::Town;
use crate::person::Person;
use crate::stomp_client::Carrier;

/// Ids of users that nobody has.
static NEXT_USER: AtomicI64 = AtomicI64::new(100_001);

pub async fn count(town: &Town, meter: &mut Meter<'_>) {
    messages(town, meter).await;
    crowd(town, meter).await;
    many(town, meter).await;
    people(town, meter).await;
}

fn messages_of(conversation: i64) -> String {
    format!("/conversations/{conversation}/messages")
}

async fn mark_read(person: &Person, conversation: i64, up_to: Option<i64>) {
    let body = up_to.map_or(json!({}), |message| json!({ "lastReadMessageId": message }));
    person.post(&format!("/conversations/{conversation}/read"), body).await.ok();
}

/// What cannot be done again: a marker never goes back.
pub async fn count_markers(town: &Town, meter: &mut Meter<'_>) {
    let (alice, bob, room) = (&town.alice, &town.bob, town.room);
    let old = async |turn| town.messages[turn * 2 + 1];
    meter
        .count_after("mark read up to an old message", old, async |message| mark_read(bob, room, Some(message)).await)
        .await;
    let unseen = async |turn: usize| town.messages[turn * 2 + 20];
    let delete = async |message: i64| drop(alice.delete(&format!("/messages/{message}")).await.ok());
    meter.count_after("delete an old message that others have not read", unseen, delete).await;
    meter
        .count("unread after old messages were deleted", async || drop(bob.get("/conversations/unread").await.ok()))
        .await;
    let new = async |_| alice.send(room, "something new").await;
    meter.count_after("mark read up to the newest", new, async |_| mark_read(bob, room, None).await).await;
}

async fn messages(town: &Town, meter: &mut Meter<'_>) {
    let (bob, room, first) = (&town.bob, town.room, town.messages[0]);
    meter
        .count("send", async || {
            bob.send(room, "a word").await;
        })
        .await;
    let reply = json!({ "content": "a reply", "parentMessageId": first });
    meter.count("send a reply", async || drop(bob.post(&messages_of(room), reply.clone()).await.ok())).await;
    let named = async |turn: usize| json!({ "content": "with a name", "tempId": format!("name {turn}") });
    meter
        .count_after("send with a name", named, async |input| drop(bob.post(&messages_of(room), input).await.ok()))
        .await;
    let sent = async |_| bob.send(room, "a word").await;
    let edit = async |id: i64| drop(bob.put(&format!("/messages/{id}"), json!({ "content": "another" })).await.ok());
    meter.count_after("edit", sent, edit).await;
    meter.count_after("delete", sent, async |id: i64| drop(bob.delete(&format!("/messages/{id}")).await.ok())).await;
    let react = async |id: i64| {
        bob.post(&format!("/messages/{id}/reactions"), json!({ "emoji": "👍" })).await.ok();
    };
    meter.count_after("react", sent, react).await;
    let reacted = async |turn: usize| {
        let id = sent(turn).await;
        react(id).await;
        id
    };
    let toggle = async |id: i64| {
        bob.post(&format!("/messages/{id}/reactions/toggle"), json!({ "emoji": "👍" })).await.ok();
    };
    meter.count_after("take a reaction back", reacted, toggle).await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id sender { name } } }";
    let input = json!({ "input": { "conversationId": room.to_string(), "content": "a word" } });
    meter.count("GraphQL sendMessage", async || drop(bob.gql_ok(send, input.clone()).await)).await;
}

async fn crowd(town: &Town, meter: &mut Meter<'_>) {
    let (dave, member, crowd) = (&town.dave, &town.member, town.crowd);
    meter
        .count("send to a large group", async || {
            dave.send(crowd, "a word").await;
        })
        .await;
    let new = async |_| dave.send(crowd, "something new").await;
    meter.count_after("mark read in a large group", new, async |_| mark_read(member, crowd, None).await).await;
    meter
        .count_after("delete in a large group", new, async |id: i64| {
            drop(dave.delete(&format!("/messages/{id}")).await.ok())
        })
        .await;
    let participants = format!("/conversations/{crowd}/participants");
    let known = async |_| {
        let id = NEXT_USER.fetch_add(1, Ordering::Relaxed);
        upsert(&town.root, id).await;
        id
    };
    let add = async |id: i64| drop(dave.post(&participants, json!({ "userIds": [id] })).await.ok());
    meter.count_after("add to a large group", known, add).await;
    let added = async |turn: usize| {
        let id = known(turn).await;
        add(id).await;
        id
    };
    let remove = async |id: i64| drop(dave.delete(&format!("{participants}/{id}")).await.ok());
    meter.count_after("remove from a large group", added, remove).await;
    let role = "mutation($c: ID!, $u: ID!, $r: Role!) { \
                setParticipantRole(conversationId: $c, userId: $u, role: $r) { id } }";
    let roles = async |turn: usize| if turn.is_multiple_of(2) { "ADMIN" } else { "MEMBER" };
    let set = async |name: &str| {
        let variables = json!({ "c": crowd.to_string(), "u": member.id.to_string(), "r": name });
        dave.gql_ok(role, variables).await;
    };
    meter.count_after("set a role in a large group", roles, set).await;
    let names = async |turn: usize| format!("Crowd {turn}");
    let rename =
        async |name: String| drop(dave.put(&format!("/conversations/{crowd}"), json!({ "name": name })).await.ok());
    meter.count_after("rename a large group", names, rename).await;
    let mute = async |turn: usize| turn.is_multiple_of(2);
    let set = async |on: bool| {
        let path = format!("/conversations/{crowd}/mute?muted={on}");
        member.put(&path, Json::Null).await.ok();
    };
    meter.count_after("mute a large group", mute, set).await;
    let typing = "mutation($c: ID!) { setTyping(conversationId: $c, typing: true) }";
    meter
        .count("type in a large group", async || drop(dave.gql_ok(typing, json!({ "c": crowd.to_string() })).await))
        .await;
}

async fn many(town: &Town, meter: &mut Meter<'_>) {
    let (carol, shop) = (&town.carol, town.shop);
    for setting in ["mute?muted", "pin?pinned", "archive?archived"] {
        let flip = async |turn: usize| turn.is_multiple_of(2);
        let set =
            async |on: bool| drop(carol.put(&format!("/conversations/{shop}/{setting}={on}"), Json::Null).await.ok());
        meter.count_after(&format!("{setting}, one of many"), flip, set).await;
    }
    meter
        .count("send, by one who is in many", async || {
            carol.send(shop, "a word").await;
        })
        .await;
    meter
        .count("create a group, by one who is in many", async || {
            carol.group("New", &[&town.dave]).await;
        })
        .await;
    let known = async |_| {
        let id = NEXT_USER.fetch_add(1, Ordering::Relaxed);
        upsert(&town.root, id).await;
        id
    };
    let open = async |id: i64| drop(carol.post_nothing(&format!("/conversations/direct/{id}")).await.ok());
    meter.count_after("open a direct conversation, by one who is in many", known, open).await;
    let own = async |_| carol.group("New", &[&town.dave]).await;
    let leave = async |id: i64| drop(carol.delete(&format!("/conversations/{id}")).await.ok());
    meter.count_after("leave one of many", own, leave).await;
    let delete = "mutation($id: ID!) { deleteConversation(conversationId: $id) }";
    let delete = async |id: i64| drop(carol.gql_ok(delete, json!({ "id": id.to_string() })).await);
    meter.count_after("delete one of many", own, delete).await;
}

async fn people(town: &Town, meter: &mut Meter<'_>) {
    let (carol, dave) = (&town.carol, &town.dave);
    for (what, who) in [("of one who is in many", carol), ("in a large group", dave)] {
        let states = async |turn: usize| if turn.is_multiple_of(2) { "DND" } else { "ONLINE" };
        let set = async |state: &str| drop(who.put("/presence/status", json!({ "status": state })).await.ok());
        meter.count_after(&format!("set the presence {what}"), states, set).await;
        let beat = async || drop(who.gql_ok("mutation { heartbeat }", json!({})).await);
        meter.count(&format!("heartbeat {what}"), beat).await;
    }
    let listener = town.greta.stomp_on(Carrier::Raw, &["presence"]).await;
    let states = async |turn: usize| if turn.is_multiple_of(2) { "DND" } else { "ONLINE" };
    let set = async |state: &str| drop(carol.put("/presence/status", json!({ "status": state })).await.ok());
    meter.count_after("set the presence of one who is in many, and is listened to", states, set).await;
    drop(listener);
    let known = async |_| NEXT_USER.fetch_add(1, Ordering::Relaxed);
    meter.count_after("make a user known", known, async |id| upsert(&town.root, id).await).await;
}

async fn upsert(root: &Person, id: i64) {
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id } }";
    root.gql_ok(upsert, json!({ "input": [{ "id": id.to_string(), "name": format!("User {id}") }] })).await;
}
