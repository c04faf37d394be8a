//! The rules of chat, held through the REST door: what concurrency, repetition, roles and restarts must not break.

mod log;
mod membership;
mod messages;
mod numbers;
mod paging;
mod presence;
mod rates;
mod reactions;
mod reading;
mod repeats;
mod roles;
mod sending;
mod writer;

use serde_json::Value as Json;

use crate::person::Person;

const NOT_IN_IT: &str = "You are not a participant in this conversation";
const NO_CONVERSATION: &str = "Conversation not found";
const DELETED: &str = "This message was deleted";

/// Everything in the log that somebody may see, from its beginning.
async fn events(person: &Person) -> Vec<Json> {
    let start = beginning(person).await;
    let mut path = format!("/events?limit=100&after={start}");
    let mut events = Vec::new();
    loop {
        let page = person.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        events.extend(page.data().as_array().expect("a list").iter().cloned());
        path = format!("/events?limit=100&after={}", page.body["page"]["next"].as_str().expect("a cursor"));
        if page.body["page"]["hasMore"] == false {
            return events;
        }
    }
}

/// The cursor before the first event of all.
async fn beginning(person: &Person) -> String {
    let now = cursor(person).await;
    let (epoch, _) = now.split_once('.').expect("epoch.position");
    format!("{epoch}.0")
}

/// The cursor of the present.
async fn cursor(person: &Person) -> String {
    person.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned()
}

/// The position in an event's cursor.
fn position(event: &Json) -> i64 {
    let cursor = event["cursor"].as_str().expect("a cursor");
    cursor.split_once('.').and_then(|(_, position)| position.parse().ok()).expect("epoch.position")
}

/// The types of events, in their order.
fn types(events: &[Json]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}
