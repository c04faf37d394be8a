//! Listeners at all doors, each of which comes back with its last cursor whenever its connection ends, and ends it
//! itself now and then. They note what they heard, and refusals that nothing excuses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::sleep;

use super::ledger::Told;
use super::town::{Citizen, Dice, Town};
use super::wire::Wire;

/// How long a silent connection is kept: a server that stood still has forgotten nobody, but who knows.
const SILENCE: Duration = Duration::from_secs(5);
const EVENTS: &str = "subscription($after: String) { events(after: $after) { \
    ... on MessageEvent { cursor type message { id content } } } }";

/// One at each door, in the order in which they take turns.
pub const LISTENERS: [&str; 3] = ["STOMP", "GraphQL", "REST"];

struct Listener {
    town: Arc<Town>,
    name: &'static str,
    me: Citizen,
    cursor: String,
    /// The place of the node that it goes to.
    node: usize,
    http: reqwest::Client,
}

/// Listens until the listening is over.
pub async fn listen_on(town: Arc<Town>, place: usize, mut dice: Dice) {
    let me = town.people[place % town.people.len()].clone();
    let cursor = town.start.clone();
    let http = reqwest::Client::builder().timeout(SILENCE).build().expect("a client");
    let (name, node) = (town.talk.listeners[place], place + place / LISTENERS.len());
    let mut listener = Listener { name, me, cursor, node, http, town: Arc::clone(&town) };
    while !town.listening.is_cancelled() {
        let enough = 20 + dice.below(80);
        let session = async {
            match place % LISTENERS.len() {
                0 => listener.by_stomp(enough).await,
                1 => listener.by_graphql(enough).await,
                _ => listener.by_rest().await,
            }
        };
        tokio::select! {
            _ended = session => {}
            () = town.listening.cancelled() => return,
        }
        listener.node += usize::from(town.nodes.len() > 1);
        sleep(Duration::from_millis(20)).await;
    }
}

impl Listener {
    fn hear(&mut self, cursor: &str, message: &Json) {
        let id = message["id"].as_i64().or_else(|| message["id"].as_str()?.parse().ok()).unwrap_or(0);
        let temp = message["content"].as_str().and_then(|content| content.split(' ').next()).unwrap_or_default();
        let position = position(cursor);
        self.town.watch.heard(temp, self.node % self.town.nodes.len());
        self.town.ledger.heard(self.name, Told { position, id, temp: temp.to_owned() });
        self.cursor = cursor.to_owned();
    }

    fn refused(&self, code: &str) {
        if !matches!(code, "UNAVAILABLE" | "TIMEOUT") {
            self.town.ledger.wrong(format!("{} was refused with {code} after {}", self.name, self.cursor));
        }
    }

    async fn by_stomp(&mut self, enough: usize) -> Option<()> {
        let mut wire = Wire::stomp(self.town.nodes.at(self.node), &self.me.token).await?;
        wire.say("SUBSCRIBE\nid:errors\ndestination:/user/queue/chat/errors\n\n\0".to_owned()).await?;
        let after = &self.cursor;
        wire.say(format!("SUBSCRIBE\nid:messages\ndestination:/user/queue/chat/messages\nafter:{after}\n\n\0")).await?;
        for _ in 0..enough {
            let frame = wire.frame(SILENCE).await?;
            match (frame.command.as_str(), frame.header("subscription")) {
                ("MESSAGE", "messages") => self.hear(frame.header("cursor"), &frame.body),
                ("MESSAGE", _) => {
                    self.refused(frame.body["code"].as_str().unwrap_or_default());
                    return None;
                }
                _ => return None,
            }
        }
        Some(())
    }

    async fn by_graphql(&mut self, enough: usize) -> Option<()> {
        let mut wire = Wire::graphql(self.town.nodes.at(self.node), &self.me.token).await?;
        let payload = json!({ "query": EVENTS, "variables": { "after": self.cursor } });
        wire.say(json!({ "type": "subscribe", "id": "1", "payload": payload }).to_string()).await?;
        for _ in 0..enough {
            let heard = wire.json(SILENCE).await?;
            let event = &heard["payload"]["data"]["events"];
            match heard["type"].as_str() {
                Some("next") if event["type"] == "MESSAGE_SENT" => {
                    self.hear(event["cursor"].as_str().unwrap_or_default(), &event["message"]);
                }
                Some("next") if heard["payload"]["errors"].is_null() => {}
                Some("ping") => wire.say(json!({ "type": "pong" }).to_string()).await?,
                _ => {
                    let errors = if heard["type"] == "error" { &heard["payload"] } else { &heard["payload"]["errors"] };
                    self.refused(errors[0]["extensions"]["code"].as_str().unwrap_or_default());
                    return None;
                }
            }
        }
        Some(())
    }

    async fn by_rest(&mut self) -> Option<()> {
        let page = page(&self.http, self.town.nodes.at(self.node), &self.me, &self.cursor).await?;
        if page["success"] != true {
            self.refused(page["code"].as_str().unwrap_or_default());
            return None;
        }
        for event in page["data"].as_array()?.iter().filter(|event| event["type"] == "message.sent") {
            self.hear(event["cursor"].as_str()?, &event["data"]);
        }
        self.cursor = page["page"]["next"].as_str()?.to_owned();
        Some(())
    }
}

/// A page of the log, or the refusal; `None` where nobody answers.
async fn page(http: &reqwest::Client, node: SocketAddr, me: &Citizen, after: &str) -> Option<Json> {
    let url = format!("http://{node}/api/chat/events?limit=100&after={after}");
    http.get(url).bearer_auth(&me.token).send().await.ok()?.json().await.ok()
}

pub fn position(cursor: &str) -> i64 {
    cursor.split_once('.').and_then(|(_, position)| position.parse().ok()).unwrap_or(0)
}
