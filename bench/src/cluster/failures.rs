//! What others notice when a node freezes in the midst of its work, dies, or stops as the last one.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::load::{Deed, Load, Sent, WARM_UP};
use super::{Ground, Nodes, table};
use crate::figures::median;
use crate::rooms;
use crate::server::Server;
use crate::stomp::Session;
use crate::table::{Table, figure};
use crate::token::token;

const FREEZES: usize = 8;
const FROZEN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);
/// Longer than anybody waits while no node is frozen.
const NOTICED: f64 = 500.0;
/// People who are connected to the node that dies or stops.
const PEOPLE: i64 = 50;
/// How long their end may take until it is told.
const BURIED: Duration = Duration::from_secs(60);
const PRESENCE: &str = "/user/queue/chat/presence";

/// How long the other node answers nobody while one is frozen by SIGSTOP under load, again and again.
pub async fn frozen(ground: &Ground) -> Result<Table> {
    let mut result = table([
        "a node is frozen for 5 s",
        "times",
        "noticed (0.5 s) at the other",
        "longest without an answer s",
        "the middle s",
        "refused there",
    ]);
    for (name, deed) in [("under sends", Deed::Send), ("under reactions", Deed::React)] {
        let all = ground.nodes(2, None).await?;
        let rooms = rooms::make(all.first(), 10, 32).await?;
        let path = format!("/api/chat/conversations/{}/messages", rooms[0]);
        let mut owner = all.first().client(1).await?;
        let sent = owner.call("POST", &path, &json!({ "content": "React to this" }).to_string()).await?;
        let message = sent["data"]["id"].as_i64().context("a message without an id")?;
        let load = Load { senders: 16, pace: None, deed };
        let others = load.begin(&[&all.nodes[0]], &rooms, message).await?;
        let freezing = load.begin(&[&all.nodes[1]], &rooms, message).await?;
        sleep(WARM_UP).await;
        let mut windows = Vec::new();
        for _ in 0..FREEZES {
            let from = Instant::now();
            all.nodes[1].signal(Signal::STOP)?;
            sleep(FROZEN).await;
            all.nodes[1].signal(Signal::CONT)?;
            windows.push((from, Instant::now()));
            sleep(PAUSE).await;
        }
        let sent = others.end().await?;
        freezing.end().await?;
        let mut longest: Vec<f64> = windows.iter().map(|(from, to)| gap(&sent, *from, *to)).collect();
        let refused = sent.iter().filter(|sent| !sent.succeeded).count();
        let noticed = longest.iter().filter(|gap| **gap > NOTICED).count();
        let worst = longest.iter().copied().fold(0.0, f64::max) / 1_000.0;
        result.row([
            name.to_owned(),
            FREEZES.to_string(),
            noticed.to_string(),
            figure(worst),
            figure(median(&mut longest) / 1_000.0),
            refused.to_string(),
        ]);
        eprintln!("  {name}: {longest:.0?} ms");
        all.end().await?;
    }
    Ok(result)
}

/// The longest time in milliseconds between two answers, from the beginning of a window to its end.
fn gap(sent: &[Sent], from: Instant, to: Instant) -> f64 {
    let ended = |sent: &Sent| sent.begun + Duration::from_secs_f64(sent.millis / 1_000.0);
    let mut times: Vec<Instant> =
        sent.iter().filter(|sent| sent.succeeded).map(ended).filter(|time| *time > from && *time < to).collect();
    times.extend([from, to]);
    times.sort();
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1_000.0);
    gaps.fold(0.0, f64::max)
}

