//! Who is here and who types, over several connections and through all doors: when it is told, to whom, and when it
//! ends (protocol §4, §5, §12).

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use crate::bulk;
use crate::matrix::stomp::Stomp;
use crate::person::Person;
use crate::server::Server;
use crate::sockets::{GraphqlSocket, SOON};

const PRESENCE: &str = "subscription { presence { userId status online statusMessage deviceType } }";
const TYPING: &str = "subscription { typing { conversationId userId typing } }";
/// How long somebody is here after their last connection, and how long it may take to notice.
const GRACE: Duration = Duration::from_secs(5);
const SLACK: Duration = Duration::from_secs(4);

struct Scene {
    server: Server,
    alice: Person,
    bob: Person,
    group: i64,
}

async fn scene() -> Scene {
    scene_of(Server::start().await).await
}

async fn scene_of(server: Server) -> Scene {
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    Scene { server, alice, bob, group }
}

pub async fn stomp(person: &Person, queues: &[&str]) -> Stomp {
    let mut stomp = Stomp::connect(person.address, Some(&person.token)).await.expect("a session");
    stomp.listen(queues).await;
    stomp
}

/// What `viewer` is told of somebody's status, which every door has to tell alike.
async fn status(viewer: &Person, of: &Person) -> String {
    let by_id = viewer.get(&format!("/presence/{}", of.id)).await.ok();
    let among = viewer.post("/presence/users", json!({ "userIds": [of.id] })).await.ok();
    let ids = json!({ "ids": [of.id.to_string()] });
    let query = "query($ids: [ID!]!) { presence(userIds: $ids) { status online } onlineUsers { userId } }";
    let graphql = viewer.gql_ok(query, ids).await;
    let online = viewer.get("/presence").await.ok();
    let status = by_id["status"].as_str().expect("a status").to_owned();
    let listed = |list: &Json, id: Json| list.as_array().is_some_and(|all| all.iter().any(|one| one["userId"] == id));
    assert_eq!(among[0], by_id);
    assert_eq!(graphql["presence"][0], json!({ "status": status, "online": status != "OFFLINE" }));
    assert_eq!(by_id["online"], status != "OFFLINE");
    assert_eq!(listed(&online, json!(of.id)), status != "OFFLINE", "{online}");
    assert_eq!(listed(&graphql["onlineUsers"], json!(of.id.to_string())), status != "OFFLINE", "{graphql}");
    status
}

/// The next status that is told of somebody on a presence queue.
pub async fn told(stomp: &mut Stomp, of: &Person, within: Duration) -> Option<Json> {
    let until = Instant::now() + within;
    loop {
        let (queue, body) = stomp.next(until.saturating_duration_since(Instant::now())).await?;
        if queue == "presence" && body["userId"] == of.id {
            return Some(body);
        }
    }
}

/// The next event of a presence subscription that is about somebody.
async fn told_by_graphql(socket: &mut GraphqlSocket, of: &Person) -> Json {
    loop {
        let event = socket.event().await["presence"].clone();
        if event["userId"] == of.id.to_string().as_str() {
            return event;
        }
    }
}

#[tokio::test]
async fn somebody_is_online_from_the_first_connection_to_the_grace_of_the_last() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    let mut ear = stomp(&alice, &["presence"]).await;
    let mut subscribed = alice.subscribe(PRESENCE).await;
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
    let first = stomp(&bob, &[]).await;
    assert_eq!(told(&mut ear, &bob, SOON).await.expect("told")["status"], "ONLINE");
    assert_eq!(told_by_graphql(&mut subscribed, &bob).await["status"], "ONLINE");
    let second = bob.subscribe("subscription { messages { id } }").await;
    drop(first);
    assert!(told(&mut ear, &bob, GRACE + Duration::from_secs(1)).await.is_none(), "one connection is left");
    assert_eq!(status(&alice, &bob).await, "ONLINE");
    let left = Instant::now();
    drop(second);
    let gone = told(&mut ear, &bob, GRACE + SLACK).await.expect("the last connection has ended");
    assert_eq!((gone["status"].clone(), gone["online"].clone()), (json!("OFFLINE"), json!(false)));
    assert!(left.elapsed() > GRACE - Duration::from_millis(500), "after {:?}", left.elapsed());
    assert_eq!(told_by_graphql(&mut subscribed, &bob).await["status"], "OFFLINE");
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
}

