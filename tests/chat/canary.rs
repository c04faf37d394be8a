//! Canaries: private words are planted, every byte that the server sends to those whom they do not concern is kept,
//! and none of the words may ever be in it (protocol §8.7).

mod ear;

use serde_json::{Value as Json, json};

use crate::matrix::doors::DOORS;
use crate::matrix::operations::OPERATIONS;
use crate::matrix::scene::{People, Scene, Who};
use crate::person::Person;
use crate::server::Server;
use ear::{Ear, ask_around};

/// What only the sender may ever see, and what nobody may.
const SENDERS: &str = "planttempid";
const NOBODYS: &str = "plantbrowser";
const EMOJIS: [&str; 3] = ["🦤", "\\ud83e\\udda4", "\\uD83E\\uDDA4"];

/// Everything private that Alice and Bob do in one conversation; each word carries the mark of its time.
async fn live_through(alice: &Person, bob: &Person, group: i64, mark: &str) {
    let path = format!("/conversations/{group}");
    let messages = format!("{path}/messages");
    let update = json!({ "name": format!("plantname{mark}"), "description": format!("plantdescription{mark}"),
        "avatarUrl": format!("https://plantavatar{mark}.example/a.png") });
    if mark != "direct" {
        alice.put(&path, update).await.ok();
    }
    let sent = json!({ "content": format!("plantcontent{mark}"), "tempId": format!("{SENDERS}{mark}"),
        "metadata": { "key": format!("plantmetadata{mark}") } });
    let message = alice.post(&messages, sent).await.ok()["id"].clone();
    let message = message.as_i64().expect("an id");
    let reply = json!({ "content": format!("plantreply{mark}"), "parentMessageId": message });
    bob.post(&messages, reply).await.ok();
    bob.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "🦤" })).await.ok();
    let edited = alice.send(group, &format!("plantbefore{mark}")).await;
    alice.put(&format!("/messages/{edited}"), json!({ "content": format!("plantedited{mark}") })).await.ok();
    let deleted = alice.send(group, &format!("plantdeleted{mark}")).await;
    alice.delete(&format!("/messages/{deleted}")).await.ok();
    bob.post_nothing(&format!("{path}/read")).await.ok();
    let typing = "mutation($c: ID!) { setTyping(conversationId: $c, typing: true) }";
    bob.gql_ok(typing, json!({ "c": group.to_string() })).await;
    let presence = "mutation($m: String!, $d: String!, $b: JSON) {
        setPresence(status: AWAY, statusMessage: $m, deviceType: $d, browserInfo: $b) { status } }";
    let how = json!({ "m": format!("plantstatus{mark}"), "d": format!("plantdevice{mark}"),
        "b": { "agent": format!("{NOBODYS}{mark}") } });
    alice.gql_ok(presence, how).await;
}

fn words(marks: &[&str]) -> Vec<String> {
    const PLANTED: [&str; 11] = [
        "plantname",
        "plantdescription",
        "plantavatar",
        "plantcontent",
        "plantmetadata",
        "plantreply",
        "plantbefore",
        "plantedited",
        "plantdeleted",
        "plantstatus",
        "plantdevice",
    ];
    marks.iter().flat_map(|mark| PLANTED.map(|word| format!("{word}{mark}"))).collect()
}

#[track_caller]
fn silent(name: &str, ear: &Ear, words: &[String], always: &[&str]) {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(always.iter().copied()).collect();
    let told = ear.told(&words);
    assert!(told.is_empty(), "{name} was told {} things:\n{}", told.len(), told.join("\n"));
}

