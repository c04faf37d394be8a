//! Users who are banned or signed out: what they are told at each door, and how their open connections end, at every node
//! (protocol §13, identity).

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::process::Home;
use crate::server::{Server, now, token};
use crate::sockets::{EventStream, GraphqlSocket, until};
use crate::stomp_client::CARRIERS;

const BANNED: &str = "You are banned from this server";
const SIGNED_OUT: &str = "You were signed out, a new token is needed";
const LISTEN: &str = "subscription { messages { id } }";

async fn sanction(root: &Person, name: &str, user: i64) -> Json {
    let mutation = format!("mutation($id: ID!) {{ {name}(userId: $id) {{ id isBanned }} }}");
    root.gql_ok(&mutation, json!({ "id": user })).await[name].take()
}

/// Asserts that somebody is refused at each door.
async fn assert_refused(person: &Person, status: u16, code: &str, sentence: &str) {
    person.get("/conversations").await.refused(status, code, sentence);
    let answer = person.gql_answer("{ me { id } }", json!({})).await;
    let error = &answer.body["errors"][0];
    assert_eq!(
        (answer.status, &error["extensions"]["code"], &error["message"]),
        (status, &json!(code), &json!(sentence))
    );
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let mut socket = GraphqlSocket::open_with(person.address, "/graphql", protocol).await;
        socket.say(json!({ "type": "connection_init", "payload": { "Authorization": person.token } })).await;
        if protocol == "graphql-ws" {
            let refused = socket.hear().await;
            assert_eq!(
                (&refused["type"], &refused["payload"]["message"]),
                (&json!("connection_error"), &json!(sentence))
            );
        }
        assert_eq!(socket.closed().await, (4403, sentence.to_owned()));
    }
    let mut client = crate::stomp_client::StompClient::open(person.address, CARRIERS[0]).await;
    client.say(&format!("CONNECT\naccept-version:1.2\nAuthorization:Bearer {}\n\n\0", person.token)).await;
    assert_eq!(client.failed().await, sentence);
}