/// How long it takes until everybody who was connected to a node that was killed is OFFLINE at the other.
pub async fn killed(ground: &Ground) -> Result<Table> {
    let mut result = table(["a node is killed", "people of it", "first OFFLINE s", "last OFFLINE s"]);
    for round in 1..=ground.rounds {
        let all = ground.nodes(2, None).await?;
        rooms::make(all.first(), 1, PEOPLE + 1).await?;
        let mut ear = Session::connect(all.first().address, &token(1)).await?;
        ear.listen(PRESENCE).await?;
        let sessions = connect(&all.nodes[1]).await?;
        let mut online = HashSet::new();
        hear(&mut ear, "ONLINE", &mut online).await?;
        let killed = Instant::now();
        all.nodes[1].signal(Signal::KILL)?;
        let mut offline = HashSet::new();
        let first = hear(&mut ear, "OFFLINE", &mut offline).await?;
        let last = killed.elapsed();
        drop((sessions, ear));
        let cells = [PEOPLE.to_string(), figure((first - killed).as_secs_f64()), figure(last.as_secs_f64())];
        eprintln!("  {}", cells.join(" | "));
        result.row([vec![format!("round {round}")], cells.to_vec()].concat());
        let Nodes { home, nodes } = all;
        for (place, node) in nodes.into_iter().enumerate() {
            match place {
                0 => node.stop().await?,
                _ => drop(node),
            }
        }
        home.remove().await?;
    }
    Ok(result)
}

/// Hears until this was told of everybody; answers when it was told first.
async fn hear(ear: &mut Session, status: &str, of: &mut HashSet<i64>) -> Result<Instant> {
    let mut first = None;
    let all = async {
        while of.len() < usize::try_from(PEOPLE)? {
            let frame = ear.hear().await?;
            let body = frame.split_once("\n\n").map(|(_, body)| body.trim_end_matches('\0')).unwrap_or_default();
            let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else { continue };
            if body["status"] == status
                && let Some(user) = body["userId"].as_i64().filter(|user| *user > 1)
            {
                first.get_or_insert_with(Instant::now);
                of.insert(user);
            }
        }
        anyhow::Ok(())
    };
    timeout(BURIED, all).await.with_context(|| format!("{status} was told of {} people only", of.len()))??;
    first.context("nobody was told of")
}

/// People 2 and so on, connected and heard of.
async fn connect(node: &Server) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for user in 2..=PEOPLE + 1 {
        let mut session = Session::connect(node.address, &token(user)).await?;
        session.listen("/user/queue/chat/messages").await?;
        sessions.push(session);
    }
    Ok(sessions)
}

/// How many count as online after the only node has stopped by SIGTERM and was started again, with nobody connected.
pub async fn stopped(ground: &Ground) -> Result<Table> {
    let mut result = table([
        "the only node stops",
        "online before",
        "stopped after s",
        "online at the first answer",
        "nobody online after s",
    ]);
    for round in 1..=ground.rounds {
        let mut all = ground.nodes(1, None).await?;
        rooms::make(all.first(), 1, PEOPLE + 1).await?;
        let sessions = connect(all.first()).await?;
        let until = Instant::now() + BURIED;
        while online(all.first()).await? < usize::try_from(PEOPLE)? {
            ensure!(Instant::now() < until, "people who are connected are not online");
            sleep(Duration::from_millis(100)).await;
        }
        let before = online(all.first()).await?;
        let stopping = Instant::now();
        let node = all.nodes.remove(0);
        node.stop().await?;
        let took = stopping.elapsed().as_secs_f64();
        drop(sessions);
        let stopped = Instant::now();
        all.add(&ground.binary, None).await?;
        let at_first = online(all.first()).await?;
        while online(all.first()).await? > 0 {
            ensure!(stopped.elapsed() < BURIED, "somebody stays online");
            sleep(Duration::from_millis(100)).await;
        }
        let cells = [before.to_string(), figure(took), at_first.to_string(), figure(stopped.elapsed().as_secs_f64())];
        eprintln!("  {}", cells.join(" | "));
        result.row([vec![format!("round {round}")], cells.to_vec()].concat());
        all.end().await?;
    }
    Ok(result)
}

/// How many of them the first person is shown as online.
async fn online(node: &Server) -> Result<usize> {
    let users: Vec<i64> = (2..=PEOPLE + 1).collect();
    let mut client = node.client(1).await?;
    let answer = client.call("POST", "/api/chat/presence/users", &json!(users).to_string()).await?;
    let people = answer["data"].as_array().context("an answer without people")?;
    ensure!(people.len() == users.len(), "{answer}");
    Ok(people.iter().filter(|person| person["status"] == "ONLINE").count())
}
