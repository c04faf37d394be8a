//! Senders at all doors: numbered messages with a `tempId` each, and a note of how each of them ended. Every second one
//! is repeated with the same `tempId` until it is acknowledged, at another node where there are several, as a careful
//! client does; the others are given up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::ledger::Outcome;
use super::town::{Citizen, Town};
use super::wire::Wire;

/// How long a client repeats a send.
const INSISTING: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, Copy)]
pub enum Door {
    Rest,
    Graphql,
    Stomp,
}

pub const DOORS: [Door; 3] = [Door::Rest, Door::Graphql, Door::Stomp];

struct Sender {
    town: Arc<Town>,
    me: Citizen,
    conversation: i64,
    door: Door,
    /// The places of the node at which it is at home, and of the one to which it goes now.
    home: usize,
    node: usize,
    http: reqwest::Client,
    wire: Option<Wire>,
}

/// Sends until the sending is over.
pub async fn send_on(town: Arc<Town>, place: usize) {
    let door = DOORS[place % DOORS.len()];
    let me = town.people[place % town.people.len()].clone();
    let conversation = town.conversations[(place / DOORS.len()) % town.conversations.len()];
    let http = reqwest::Client::builder().timeout(town.talk.answer).build().expect("a client");
    let home = town.talk.at.unwrap_or(place + place / DOORS.len());
    let mut sender = Sender { town, me, conversation, door, home, node: home, http, wire: None };
    for number in 1_usize.. {
        if sender.town.sending.is_cancelled() {
            return;
        }
        let temp = format!("{door:?}-{place}-{number}");
        let outcome = sender.send(&temp, sender.town.talk.insists || number % 2 == 0).await;
        let is_acknowledged = matches!(outcome, Outcome::Acknowledged(_));
        sender.town.ledger.sent(&temp, outcome);
        if !is_acknowledged {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(sender.town.talk.pause).await;
    }
}

impl Sender {
    async fn send(&mut self, temp: &str, insists: bool) -> Outcome {
        let until = Instant::now() + INSISTING;
        self.town.watch.begins(temp);
        self.goes_to(self.home);
        for tries in 1.. {
            let began = Instant::now();
            let outcome = match self.door {
                Door::Rest => self.by_rest(temp).await,
                Door::Graphql => self.by_graphql(temp).await,
                Door::Stomp => self.by_stomp(temp).await.unwrap_or_else(|| {
                    self.wire = None;
                    Outcome::Unknown
                }),
            };
            if outcome != Outcome::Unknown {
                self.town.watch.answered(began);
            }
            if matches!(outcome, Outcome::Acknowledged(_)) {
                self.town.watch.acknowledged(temp, self.node % self.town.nodes.len(), tries);
                return outcome;
            }
            if !insists || Instant::now() > until {
                return outcome;
            }
            self.goes_to(self.node + 1);
            sleep(Duration::from_millis(50)).await;
        }
        unreachable!("it is tried until then")
    }

    fn goes_to(&mut self, node: usize) {
        if self.node != node && self.town.nodes.len() > 1 {
            self.node = node;
            self.wire = None;
        }
    }

    /// The `tempId` is the first word of the content; the rest is there to fill pages.
    fn input(&self, temp: &str) -> Json {
        json!({ "content": format!("{temp} {}", "x".repeat(self.town.padding)), "tempId": temp })
    }

    fn refused(&self, temp: &str, code: &str) -> Outcome {
        if !matches!(code, "UNAVAILABLE" | "TIMEOUT") {
            self.town.ledger.wrong(format!("{temp} was refused with {code}"));
        }
        self.town.ledger.refused();
        Outcome::Away
    }

    async fn post(&self, path: &str, body: Json) -> Option<Json> {
        let url = format!("http://{}{path}", self.town.nodes.at(self.node));
        let answer = self.http.post(url).bearer_auth(&self.me.token).json(&body).send().await.ok()?;
        answer.json().await.ok()
    }

    async fn by_rest(&self, temp: &str) -> Outcome {
        let path = format!("/api/chat/conversations/{}/messages", self.conversation);
        match self.post(&path, self.input(temp)).await {
            None => Outcome::Unknown,
            Some(answer) if answer["success"] == true => Outcome::Acknowledged(answer["data"]["id"].as_i64()),
            Some(answer) => self.refused(temp, answer["code"].as_str().unwrap_or_default()),
        }
    }

    async fn by_graphql(&self, temp: &str) -> Outcome {
        let query = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
        let mut input = self.input(temp);
        input["conversationId"] = json!(self.conversation.to_string());
        let Some(answer) = self.post("/graphql", json!({ "query": query, "variables": { "input": input } })).await
        else {
            return Outcome::Unknown;
        };
        match answer["data"]["sendMessage"]["id"].as_str() {
            Some(id) => Outcome::Acknowledged(id.parse().ok()),
            None => {
                // A request that is refused before it is run answers in the envelope of GraphQL all the same.
                self.refused(temp, answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default())
            }
        }
    }

    async fn by_stomp(&mut self, temp: &str) -> Option<Outcome> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => {
                let mut wire = Wire::stomp(self.town.nodes.at(self.node), &self.me.token).await?;
                for queue in ["errors", "messages"] {
                    wire.say(format!("SUBSCRIBE\nid:{queue}\ndestination:/user/queue/chat/{queue}\n\n\0")).await?;
                }
                wire
            }
        };
        let mut input = self.input(temp);
        input["conversationId"] = json!(self.conversation);
        wire.say(format!("SEND\ndestination:/app/chat.send\nreceipt:{temp}\n\n{input}\0")).await?;
        let until = Instant::now() + self.town.talk.answer;
        let (mut refused, mut id) = (None, None);
        while Instant::now() < until {
            let frame = wire.frame(self.town.talk.answer).await?;
            match (frame.command.as_str(), frame.header("subscription")) {
                ("MESSAGE", "errors") => refused = Some(frame.body["code"].as_str().unwrap_or_default().to_owned()),
                ("MESSAGE", _) if frame.body["tempId"] == temp => id = frame.body["id"].as_i64(),
                ("RECEIPT", _) if frame.header("receipt-id") == temp => {
                    self.wire = Some(wire);
                    return Some(match refused {
                        Some(code) => self.refused(temp, &code),
                        None => Outcome::Acknowledged(id),
                    });
                }
                ("ERROR", _) => return None,
                _ => {}
            }
        }
        None
    }
}