#[tokio::test]
async fn the_grace_begins_anew_with_each_last_connection() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    let mut ear = stomp(&alice, &["presence"]).await;
    drop(stomp(&bob, &[]).await);
    assert_eq!(told(&mut ear, &bob, SOON).await.expect("told")["status"], "ONLINE");
    sleep(Duration::from_secs(3)).await;
    drop(stomp(&bob, &[]).await);
    let left = Instant::now();
    assert!(told(&mut ear, &bob, Duration::from_secs(4)).await.is_none(), "gone {:?} after the last", left.elapsed());
    assert_eq!(told(&mut ear, &bob, SLACK).await.expect("told")["status"], "OFFLINE");
}

#[tokio::test]
async fn a_connection_that_flaps_is_told_a_few_times_and_ends_right() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    let mut ear = stomp(&alice, &["presence"]).await;
    for turn in 0..20 {
        match turn % 2 {
            0 => drop(stomp(&bob, &[]).await),
            _ => drop(bob.subscribe("subscription { messages { id } }").await),
        }
    }
    let stays = stomp(&bob, &[]).await;
    let mut heard = Vec::new();
    while let Some(event) = told(&mut ear, &bob, GRACE + Duration::from_secs(2)).await {
        heard.push(event["status"].clone());
    }
    assert!((1..=3).contains(&heard.len()), "{heard:?}");
    assert_eq!(heard.last(), Some(&json!("ONLINE")));
    assert_eq!(status(&alice, &bob).await, "ONLINE");
    drop(stays);
    assert_eq!(told(&mut ear, &bob, GRACE + SLACK).await.expect("told")["status"], "OFFLINE");
}

#[tokio::test]
async fn what_somebody_chose_to_be_survives_their_connections() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    for chosen in ["DND", "AWAY"] {
        let mut ear = stomp(&alice, &["presence"]).await;
        let mut session = stomp(&bob, &[]).await;
        let said = json!({ "status": chosen, "statusMessage": "At lunch", "deviceType": "desktop" });
        assert!(session.send("/app/chat.presence", &said.to_string()).await.is_none());
        while told(&mut ear, &bob, SOON).await.expect("told")["status"] != chosen {}
        drop(session);
        let gone = told(&mut ear, &bob, GRACE + SLACK).await.expect("told");
        assert_eq!(gone["status"], "OFFLINE");
        let back = bob.subscribe("subscription { messages { id } }").await;
        let event = told(&mut ear, &bob, SOON).await.expect("told");
        assert_eq!(event["status"], chosen);
        assert_eq!(
            (event["statusMessage"].clone(), event["deviceType"].clone()),
            (json!("At lunch"), json!("desktop"))
        );
        assert_eq!(status(&alice, &bob).await, chosen);
        drop(back);
        while told(&mut ear, &bob, GRACE + SLACK).await.expect("told")["status"] != "OFFLINE" {}
    }
}

