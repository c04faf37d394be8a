//! What one request costs: several rounds of a few calls each, of which the middle one counts.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::requests::{Ask, Request};
use crate::figures::median;
use crate::http::Client;
use crate::server::Server;
use crate::stomp::Session;
use crate::token::token;

const ROUNDS: i64 = 5;
/// Calls of a round, of what writes and of what reads.
const WRITES: i64 = 5;
const READS: i64 = 12;
/// A call that takes longer than this is not repeated so often.
const SLOW_SECONDS: f64 = 0.2;
/// Messages go there.
const QUEUE: &str = "/user/queue/chat/messages";

/// What a call takes, in milliseconds; or the status that it failed with.
pub enum Spent {
    Time { wall: f64, server: f64, database: f64 },
    Failed(String),
}

impl Spent {
    pub fn wall(&self) -> Option<f64> {
        match self {
            Spent::Time { wall, .. } => Some(*wall),
            Spent::Failed(_) => None,
        }
    }

    pub fn cpu(&self) -> Option<f64> {
        match self {
            Spent::Time { server, database, .. } => Some(server + database),
            Spent::Failed(_) => None,
        }
    }
}

/// Connections of the viewer, of the owner of conversation 1, and of somebody who is in conversation 2 alone.
pub struct Clients<'a> {
    server: &'a Server,
    viewer: Client,
    owner: Client,
    newcomer: (i64, Client),
    session: Session,
}

impl<'a> Clients<'a> {
    pub async fn connect(server: &'a Server, newcomer: i64) -> Result<Self> {
        let session = Session::connect(server.address, &token(2)).await?;
        let (viewer, owner) = (server.client(2).await?, server.client(1).await?);
        Ok(Self { server, viewer, owner, newcomer: (newcomer, server.client(newcomer).await?), session })
    }

    /// Where the log stands.
    pub async fn cursor(&mut self) -> Result<String> {
        let body = json!({ "query": "{ sync { cursor } }" }).to_string();
        let answer = self.viewer.call("POST", "/graphql", &body).await?;
        Ok(answer["data"]["sync"]["cursor"].as_str().context("no cursor")?.to_owned())
    }

    pub async fn measure(&mut self, request: &Request) -> Spent {
        match self.rounds(request).await {
            Ok(spent) => spent,
            Err(cause) => {
                eprintln!("\n{}: {cause:#}", request.name);
                let status = cause.to_string().chars().take(3).collect::<String>();
                Spent::Failed(if status.parse::<u16>().is_ok() { status } else { "failed".to_owned() })
            }
        }
    }

    async fn rounds(&mut self, request: &Request) -> Result<Spent> {
        // Connections that lay idle while others were measured may be closed, and what is left of an answer is nobody's.
        *self = Clients::connect(self.server, self.newcomer.0).await?;
        let started = Instant::now();
        self.call(request, 0).await?;
        let is_slow = started.elapsed().as_secs_f64() > SLOW_SECONDS;
        let (rounds, calls) = match (is_slow, request.writes) {
            (true, _) => (3, 1),
            (false, true) => (ROUNDS, WRITES),
            (false, false) => (ROUNDS, READS),
        };
        let (mut walls, mut servers, mut databases) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let (before, started) = (self.server.watched.read(), Instant::now());
            for call in 0..calls {
                self.call(request, 1 + round * calls + call).await?;
            }
            let wall = started.elapsed();
            let cost = before.until(&self.server.watched.read());
            let each = calls as f64 * 1_000.0;
            walls.push(wall.as_secs_f64() * 1_000_000.0 / each);
            servers.push(cost.server / each);
            databases.push(cost.database / each);
        }
        Ok(Spent::Time { wall: median(&mut walls), server: median(&mut servers), database: median(&mut databases) })
    }

    async fn call(&mut self, request: &Request, number: i64) -> Result<()> {
        match (request.ask)(number) {
            Ask::Rest(method, path, body) => {
                let client = match request.name.split(':').next() {
                    Some("owner") => &mut self.owner,
                    Some("newcomer") => &mut self.newcomer.1,
                    _ => &mut self.viewer,
                };
                let prepared = client.prepare(method, &path, &body);
                let answer = client.exchange(&prepared).await?;
                let text = || String::from_utf8_lossy(&answer.body).chars().take(300).collect::<String>();
                ensure!(answer.status < 300, "{} {}", answer.status, text());
                ensure!(path != "/graphql" || !answer.body.starts_with(b"{\"errors\""), "{}", text());
                ensure!(path != "/graphql" || !text().contains("\"errors\":"), "{}", text());
            }
            Ask::Stream(body, mark) => {
                let mut client = self.server.client(2).await?;
                let prepared = client.prepare("POST", "/graphql", &body);
                let prepared = String::from_utf8(prepared)?;
                let prepared = prepared.replacen("Host:", "Accept: text/event-stream\r\nHost:", 1);
                client.until(prepared.as_bytes(), mark).await?;
            }
            Ask::Send(destination, body) => self.session.send(destination, &body).await?,
            Ask::Connect => drop(Session::connect(self.server.address, &token(2)).await?),
            Ask::Resume(after) => {
                let mut session = Session::connect(self.server.address, &token(2)).await?;
                session.resume(QUEUE, &after).await?;
            }
        }
        Ok(())
    }
}
