//! Users whom the host application knows by a text (protocol §13, identity).

use confab::config::UserIds;
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::{Server, token};
use crate::stomp_client::{CARRIERS, StompClient};

const ADA: &str = "auth0|64f1c0ffee";
const BOB: &str = "1f0c8a52-7d0e-4c4e-9a55-0d8f8f4b6c1a";
const ME: &str = "{ me { id name externalId } }";

async fn server() -> Server {
    Server::start_with(|config| config.auth.user_ids = UserIds::Text).await
}

fn known_as(server: &Server, external: &str, name: &str) -> Person {
    server.somebody(0, &token(json!({ "sub": external, "name": name })), name)
}

async fn me(person: &Person) -> Json {
    person.gql_ok(ME, json!({})).await["me"].take()
}

fn number(me: &Json) -> i64 {
    me["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("a number: {me}"))
}

#[tokio::test]
async fn a_user_who_is_known_by_a_text_gets_a_number_at_first_sight_and_keeps_it() {
    let server = server().await;
    let (ada, bob) = (known_as(&server, ADA, "Ada"), known_as(&server, BOB, "Bob"));
    let (is_ada, is_bob) = (me(&ada).await, me(&bob).await);
    assert_eq!((&is_ada["name"], &is_ada["externalId"]), (&json!("Ada"), &json!(ADA)));
    assert_ne!(is_ada["id"], is_bob["id"]);
    assert_eq!(me(&known_as(&server, ADA, "Ada L.")).await["id"], is_ada["id"]);
    let other = server.twin().await;
    assert_eq!(me(&known_as(&other, ADA, "Ada L.")).await["id"], is_ada["id"], "at every node");
    // Without a name, by the number; a number is a text as it is written.
    let nameless = me(&server.somebody(0, &token(json!({ "sub": 42 })), "")).await;
    assert_eq!(
        (&nameless["externalId"], &nameless["name"]),
        (&json!("42"), &json!(format!("User {}", number(&nameless))))
    );
    for sub in [json!(""), json!("a\u{7}b"), json!("x".repeat(256)), json!(true), json!(1.5)] {
        let refused = server.somebody(0, &token(json!({ "sub": sub })), "").get("/conversations/unread").await;
        let sentence = "The user of the token (sub) is not text of 1 to 255 bytes without control characters";
        refused.refused(401, "UNAUTHENTICATED", sentence);
    }
}

#[tokio::test]
async fn however_many_meet_at_the_same_moment_each_text_has_one_number() {
    let server = server().await;
    let other = server.twin().await;
    let meetings = (0..40).map(|n| {
        let person = known_as(if n % 2 == 0 { &server } else { &other }, &format!("person-{}", n % 5), "Somebody");
        async move { (n % 5, number(&me(&person).await)) }
    });
    let met = futures_util::future::join_all(meetings).await;
    let mut pairs = met.clone();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), 5, "{met:?}");
    let mut numbers: Vec<i64> = pairs.iter().map(|(_, number)| *number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 5);
}

#[tokio::test]
async fn people_are_named_by_external_ids_beside_ids() {
    let server = server().await;
    let (ada, bob, eve) =
        (known_as(&server, ADA, "Ada"), known_as(&server, BOB, "Bob"), known_as(&server, "eve", "Eve"));
    let (is_ada, is_bob, is_eve) = (me(&ada).await, me(&bob).await, me(&eve).await);

    let opened = ada.post("/conversations/direct", json!({ "externalId": BOB })).await;
    assert_eq!(opened.status, 201);
    let direct = opened.ok();
    assert_eq!(direct["name"], "Bob");
    let by_graphql = "mutation($e: String, $u: ID) { openDirect(externalId: $e, userId: $u) { id } }";
    let again = ada.gql_ok(by_graphql, json!({ "e": BOB })).await;
    assert_eq!(again["openDirect"]["id"], direct["id"].to_string());
    let again = ada.gql_ok(by_graphql, json!({ "u": is_bob["id"] })).await;
    assert_eq!(again["openDirect"]["id"], direct["id"].to_string());
    for nobody in [json!({}), json!({ "e": BOB, "u": is_bob["id"] })] {
        assert_eq!(ada.gql_refused(by_graphql, nobody).await.0, "BAD_REQUEST");
    }

    let create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id participants { userId } } }";
    let input = json!({ "name": "Team", "externalIds": [BOB, BOB, ADA] });
    let group = ada.gql_ok(create, json!({ "input": input })).await["createGroup"].take();
    let ids = |group: &Json| -> Vec<Json> {
        group["participants"].as_array().into_iter().flatten().map(|one| one["userId"].clone()).collect()
    };
    assert_eq!(ids(&group), [is_ada["id"].clone(), is_bob["id"].clone()]);
    let made = ada.post("/conversations", json!({ "name": "Second", "externalIds": ["eve"] })).await.ok();
    assert_eq!(made["participantCount"], 2, "{made}");
    let add = "mutation($id: ID!, $e: [String!]) { addParticipants(conversationId: $id, externalIds: $e) { participants { userId } } }";
    let added = ada.gql_ok(add, json!({ "id": group["id"], "e": ["eve"] })).await;
    assert_eq!(ids(&added["addParticipants"]).last(), Some(&is_eve["id"]));
    let path = format!("/conversations/{}/participants", made["id"]);
    assert_eq!(ada.post(&path, json!({ "externalIds": [BOB] })).await.ok()["participantCount"], 3);

    let unknown = "User not found: nobody";
    ada.post("/conversations/direct", json!({ "externalId": "nobody" })).await.refused(404, "NOT_FOUND", unknown);
    ada.post(&path, json!({ "externalIds": ["nobody"] })).await.refused(404, "NOT_FOUND", unknown);
    let input = json!({ "input": { "name": "Third", "externalIds": ["nobody"] } });
    assert_eq!(ada.gql_refused(create, input).await, ("NOT_FOUND".to_owned(), unknown.to_owned()));
    ada.post("/conversations/direct", json!({ "externalId": "" })).await.refused_with(400, "BAD_REQUEST");
    ada.post("/conversations/direct", json!({})).await.refused_with(400, "BAD_REQUEST");

    // The text is told to oneself and to administrators.
    let ask = "query($id: ID!) { user(id: $id) { name externalId } }";
    let of_bob = json!({ "id": is_bob["id"] });
    assert_eq!(ada.gql_ok(ask, of_bob.clone()).await["user"], json!({ "name": "Bob", "externalId": null }));
    let root = server.somebody(0, &token(json!({ "sub": "root", "roles": ["admin"] })), "");
    assert_eq!(root.gql_ok(ask, of_bob).await["user"], json!({ "name": "Bob", "externalId": BOB }));
}