/// Whoever is connected at these servers in every way is refused, once `act` is done, on each of the connections.
async fn assert_ends(people: &[Person], act: impl Future<Output = ()>, code: &str, sentence: &str) {
    let (mut sockets, mut clients, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    for person in people {
        // One that listens to nothing, too.
        sockets.push(person.socket().await);
        sockets.push(person.subscribe(LISTEN).await);
        for carrier in CARRIERS {
            clients.push(person.stomp(carrier).await);
        }
        streams.push(EventStream::open(person.request(reqwest::Method::POST, "/graphql"), LISTEN).await);
    }
    act.await;
    for mut socket in sockets {
        assert_eq!(socket.closed().await, (4403, sentence.to_owned()));
    }
    for mut client in clients {
        assert_eq!(client.failed().await, sentence);
    }
    for mut stream in streams {
        let (name, told) = stream.next().await;
        assert_eq!((name.as_str(), &told["errors"][0]["extensions"]["code"]), ("next", &json!(code)), "{told}");
        assert_eq!(stream.rest().await, [""; 0], "it is not complete");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_banned_is_put_out_at_every_node_and_let_in_when_the_ban_is_lifted() {
    let server = Server::start().await;
    let other = server.twin().await;
    let (root, alice, eve) =
        (server.administrator("Root").await, server.person("Alice").await, server.person("Eve").await);
    let there = other.somebody(eve.id, &eve.token, "Eve");
    let mut alices = alice.socket().await;
    // Both nodes remember her.
    for at in [&eve, &there] {
        assert_eq!(at.get("/conversations").await.status, 200);
    }
    let both = [other.somebody(eve.id, &eve.token, "Eve"), server.somebody(eve.id, &eve.token, "Eve")];
    let ban = async {
        assert_eq!(sanction(&root, "banUser", eve.id).await, json!({ "id": eve.id.to_string(), "isBanned": true }));
    };
    assert_ends(&both, ban, "FORBIDDEN", BANNED).await;
    for at in [&eve, &there] {
        assert_refused(at, 403, "FORBIDDEN", BANNED).await;
    }
    // A new token changes nothing, and neither does doing it again.
    let again = server.somebody(eve.id, &token(json!({ "sub": eve.id, "name": "Eva", "iat": now() + 5 })), "Eva");
    again.get("/conversations").await.refused(403, "FORBIDDEN", BANNED);
    sanction(&root, "banUser", eve.id).await;
    assert_eq!(alice.get("/conversations").await.status, 200);
    alices.is_quiet().await;

    assert_eq!(sanction(&root, "unbanUser", eve.id).await["isBanned"], false);
    assert_eq!(eve.get("/conversations").await.status, 200);
    until("she is let in at the other node", async || there.get("/conversations").await.status == 200).await;
    drop(there.socket().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_out_comes_back_with_a_new_token_only() {
    let server = Server::start().await;
    let other = server.twin().await;
    let root = server.administrator("Root").await;
    let issued = |at: i64| token(json!({ "sub": 7, "name": "Eve", "iat": at }));
    let old = issued(now());
    let both = [server.somebody(7, &old, "Eve"), other.somebody(7, &old, "Eve")];
    assert_eq!(both[0].get("/conversations").await.status, 200);
    let logout = async {
        sanction(&root, "logoutUser", 7).await;
    };
    assert_ends(&both, logout, "UNAUTHENTICATED", SIGNED_OUT).await;
    for at in &both {
        assert_refused(at, 401, "UNAUTHENTICATED", SIGNED_OUT).await;
    }
    // One that does not say when it was issued may be an old one.
    let undated = server.somebody(7, &token(json!({ "sub": 7 })), "Eve");
    undated.get("/conversations").await.refused(401, "UNAUTHENTICATED", SIGNED_OUT);
    let new = issued(now() + 2);
    for at in [&server, &other] {
        let eve = at.somebody(7, &new, "Eve");
        assert_eq!(eve.get("/conversations").await.status, 200);
        let mut socket = eve.subscribe(LISTEN).await;
        // What is looked at anew changes nothing for it.
        sanction(&root, "unbanUser", 7).await;
        socket.is_quiet().await;
        assert_eq!(at.somebody(7, &old, "Eve").get("/conversations").await.status, 401);
    }
}

#[tokio::test]
async fn only_administrators_ban_and_nobody_bans_themselves() {
    let server = Server::start().await;
    let (root, alice, bob) =
        (server.administrator("Root").await, server.person("Alice").await, server.person("Bob").await);
    for name in ["banUser", "unbanUser", "logoutUser"] {
        let mutation = format!("mutation($id: ID!) {{ {name}(userId: $id) {{ id }} }}");
        assert_eq!(alice.gql_refused(&mutation, json!({ "id": bob.id })).await.0, "FORBIDDEN", "{name}");
        let unknown = root.gql_refused(&mutation, json!({ "id": 4040 })).await;
        assert_eq!(unknown, ("NOT_FOUND".to_owned(), "User not found: 4040".to_owned()), "{name}");
    }
    let ban = "mutation($id: ID!) { banUser(userId: $id) { id } }";
    assert_eq!(root.gql_refused(ban, json!({ "id": root.id })).await.0, "BAD_REQUEST");
    sanction(&root, "banUser", bob.id).await;
    // That somebody is banned is for administrators to know.
    let ask = "query($id: ID!) { user(id: $id) { isBanned } }";
    for (who, told) in [(&root, json!(true)), (&alice, json!(null))] {
        assert_eq!(who.gql_ok(ask, json!({ "id": bob.id })).await["user"]["isBanned"], told);
    }
    // Made known anew, they stay banned.
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { isBanned } }";
    let input = json!({ "input": [{ "id": bob.id, "name": "Bobby" }] });
    root.gql_ok(upsert, input).await;
    bob.get("/conversations").await.refused(403, "FORBIDDEN", BANNED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_bans_and_signs_out_beside_a_running_server() {
    let home = Home::new().await;
    let process = home.serve(&[]).await;
    let (alice, eve) = (home.token(1, "Alice").await, home.token(2, "Eve").await);
    let (alice, eve) = (process.somebody(1, &alice, "Alice"), process.somebody(2, &eve, "Eve"));
    for person in [&alice, &eve] {
        assert_eq!(person.get("/conversations").await.status, 200);
    }
    assert_eq!(home.printed(&["user", "list"]).await, "1\t-\tAlice\n2\t-\tEve\n");
    let mut socket = eve.socket().await;
    assert_eq!(home.printed(&["user", "ban", "--id", "2"]).await, "User 2 (Eve) is banned\n");
    assert_eq!(socket.closed().await, (4403, BANNED.to_owned()));
    eve.get("/conversations").await.refused(403, "FORBIDDEN", BANNED);
    assert_eq!(home.printed(&["user", "list", "--after", "1"]).await, "2\t-\tEve\tbanned\n");
    assert_eq!(home.printed(&["user", "show", "--id", "2"]).await, "id: 2\nname: Eve\nbanned: yes\n");
    assert_eq!(home.printed(&["user", "unban", "--id", "2"]).await, "User 2 (Eve) is not banned\n");
    until("she is let in again", async || eve.get("/conversations").await.status == 200).await;
    if home.postgres().is_some() {
        // The database is looked at each 5 s; what is heard is heard sooner, each time.
        for _ in 0..3 {
            let mut socket = eve.socket().await;
            home.printed(&["user", "ban", "--id", "2"]).await;
            socket.closed_within(Duration::from_secs(1)).await;
            home.printed(&["user", "unban", "--id", "2"]).await;
            until("she is let in again", async || eve.get("/conversations").await.status == 200).await;
        }
    }

    let mut socket = alice.socket().await;
    assert_eq!(home.printed(&["user", "logout", "--id", "1"]).await, "User 1 (Alice) is signed out\n");
    assert_eq!(socket.closed().await, (4403, SIGNED_OUT.to_owned()));
    alice.get("/conversations").await.refused(401, "UNAUTHENTICATED", SIGNED_OUT);
    let ended = home.run(&["user", "ban", "--id", "40"]).await;
    assert!(ended.err.contains("User not found: 40"), "{}", ended.err);
}