#[tokio::test]
async fn somebody_invisible_looks_offline_at_every_door_and_in_events() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    let mut ear = stomp(&alice, &["presence"]).await;
    let mut subscribed = alice.subscribe(PRESENCE).await;
    let mut session = stomp(&bob, &[]).await;
    assert_eq!(told(&mut ear, &bob, SOON).await.expect("told")["status"], "ONLINE");
    assert!(session.send("/app/chat.presence", r#"{"online":false}"#).await.is_none());
    assert_eq!(told(&mut ear, &bob, SOON).await.expect("told")["status"], "OFFLINE");
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
    // Neither coming and going, nor signs of life, nor a status message give them away.
    let before = alice.get(&format!("/presence/{}", bob.id)).await.ok()["lastSeenAt"].clone();
    let second = bob.subscribe(PRESENCE).await;
    assert!(session.send("/app/chat.heartbeat", "{}").await.is_none());
    bob.gql_ok("mutation { heartbeat }", Json::Null).await;
    assert!(told(&mut ear, &bob, Duration::from_millis(500)).await.is_none());
    assert_eq!(alice.get(&format!("/presence/{}", bob.id)).await.ok()["lastSeenAt"], before);
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
    drop(second);
    assert!(session.send("/app/chat.presence", r#"{"online":true}"#).await.is_none());
    assert_eq!(told(&mut ear, &bob, SOON).await.expect("told")["status"], "ONLINE");
    let heard: Vec<Json> = [
        told_by_graphql(&mut subscribed, &bob).await,
        told_by_graphql(&mut subscribed, &bob).await,
        told_by_graphql(&mut subscribed, &bob).await,
    ]
    .map(|event| event["status"].clone())
    .to_vec();
    assert_eq!(heard, [json!("ONLINE"), json!("OFFLINE"), json!("ONLINE")]);
}

#[tokio::test]
async fn whoever_shares_no_conversation_any_more_hears_of_no_presence() {
    let Scene { server, alice, bob, group } = scene().await;
    let eve = server.person("Eve").await;
    let mut outside = stomp(&eve, &["presence"]).await;
    let mut ear = stomp(&bob, &["presence"]).await;
    let mut subscribed = bob.subscribe(PRESENCE).await;
    alice.put("/presence/status", json!({ "status": "AWAY" })).await.ok();
    assert_eq!(told(&mut ear, &alice, SOON).await.expect("told")["status"], "AWAY");
    assert_eq!(told_by_graphql(&mut subscribed, &alice).await["status"], "AWAY");
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.put("/presence/status", json!({ "status": "DND", "statusMessage": "Private" })).await.ok();
    assert!(told(&mut ear, &alice, Duration::from_millis(500)).await.is_none());
    subscribed.is_quiet().await;
    outside.is_quiet().await;
    for stranger in [&bob, &eve] {
        stranger.get(&format!("/presence/{}", alice.id)).await.refused_with(404, "NOT_FOUND");
        assert_eq!(stranger.post("/presence/users", json!([alice.id])).await.ok(), json!([]));
    }
}

#[tokio::test]
async fn a_large_group_causes_no_presence_and_no_typing_events() {
    let server = Server::start_with(|config| config.chat.quiet_group_size = 2).await;
    let Scene { server, alice, bob, group } = scene_of(server).await;
    let carol = server.person("Carol").await;
    let mut ear = stomp(&bob, &["presence", "typing", "messages"]).await;
    let typing = |on: bool| json!({ "conversationId": group, "typing": on }).to_string();
    let mut session = stomp(&alice, &[]).await;
    assert_eq!(told(&mut ear, &alice, SOON).await.expect("told")["status"], "ONLINE");
    assert!(session.send("/app/chat.typing", &typing(true)).await.is_none());
    assert_eq!(ear.hear("typing").await["typing"], true);
    assert!(session.send("/app/chat.typing", &typing(false)).await.is_none());
    assert_eq!(ear.hear("typing").await["typing"], false);

    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    let mut subscribed = bob.subscribe(TYPING).await;
    let mut statuses = bob.subscribe(PRESENCE).await;
    assert!(session.send("/app/chat.typing", &typing(true)).await.is_none());
    alice.put("/presence/status", json!({ "status": "DND" })).await.ok();
    subscribed.is_quiet().await;
    statuses.is_quiet().await;
    alice.send(group, "Hello").await;
    assert_eq!(ear.hear("messages").await["content"], "Hello");
    ear.is_quiet().await;
    assert_eq!(status(&bob, &alice).await, "DND", "asking is answered in any group");
}

#[tokio::test]
async fn typing_ends_when_it_is_said_with_the_next_message_and_by_itself() {
    let server = Server::start_with(|config| config.chat.typing_indicator_ttl_seconds = 2).await;
    let Scene { server, alice, bob, group } = scene_of(server).await;
    let eve = server.person("Eve").await;
    let mut outside = stomp(&eve, &["typing"]).await;
    let mut ear = stomp(&bob, &["typing"]).await;
    let mut subscribed = bob.subscribe(TYPING).await;
    let mut own = stomp(&alice, &["typing"]).await;
    let mut session = stomp(&alice, &[]).await;
    let start = "mutation($c: ID!, $t: Boolean!) { setTyping(conversationId: $c, typing: $t) }";
    let typing = |on: bool| json!({ "conversationId": group, "typing": on }).to_string();
    let graphql = |on: bool| json!({ "c": group.to_string(), "t": on });
    for end in ["said", "by GraphQL", "sent", "sent by STOMP", "by itself"] {
        match end {
            "said" | "sent" => assert!(session.send("/app/chat.typing", &typing(true)).await.is_none()),
            _ => drop(alice.gql_ok(start, graphql(true)).await),
        }
        let began = Instant::now();
        let event = ear.hear("typing").await;
        assert_eq!((event["userId"].clone(), event["typing"].clone()), (json!(alice.id), json!(true)), "{end}");
        assert!(event["expiresAt"].is_string());
        let by_graphql =
            |on: bool| json!({ "conversationId": group.to_string(), "userId": alice.id.to_string(), "typing": on });
        assert_eq!(subscribed.event().await["typing"], by_graphql(true), "{end}");
        match end {
            "said" => assert!(session.send("/app/chat.typing", &typing(false)).await.is_none()),
            "by GraphQL" => drop(alice.gql_ok(start, graphql(false)).await),
            "sent" => drop(alice.send(group, "Hello").await),
            "sent by STOMP" => {
                let message = json!({ "conversationId": group, "content": "Hello" }).to_string();
                assert!(session.send("/app/chat.send", &message).await.is_none());
            }
            _ => {}
        }
        let event = ear.hear("typing").await;
        assert_eq!((event["typing"].clone(), event["expiresAt"].clone()), (json!(false), Json::Null), "{end}");
        assert_eq!(subscribed.event().await["typing"], by_graphql(false), "{end}");
        let took = began.elapsed();
        assert_eq!(end == "by itself", took > Duration::from_millis(1900), "{end}: {took:?}");
    }
    own.is_quiet().await;
    outside.is_quiet().await;
    ear.is_quiet().await;
}

#[tokio::test]
async fn joining_leaving_and_roles_are_announced_to_everybody_inside() {
    const CHANGES: &str =
        "subscription { conversationChanges { event conversation { id participants { userId role } } } }";
    let Scene { server, alice, bob, group } = scene().await;
    let carol = server.person("Carol").await;
    let mut ears = [stomp(&alice, &["conversations"]).await, stomp(&bob, &["conversations"]).await];
    let mut carols = stomp(&carol, &["conversations"]).await;
    let mut subscribed = bob.subscribe(CHANGES).await;
    let mut joined = carol.subscribe(CHANGES).await;
    let role = |body: &Json, person: &Person| {
        let all = body["participants"].as_array().expect("a list").clone();
        all.into_iter().find(|one| one["userId"] == person.id).map(|one| one["role"].clone())
    };
    let people = format!("/conversations/{group}/participants");

    alice.post(&people, json!({ "userIds": [carol.id] })).await.ok();
    for ear in &mut ears {
        let body = ear.hear("conversations").await;
        assert_eq!((body["event"].clone(), role(&body, &carol)), (json!("updated"), Some(json!("MEMBER"))));
    }
    assert_eq!(carols.hear("conversations").await["event"], "created");
    assert_eq!(joined.event().await["conversationChanges"]["event"], "CREATED");
    assert_eq!(subscribed.event().await["conversationChanges"]["event"], "UPDATED");

    let ids = json!({ "c": group.to_string(), "u": carol.id.to_string() });
    let promote =
        "mutation($c: ID!, $u: ID!) { setParticipantRole(conversationId: $c, userId: $u, role: ADMIN) { id } }";
    alice.gql_ok(promote, ids).await;
    for ear in ears.iter_mut().chain([&mut carols]) {
        let body = ear.hear("conversations").await;
        assert_eq!((body["event"].clone(), role(&body, &carol)), (json!("updated"), Some(json!("ADMIN"))));
    }
    assert_eq!(joined.event().await["conversationChanges"]["event"], "UPDATED");
    assert_eq!(subscribed.event().await["conversationChanges"]["event"], "UPDATED");

    carol.delete(&format!("/conversations/{group}")).await.ok();
    for ear in &mut ears {
        let body = ear.hear("conversations").await;
        assert_eq!((body["event"].clone(), role(&body, &carol)), (json!("updated"), None));
    }
    let left = carols.hear("conversations").await;
    assert_eq!((left["event"].clone(), left["id"].clone()), (json!("left"), json!(group)));
    assert_eq!((left["participants"].clone(), left["lastMessage"].clone()), (json!([]), Json::Null));
    assert_eq!(joined.event().await["conversationChanges"]["event"], "LEFT");
    assert_eq!(subscribed.event().await["conversationChanges"]["event"], "UPDATED");

    // Nothing of what happens after it left is Carol's.
    bob.delete(&format!("/conversations/{group}")).await.ok();
    assert_eq!(ears[0].hear("conversations").await["event"], "updated");
    assert_eq!(ears[1].hear("conversations").await["event"], "left");
    assert_eq!(subscribed.event().await["conversationChanges"]["event"], "LEFT");
    let delete = "mutation($c: ID!) { deleteConversation(conversationId: $c) }";
    alice.gql_ok(delete, json!({ "c": group.to_string() })).await;
    assert_eq!(ears[0].hear("conversations").await["event"], "deleted");
    carols.is_quiet().await;
    ears[1].is_quiet().await;
}

/// How long those who were connected when the server stopped have to come back, and how long the end of that may take to
/// be noticed.
const RETURN: Duration = Duration::from_secs(15);

/// How many rows say that somebody is here still.
async fn here(server: &Server) -> i64 {
    // Both databases compare times: SQLite by their texts, which are alike up to the second.
    let now = crate::now().format("%Y-%m-%d %H:%M:%S");
    let table = "SELECT count(*) FROM chat_user_presence WHERE";
    let seen = match server.database_url().starts_with("sqlite:") {
        true => format!("replace(substr(seen_until, 1, 19), 'T', ' ') > '{now}'"),
        false => format!("date_trunc('second', seen_until) > '{now}+00'"),
    };
    bulk::number(server, &format!("{table} {seen}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_stays_online_over_a_stop_and_of_whoever_is_back_at_once_no_departure_is_told() {
    let Scene { mut server, alice, bob, .. } = scene().await;
    let carol = server.person("Carol").await;
    alice.direct(&carol).await;
    let mut crowd = Vec::new();
    for number in 0..50 {
        let somebody = server.person(&format!("Somebody {number}")).await;
        crowd.push(stomp(&somebody, &[]).await);
    }
    let (bobs, carols) = (stomp(&bob, &[]).await, stomp(&carol, &[]).await);
    let mut ear = stomp(&alice, &["presence"]).await;
    assert_eq!((status(&alice, &bob).await, status(&alice, &carol).await), ("ONLINE".to_owned(), "ONLINE".to_owned()));
    assert_eq!(here(&server).await, 53);
    server.stop().await;
    assert_eq!(here(&server).await, 0, "people are online without a server");
    drop((ear, bobs, carols, crowd));

    server.resume().await;
    let started = Instant::now();
    let (alice, bob, carol) = (alice.at(server.address), bob.at(server.address), carol.at(server.address));
    assert_eq!(
        (status(&alice, &bob).await, status(&alice, &carol).await),
        ("OFFLINE".to_owned(), "OFFLINE".to_owned())
    );
    ear = stomp(&alice, &["presence"]).await;
    let _back = stomp(&bob, &[]).await;
    // That Bob went is told to nobody: only that he is here, for whoever asked meanwhile.
    let back = told_of_any(&mut ear, RETURN).await.expect("told");
    assert_eq!((&back["userId"], &back["status"]), (&json!(bob.id), &json!("ONLINE")), "{back}");
    // Carol does not come back, which is told once.
    let gone = told_of_any(&mut ear, RETURN + Duration::from_secs(30)).await.expect("told");
    assert_eq!((&gone["userId"], &gone["status"]), (&json!(carol.id), &json!("OFFLINE")), "{gone}");
    assert!(started.elapsed() > RETURN - Duration::from_secs(1), "after {:?}", started.elapsed());
    assert!(told_of_any(&mut ear, Duration::from_secs(11)).await.is_none(), "told twice, or of somebody who is here");
    assert_eq!((status(&alice, &bob).await, status(&alice, &carol).await), ("ONLINE".to_owned(), "OFFLINE".to_owned()));
    assert_eq!(here(&server).await, 2);
}

/// The next status that is told of anybody but oneself.
async fn told_of_any(ear: &mut Stomp, within: Duration) -> Option<Json> {
    let until = Instant::now() + within;
    loop {
        let (queue, body) = ear.next(until.saturating_duration_since(Instant::now())).await?;
        if queue == "presence" && body["userId"] != 1 {
            return Some(body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_killed_server_left_online_has_a_few_seconds_to_be_back() {
    // A process that was killed could say nothing; on PostgreSQL it might as well be another one that is alive.
    let mut server = Server::start_on_sqlite().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    alice.direct(&bob).await;
    let session = stomp(&bob, &[]).await;
    bob.put("/presence/status", json!({ "status": "AWAY" })).await.ok();
    server.stop().await;
    drop(session);
    let for_ever = chrono::DateTime::from_timestamp(253_402_300_799, 0).expect("the last moment that is stored");
    let killed = "UPDATE chat_user_presence SET seen_until = $1 WHERE user_id IN (SELECT user_id FROM chat_attendance)";
    server.meddle(killed, vec![for_ever.into()]).await;
    server.meddle("UPDATE chat_nodes SET seen_until = $1", vec![for_ever.into()]).await;
    server.resume().await;
    let (alice, bob) = (alice.at(server.address), bob.at(server.address));
    let mut ear = stomp(&alice, &["presence"]).await;
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
    assert_eq!(told(&mut ear, &bob, RETURN + Duration::from_secs(30)).await.expect("told")["status"], "OFFLINE");
    assert_eq!(status(&alice, &bob).await, "OFFLINE");
}

#[tokio::test]
async fn signs_of_life_that_come_fast_do_not_reach_the_writer() {
    let Scene { server, alice, bob, .. } = scene().await;
    let _session = stomp(&alice, &[]).await;
    bob.put("/presence/status", json!({ "status": "ONLINE" })).await.ok();
    let mut smallest = u64::MAX;
    for _ in 0..5 {
        let before = server.written();
        drop(stomp(&alice, &[]).await);
        alice.put("/presence/status", json!({ "status": "ONLINE" })).await.ok();
        bob.gql_ok("mutation { heartbeat }", Json::Null).await;
        smallest = smallest.min(server.written() - before);
    }
    assert_eq!(smallest, 0);
    assert_eq!((status(&bob, &alice).await, status(&alice, &bob).await), ("ONLINE".to_owned(), "ONLINE".to_owned()));
}