#[tokio::test]
async fn nothing_private_ever_reaches_those_whom_it_does_not_concern() {
    let server = Server::start().await;
    let people = People::meet(&server).await;
    let (alice, bob) = (people.named("owner"), people.named("member"));
    let (carol, eve) = (people.named("removed"), people.named("stranger"));
    let nobody = Person::new(server.address, 0, "", "");
    let start = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let group = alice.group("Team", &[bob, carol]).await;
    let direct = alice.direct(bob).await;
    // Eve has somewhere to be, so that her doors have something to tell.
    let eves = eve.group("Evening", &[people.named("newcomer")]).await;

    let [alices, bobs, carols, eves_ear] = [(); 4].map(|()| Ear::default());
    for (ear, person) in [(&alices, alice), (&bobs, bob), (&carols, carol), (&eves_ear, eve)] {
        ear.at_every_door(person, &start).await;
    }
    live_through(alice, bob, group, "one").await;
    // Carol hears the last of it before she goes.
    alice.send(group, "plantlastone").await;
    for door in ["graphql-transport-ws", "graphql-ws", "events", "stomp", "xhr_streaming"] {
        carols.wait_for(door, "plantlastone").await;
    }
    alice.delete(&format!("/conversations/{group}/participants/{}", carol.id)).await.ok();
    live_through(alice, bob, group, "two").await;
    live_through(alice, bob, direct, "direct").await;
    let positions = start.split_once('.').expect("epoch and position");
    let head = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let newest: i64 = head.split_once('.').expect("a position").1.parse().expect("a number");
    let cursors: Vec<String> = (0..=newest).step_by(3).map(|at| format!("{}.{at}", positions.0)).collect();

    let carol_asks = Ear::default();
    let nobodys = Ear::default();
    for (ear, person) in [(&carol_asks, carol), (&eves_ear, eve), (&nobodys, &nobody)] {
        ask_around(ear, person, 1..=16, &cursors).await;
        if person.id != 0 {
            for after in ["", &start, &cursors[cursors.len() / 2]] {
                ear.at_every_door(person, after).await;
            }
        }
    }
    for group in [group, direct] {
        let messages = alice.get(&format!("/conversations/{group}/messages")).await.ok();
        let id = |place: usize| messages[place]["id"].as_i64().expect("an id");
        let scene = Scene { group, own: vec![id(0); 4], reply: id(1) };
        for operation in OPERATIONS.iter().filter(|operation| operation.name != "see how somebody is") {
            for (ear, who) in [(&carol_asks, Who::Removed), (&eves_ear, Who::Stranger), (&nobodys, Who::Anonymous)] {
                for door in DOORS.into_iter().filter(|door| door.has(operation)) {
                    let came = door.pass(server.address, &people, operation, &scene, who).await;
                    assert_ne!(came.code, "OK", "{} by {door:?} as {who:?}", operation.name);
                    ear.hear(operation.name, &came.text);
                }
            }
        }
    }
    // What Eve and Carol hear last is behind all that they could have heard before.
    eve.send(eves, "the end").await;
    let end = carol.group("the end", &[]).await;
    carol.send(end, "the end").await;
    alice.send(direct, "the end").await;
    for door in ["graphql-transport-ws", "graphql-ws", "events", "stomp", "xhr_streaming"] {
        for ear in [&alices, &eves_ear, &carols, &carol_asks] {
            ear.wait_for(door, "the end").await;
        }
    }

    let all = words(&["one", "two", "direct"]);
    let outside: Vec<&str> = [SENDERS, NOBODYS].into_iter().chain(EMOJIS).collect();
    silent("Eve", &eves_ear, &all, &outside);
    silent("nobody", &nobodys, &all, &outside);
    silent("Carol, after her removal,", &carol_asks, &all, &outside);
    silent("Carol, who was there at first,", &carols, &words(&["two", "direct"]), &[SENDERS, NOBODYS]);
    silent("Bob", &bobs, &[], &[SENDERS, NOBODYS]);
    silent("Alice", &alices, &[], &[NOBODYS]);
    // The ears do hear: whoever is inside was told all of it.
    for word in all.iter().filter(|word| !word.contains("direct") || word.contains("content")) {
        assert!(!alices.told(&[word]).is_empty(), "Alice was not told {word}");
    }
    assert!(!alices.told(&[SENDERS]).is_empty() && alices.len() > 100 && nobodys.len() > 100);
}

#[tokio::test]
async fn refusals_say_the_same_of_every_private_thing() {
    let server = Server::start().await;
    let (alice, eve) = (server.person("Alice").await, server.person("Eve").await);
    let (first, second) = (alice.group("plantone", &[]).await, alice.group("planttwo", &[]).await);
    let (one, two) = (alice.send(first, "plantone").await, alice.send(second, "planttwo").await);
    alice.delete(&format!("/messages/{two}")).await.ok();
    let body = |answer: crate::person::Answer| (answer.status, answer.body);
    for path in ["/conversations/#", "/conversations/#/messages"] {
        let [a, b] = [first, second].map(|id| path.replace('#', &id.to_string()));
        assert_eq!(body(eve.get(&a).await), body(eve.get(&b).await), "{path}");
    }
    for path in ["/messages/#/thread", "/messages/#/reactions", "/messages/#/read-receipts"] {
        let [a, b] = [one, two].map(|id| path.replace('#', &id.to_string()));
        assert_eq!(body(eve.get(&a).await), body(eve.get(&b).await), "{path}");
    }
    // A tombstone is no conflict for somebody who may not know of it, nor an emoji too many.
    eve.put(&format!("/messages/{two}"), json!({ "content": "x" })).await.refused_with(403, "FORBIDDEN");
    eve.delete(&format!("/messages/{two}")).await.refused_with(403, "FORBIDDEN");
    let reaction = json!({ "emoji": "🦤" });
    eve.post(&format!("/messages/{two}/reactions"), reaction).await.refused_with(403, "FORBIDDEN");
    let reply = json!({ "content": "x", "parentMessageId": two });
    eve.post(&format!("/conversations/{second}/messages"), reply).await.refused_with(403, "FORBIDDEN");
    // Somebody unknown and a stranger look alike.
    let (stranger, unknown) = (eve.get(&format!("/presence/{}", alice.id)).await, eve.get("/presence/4242").await);
    let sentence = |answer: &crate::person::Answer| {
        answer.body["error"]
            .as_str()
            .map(|text| text.chars().filter(|character| !character.is_ascii_digit()).collect::<String>())
    };
    assert_eq!((stranger.status, sentence(&stranger)), (unknown.status, sentence(&unknown)));
    let nulls: Json = eve.gql("query($id: ID!) { conversation(id: $id) { name } }", json!({ "id": first })).await;
    assert_eq!(nulls["data"], json!({ "conversation": null }), "{nulls}");
}
