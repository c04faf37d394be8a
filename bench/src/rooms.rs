//! Groups with people in them, made over the REST door as any application would make them.

use anyhow::{Context, Result};
use serde_json::json;

use crate::http::Client;
use crate::server::Server;

/// People of a group, at most: larger ones are quieter.
pub const LARGEST: i64 = 200;

/// People named in one call, at most.
const MOST_NAMED: usize = 256;

/// Makes people 1 to `people` known to the server.
pub async fn meet(server: &Server, people: i64) -> Result<()> {
    for user in 1..=people {
        server.client(user).await?.call("GET", "/api/chat/conversations/pinned", "").await?;
    }
    Ok(())
}

/// Makes `rooms` groups of which 1 to `people` are all participants; answers their ids.
pub async fn make(server: &Server, rooms: usize, people: i64) -> Result<Vec<i64>> {
    meet(server, people).await?;
    let mut owner = server.client(1).await?;
    let mut ids = Vec::with_capacity(rooms);
    for room in 1..=rooms {
        ids.push(one(&mut owner, &format!("Room {room}"), (2..=people.min(LARGEST)).collect()).await?);
    }
    Ok(ids)
}

/// Makes one group of which 1 to `people`, who are known, are all participants, however many they are; answers its id.
pub async fn large(server: &Server, name: &str, people: i64) -> Result<i64> {
    let mut owner = server.client(1).await?;
    let others: Vec<i64> = (2..=people).collect();
    let mut portions = others.chunks(MOST_NAMED);
    let id = one(&mut owner, name, portions.next().unwrap_or_default().to_vec()).await?;
    for portion in portions {
        let body = json!({ "userIds": portion }).to_string();
        owner.call("POST", &format!("/api/chat/conversations/{id}/participants"), &body).await?;
    }
    Ok(id)
}

/// Makes a group of the caller and others; answers its id.
pub async fn one(owner: &mut Client, name: &str, others: Vec<i64>) -> Result<i64> {
    let body = json!({ "name": name, "participantIds": others }).to_string();
    let made = owner.call("POST", "/api/chat/conversations", &body).await?;
    made["data"]["id"].as_i64().context("a conversation without an id")
}
