//! The end of a case: what comes back page by page, over the log and over the lists, is the model's.

use serde_json::{Value as Json, json};

use super::chat::{Chat, EVERYTHING, Entry};
use super::doors::message;
use super::look::same;
use crate::person::Person;

/// The present cursor.
pub async fn cursor(person: &Person) -> String {
    let answer = person.get("/events").await;
    assert_eq!(answer.data(), &json!([]), "{}", answer.text);
    answer.body["page"]["next"].as_str().expect("a cursor").to_owned()
}

/// Replays the log in small pages: every event that is theirs to see, once and in order, and no other.
pub async fn replays(chat: &Chat, person: &Person, start: &str) {
    let mut told = chat.told(person.id).into_iter();
    let (mut after, mut last) = (start.to_owned(), position(start));
    loop {
        let answer = person.get(&format!("/events?limit=7&after={after}")).await;
        let events = answer.data().as_array().unwrap_or_else(|| panic!("{}", answer.text)).clone();
        for event in events {
            let at = position(event["cursor"].as_str().expect("a cursor"));
            assert!(at > last, "{} hears {event} after position {last}", person.name);
            last = at;
            let expected =
                told.next().unwrap_or_else(|| panic!("{} hears {event}, and nothing more was due", person.name));
            is(chat, person, &event, expected);
        }
        let next = answer.body["page"]["next"].as_str().expect("a cursor").to_owned();
        if answer.body["page"]["hasMore"] == json!(false) {
            break;
        }
        assert!(position(&next) > position(&after), "{} comes back with {after} and is told {next}", person.name);
        after = next;
    }
    assert_eq!(told.next(), None, "{} has not heard it", person.name);
}

fn position(cursor: &str) -> i64 {
    cursor.rsplit_once('.').and_then(|(_, position)| position.parse().ok()).expect("epoch.position")
}

/// Asserts that an event is the model's.
fn is(chat: &Chat, person: &Person, event: &Json, entry: &Entry) {
    let data = &event["data"];
    let what = format!("{} of {entry:?}, heard by {}", event["type"], person.name);
    assert_eq!(event["type"], entry.kind, "{what}: {event}");
    let room = if entry.kind.starts_with("conversation.") || entry.kind == "settings.changed" {
        "id"
    } else {
        "conversationId"
    };
    assert_eq!(data[room], entry.room, "{what}: {event}");
    match entry.kind.split('.').next() {
        Some("message") => same(&message(data), &chat.message_for(person.id, entry.message.expect("a message")), &what),
        Some("reaction") => {
            assert_eq!((&data["messageId"], &data["userId"]), (&json!(entry.message), &json!(entry.actor)), "{what}");
            assert_eq!(data["added"], entry.kind == "reaction.added", "{what}");
        }
        Some("receipt") => {
            let moved = (&data["lastReadMessageId"], &data["userId"]);
            assert_eq!(moved, (&json!(entry.message), &json!(entry.actor)), "{what}");
        }
        Some("participant") => assert_eq!(data["participant"]["userId"], json!(entry.subject), "{what}"),
        _ => {}
    }
}

/// Walks through the lists in small pages, in both directions.
pub async fn pages(chat: &Chat, person: &Person) {
    for archived in [false, true] {
        let mut listed = chat.listed(person.id);
        listed.retain(|room| room.seat(person.id).is_some_and(|seat| seat.archived == archived));
        let ids: Vec<i64> = listed.iter().map(|room| room.id).collect();
        let read = rooms(person, archived).await;
        assert_eq!(read, [ids.clone(), ids], "the conversations of {}, archived: {archived}", person.name);
    }
    for room in chat.rooms_of(person.id).map(|room| room.id) {
        let all: Vec<i64> = chat.posts_of(room, EVERYTHING).map(|post| post.id).collect();
        let path = format!("/conversations/{room}/messages?limit=3");
        let mut forwards = walk(person, &format!("{path}&after=1"), "after").await;
        if all.first() == Some(&1) {
            forwards.insert(0, 1);
        }
        let mut backwards = walk(person, &path, "before").await;
        backwards.sort_unstable();
        assert_eq!((&forwards, &backwards), (&all, &all), "the messages of {room}, read by {}", person.name);
        let connected = connection(person, room).await;
        assert_eq!(connected, all, "the messages of {room} over GraphQL, read by {}", person.name);
    }
}

/// The ids of all pages, one after the other.
async fn walk(person: &Person, path: &str, direction: &str) -> Vec<i64> {
    let (base, _) = path.split_once("&after").unwrap_or((path, ""));
    let (mut ids, mut next) = (Vec::new(), path.to_owned());
    loop {
        let answer = person.get(&next).await;
        ids.extend(answer.data().as_array().into_iter().flatten().filter_map(|message| message["id"].as_i64()));
        if answer.body["page"]["hasMore"] != json!(true) {
            return ids;
        }
        next = format!("{base}&{direction}={}", answer.body["page"][direction]);
    }
}

/// Their conversations by pages of two, over REST and over GraphQL.
async fn rooms(person: &Person, archived: bool) -> [Vec<i64>; 2] {
    let document = "query($after: String, $archived: Boolean!) { conversations(archived: $archived, first: 2, \
        after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
    let (mut connected, mut after) = (Vec::new(), Json::Null);
    loop {
        let page = person.gql_ok(document, json!({ "after": after, "archived": archived })).await;
        let page = &page["conversations"];
        let nodes = page["nodes"].as_array().into_iter().flatten();
        connected.extend(nodes.filter_map(|node| node["id"].as_str()?.parse::<i64>().ok()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    let path = format!("/conversations?limit=2&archived={archived}");
    let (mut ids, mut next) = (Vec::new(), path.clone());
    loop {
        let answer = person.get(&next).await;
        ids.extend(answer.data().as_array().into_iter().flatten().filter_map(|room| room["id"].as_i64()));
        match answer.body["page"]["next"].as_str() {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return [ids, connected],
        }
    }
}

async fn connection(person: &Person, room: i64) -> Vec<i64> {
    let document = "query($id: ID!, $after: String) { conversation(id: $id) { messages(first: 3, after: $after) { \
        nodes { id } pageInfo { hasNextPage endCursor } } } }";
    let (mut ids, mut after) = (Vec::new(), Json::Null);
    loop {
        let page = person.gql_ok(document, json!({ "id": room, "after": after })).await;
        let page = &page["conversation"]["messages"];
        let nodes = page["nodes"].as_array().into_iter().flatten();
        ids.extend(nodes.filter_map(|node| node["id"].as_str()?.parse::<i64>().ok()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return ids;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}