#[tokio::test]
async fn administrators_ban_and_sign_out_by_external_ids() {
    let server = server().await;
    let root = server.somebody(0, &token(json!({ "sub": "root", "roles": ["admin"] })), "");
    let (ada, bob) = (known_as(&server, ADA, "Ada"), known_as(&server, BOB, "Bob"));
    let is_bob = me(&bob).await;
    for (name, is_banned, status) in [("banUser", true, 403), ("unbanUser", false, 200), ("logoutUser", false, 401)] {
        let mutation =
            format!("mutation($e: String, $u: ID) {{ {name}(externalId: $e, userId: $u) {{ id isBanned }} }}");
        // Who may not do it is not told whether somebody is known.
        for text in [BOB, "nobody"] {
            assert_eq!(ada.gql_refused(&mutation, json!({ "e": text })).await.0, "FORBIDDEN", "{name}");
        }
        let done = root.gql_ok(&mutation, json!({ "e": BOB })).await;
        assert_eq!(done[name], json!({ "id": is_bob["id"], "isBanned": is_banned }));
        assert_eq!(bob.get("/conversations").await.status, status, "{name}");
        let unknown = root.gql_refused(&mutation, json!({ "e": "nobody" })).await;
        assert_eq!(unknown, ("NOT_FOUND".to_owned(), "User not found: nobody".to_owned()));
        for nobody in [json!({}), json!({ "e": BOB, "u": is_bob["id"] })] {
            assert_eq!(root.gql_refused(&mutation, nobody).await.0, "BAD_REQUEST", "{name}");
        }
    }
}

#[tokio::test]
async fn administrators_make_users_known_by_their_texts() {
    let server = server().await;
    let root = server.somebody(0, &token(json!({ "sub": "root", "roles": ["admin"] })), "");
    me(&root).await;
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id name externalId } }";
    let input =
        json!({ "input": [{ "externalId": BOB, "name": "Bob" }, { "id": "700", "externalId": "eve", "name": "Eve" }] });
    let made = root.gql_ok(upsert, input).await["upsertUsers"].take();
    assert_eq!((&made[0]["externalId"], &made[1]["id"]), (&json!(BOB), &json!("700")));
    assert_eq!(me(&known_as(&server, BOB, "Bobby")).await["id"], made[0]["id"]);
    assert_eq!(me(&known_as(&server, "eve", "Eve")).await["id"], "700");
    // The next one gets a number that nobody has.
    assert_eq!(me(&known_as(&server, "new", "New")).await["id"], "701");
    let renamed = json!({ "input": [{ "id": "700", "name": "Eva" }] });
    assert_eq!(root.gql_ok(upsert, renamed).await["upsertUsers"][0]["externalId"], "eve");
    for (input, code) in [
        (json!([{ "name": "Nobody" }]), "BAD_REQUEST"),
        (json!([{ "externalId": "", "name": "Nobody" }]), "BAD_REQUEST"),
        (json!([{ "id": "9", "externalId": "eve", "name": "Eve" }]), "CONFLICT"),
        (json!([{ "id": "700", "externalId": "other", "name": "Eve" }]), "CONFLICT"),
    ] {
        assert_eq!(root.gql_refused(upsert, json!({ "input": input })).await.0, code, "{input}");
    }
}

#[tokio::test]
async fn a_session_of_sockjs_belongs_to_whoever_is_known_by_the_text() {
    let server = server().await;
    let ada = token(json!({ "sub": ADA, "name": "Ada" }));
    for carrier in CARRIERS {
        let mut client = StompClient::open_with(server.address, carrier, &format!("?token={ada}")).await;
        client.say("CONNECT\naccept-version:1.2\n\n\0").await;
        assert_eq!(client.hear().await.command, "CONNECTED", "{carrier:?}");
        client.say("SUBSCRIBE\nid:1\ndestination:/user/queue/messages\nreceipt:r\n\n\0").await;
        assert_eq!(client.hear().await.command, "RECEIPT", "{carrier:?}");
    }
}

#[tokio::test]
async fn where_users_have_numbers_a_text_names_nobody() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let sentence = "Users have no external ids here, see auth.user_ids";
    alice.post("/conversations/direct", json!({ "externalId": "x" })).await.refused(400, "BAD_REQUEST", sentence);
    assert_eq!(me(&alice).await["externalId"], Json::Null);
}
