//! What subscriptions hear, over both protocols of the WebSocket and over events of HTTP (protocol §5, §6, §8).

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::{Server, now, token};
use crate::sockets::{EventStream, GraphqlSocket};

const MESSAGES: &str = "subscription { messages { id content senderName isEdited isDeleted } }";

fn id(id: i64) -> String {
    id.to_string()
}

struct Scene {
    server: Server,
    alice: Person,
    bob: Person,
    group: i64,
}

async fn scene() -> Scene {
    scene_of(Server::start().await).await
}

/// Alice and Bob, with a group of theirs.
async fn scene_of(server: Server) -> Scene {
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    Scene { server, alice, bob, group }
}

fn stream(person: &Person) -> reqwest::RequestBuilder {
    person.request(reqwest::Method::POST, "/graphql")
}

#[tokio::test]
async fn a_message_its_edit_and_its_deletion_are_heard_over_every_carrier() {
    let Scene { server, alice, bob, group } = scene().await;
    let mut socket = bob.subscribe(MESSAGES).await;
    let mut legacy = GraphqlSocket::open_with(server.address, "/graphql", "graphql-ws").await;
    legacy.init(&bob.token).await;
    legacy.say(json!({ "type": "start", "id": "1", "payload": { "query": MESSAGES } })).await;
    legacy.say(json!({ "type": "start", "id": "2", "payload": { "query": "{ me { name } }" } })).await;
    assert_eq!(
        legacy.hear().await,
        json!({ "type": "data", "id": "2", "payload": { "data": { "me": { "name": "Bob" } } } })
    );
    assert_eq!(legacy.hear().await, json!({ "type": "complete", "id": "2" }));
    let mut events = EventStream::open(stream(&bob), MESSAGES).await;

    let message = alice.send(group, "Hello").await;
    alice.put(&format!("/messages/{message}"), json!({ "content": "Hello!" })).await.ok();
    alice.delete(&format!("/messages/{message}")).await.ok();

    let told = |content: Json, edited: bool, deleted: bool| json!({ "messages": { "id": id(message), "content": content, "senderName": "Alice", "isEdited": edited, "isDeleted": deleted } });
    for expected in
        [told(json!("Hello"), false, false), told(json!("Hello!"), true, false), told(json!(null), true, true)]
    {
        assert_eq!(socket.event().await, expected);
        assert_eq!(events.event().await, expected);
        assert_eq!(legacy.hear().await, json!({ "type": "data", "id": "1", "payload": { "data": expected } }));
    }
    legacy.say(json!({ "type": "stop", "id": "1" })).await;
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    alice.send(group, "Unheard").await;
    socket.is_quiet().await;
    legacy.is_quiet().await;
    legacy.say(json!({ "type": "connection_terminate" })).await;
    assert_eq!(legacy.closed().await.0, 1000);
}

#[tokio::test]
async fn a_subscription_to_one_conversation_hears_that_one_only_and_strangers_hear_nothing() {
    let Scene { server, alice, bob, group } = scene().await;
    let mallory = server.person("Mallory").await;
    let other = alice.group("Other", &[&bob]).await;
    let mut one = bob.subscribe(&format!("subscription {{ messages(conversationId: {group}) {{ id }} }}")).await;
    let mut all = bob.subscribe("subscription { messages { id } }").await;
    let mut stranger = mallory.subscribe("subscription { messages { id } }").await;
    stranger.subscribe("2", "subscription { events { __typename } }", json!({})).await;
    stranger.subscribe("3", "subscription { typing { userId } }", json!({})).await;
    let query = format!("subscription {{ messages(conversationId: {group}) {{ id }} }}");
    stranger.say(json!({ "type": "subscribe", "id": "4", "payload": { "query": query } })).await;
    let refusal = stranger.hear().await;
    assert_eq!((&refusal["type"], &refusal["id"]), (&json!("error"), &json!("4")), "{refusal}");
    assert_eq!(refusal["payload"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(refusal["payload"][0]["message"], "You are not a participant in this conversation");

    let elsewhere = alice.send(other, "Elsewhere").await;
    let here = alice.send(group, "Here").await;
    alice.gql_ok("mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }", json!({ "id": group })).await;
    assert_eq!(one.event().await["messages"]["id"], id(here));
    assert_eq!(all.event().await["messages"]["id"], id(elsewhere));
    assert_eq!(all.event().await["messages"]["id"], id(here));
    stranger.is_quiet().await;
}

#[tokio::test]
async fn a_temp_id_is_told_to_its_sender_only() {
    let Scene { server: _server, alice, bob, group } = scene().await;
    let query = "subscription { messages { id tempId } }";
    let (mut hers, mut his) = (alice.subscribe(query).await, bob.subscribe(query).await);
    let body = json!({ "content": "Hello", "tempId": "t-1" });
    let message = alice.post(&format!("/conversations/{group}/messages"), body).await.ok();
    let told = |temp: Json| json!({ "messages": { "id": id(message["id"].as_i64().unwrap()), "tempId": temp } });
    assert_eq!(hers.event().await, told(json!("t-1")));
    assert_eq!(his.event().await, told(json!(null)));
}

#[tokio::test]
async fn reactions_receipts_and_changes_of_conversations_are_heard() {
    let Scene { server, alice, bob, group } = scene().await;
    let carol = server.person("Carol").await;
    let message = alice.send(group, "Hello").await;
    let mut socket = alice.socket().await;
    let reactions = "subscription($id: ID) { reactions(conversationId: $id) { messageId userName emoji added \
                     reactionSummary { emoji count viewerReacted } } }";
    socket.subscribe("reactions", reactions, json!({ "id": group })).await;
    let receipts = "subscription { receipts { conversationId userId userName lastReadMessageId } }";
    socket.subscribe("receipts", receipts, json!({})).await;
    let changes = "subscription { conversationChanges { event conversation { id name participantCount } } }";
    socket.subscribe("changes", changes, json!({})).await;

    bob.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    let heard = socket.hear().await;
    assert_eq!(heard["id"], "reactions");
    assert_eq!(
        heard["payload"]["data"]["reactions"],
        json!({ "messageId": id(message), "userName": "Bob", "emoji": "👍", "added": true,
                "reactionSummary": [{ "emoji": "👍", "count": 1, "viewerReacted": false }] })
    );
    bob.delete(&format!("/messages/{message}/reactions/👍")).await.ok();
    let heard = socket.event().await;
    assert_eq!((&heard["reactions"]["added"], &heard["reactions"]["reactionSummary"]), (&json!(false), &json!([])));

    bob.post_nothing(&format!("/conversations/{group}/read")).await.ok();
    let heard = socket.event().await;
    assert_eq!(
        heard["receipts"],
        json!({ "conversationId": id(group), "userId": id(bob.id), "userName": "Bob", "lastReadMessageId": id(message) })
    );

    alice.put(&format!("/conversations/{group}"), json!({ "name": "Crew" })).await.ok();
    let told = |event: &str, name: &str, group: i64, count: i64| {
        let conversation = json!({ "id": id(group), "name": name, "participantCount": count });
        json!({ "conversationChanges": { "event": event, "conversation": conversation } })
    };
    assert_eq!(socket.event().await, told("UPDATED", "Crew", group, 2));
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    assert_eq!(socket.event().await, told("UPDATED", "Crew", group, 3));
    let party = bob.group("Party", &[&alice]).await;
    assert_eq!(socket.event().await, told("CREATED", "Party", party, 2));
    bob.gql_ok("mutation($id: ID!) { deleteConversation(conversationId: $id) }", json!({ "id": party })).await;
    let heard = socket.event().await;
    let change = &heard["conversationChanges"];
    assert_eq!((&change["event"], &change["conversation"]["id"]), (&json!("DELETED"), &json!(id(party))));
}

#[tokio::test]
async fn somebody_removed_hears_the_removal_and_nothing_after() {
    let Scene { server: _server, alice, bob, group } = scene().await;
    alice.send(group, "Before").await;
    let mut socket = bob.socket().await;
    let left = "{ event conversation { id messages(last: 50) { nodes { content } } } }";
    socket.subscribe("all", "subscription { messages { content } }", json!({})).await;
    let here = format!("subscription {{ messages(conversationId: {group}) {{ content }} }}");
    socket.subscribe("here", &here, json!({})).await;
    socket.subscribe("changes", &format!("subscription {{ conversationChanges {left} }}"), json!({})).await;
    let change = format!("subscription {{ conversationChanges(conversationId: {group}) {left} }}");
    socket.subscribe("change", &change, json!({})).await;
    let mut events =
        bob.subscribe("subscription { events { ... on ParticipantEvent { type participant { userId } } } }").await;
    let mut sse = EventStream::open(stream(&bob), &here).await;

    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.send(group, "After").await;

    let gone = json!({ "conversationChanges": { "event": "LEFT", "conversation": { "id": id(group), "messages": { "nodes": [] } } } });
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(socket.hear().await);
    }
    let of = |name: &str| heard.iter().filter(|message| message["id"] == name).collect::<Vec<_>>();
    assert_eq!(of("changes"), [&json!({ "type": "next", "id": "changes", "payload": { "data": gone } })]);
    assert_eq!(of("change")[0], &json!({ "type": "next", "id": "change", "payload": { "data": gone } }));
    for lost in [of("here")[0], of("change")[1]] {
        assert_eq!(lost["type"], "error", "{lost}");
        assert_eq!(lost["payload"][0]["extensions"]["code"], "FORBIDDEN", "{lost}");
    }
    socket.is_quiet().await;
    let removal = json!({ "type": "PARTICIPANT_REMOVED", "participant": { "userId": id(bob.id) } });
    assert_eq!(events.event().await["events"], removal);
    events.is_quiet().await;
    let (name, data) = sse.next().await;
    assert_eq!((name.as_str(), &data["errors"][0]["extensions"]["code"]), ("next", &json!("FORBIDDEN")));
    assert_eq!(sse.next().await.0, "complete");
    assert!(sse.has_ended().await);
}

#[tokio::test]
async fn somebody_added_hears_what_comes_after_without_subscribing_anew() {
    let Scene { server, alice, group, .. } = scene().await;
    let carol = server.person("Carol").await;
    let mut socket = carol.subscribe("subscription { messages { content } }").await;
    alice.send(group, "Before").await;
    alice.post(&format!("/conversations/{group}/participants"), json!({ "userIds": [carol.id] })).await.ok();
    alice.send(group, "After").await;
    assert_eq!(socket.event().await["messages"]["content"], "After");
    let direct = alice.direct(&carol).await;
    alice.send(direct, "Privately").await;
    assert_eq!(socket.event().await["messages"]["content"], "Privately");
}

#[tokio::test]
async fn typing_is_told_to_the_others_and_ends_by_the_next_message_or_by_itself() {
    let server = Server::start_with(|config| config.chat.typing_indicator_ttl_seconds = 1).await;
    let Scene { server: _server, alice, bob, group } = scene_of(server).await;
    let query = "subscription { typing { conversationId userId userName typing expiresAt } }";
    let (mut hers, mut his) = (alice.subscribe(query).await, bob.subscribe(query).await);
    let start = "mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }";
    let mut told = async |typing: bool| {
        let heard = his.event().await["typing"].clone();
        assert_eq!((&heard["userId"], &heard["userName"]), (&json!(id(alice.id)), &json!("Alice")));
        assert_eq!((&heard["typing"], &heard["conversationId"]), (&json!(typing), &json!(id(group))), "{heard}");
        assert_eq!(heard["expiresAt"].is_string(), typing, "{heard}");
    };
    alice.gql_ok(start, json!({ "id": group })).await;
    told(true).await;
    alice.send(group, "There").await;
    told(false).await;
    alice.gql_ok(start, json!({ "id": group })).await;
    told(true).await;
    told(false).await;
    hers.is_quiet().await;
}

#[tokio::test]
async fn connecting_makes_one_online_and_the_end_of_the_last_connection_offline() {
    let Scene { server: _server, alice, bob, .. } = scene().await;
    let mut socket = alice.subscribe("subscription { presence { userId status online } }").await;
    let of =
        |status: &str| json!({ "presence": { "userId": id(bob.id), "status": status, "online": status != "OFFLINE" } });
    // Alice hears herself too, if her own arrival was told after she subscribed.
    let mut about_bob = async || loop {
        let heard = socket.event().await;
        if heard["presence"]["userId"] == id(bob.id) {
            return heard;
        }
    };
    let (first, second) = (bob.socket().await, bob.socket().await);
    assert_eq!(about_bob().await, of("ONLINE"));
    let seen = alice.gql_ok("{ onlineUsers { userId } }", json!({})).await;
    assert_eq!(seen["onlineUsers"], json!([{ "userId": id(alice.id) }, { "userId": id(bob.id) }]));
    drop(first);
    bob.gql_ok("mutation { setPresence(status: DND) { status } }", json!({})).await;
    assert_eq!(about_bob().await, of("DND"));
    drop(second);
    assert_eq!(about_bob().await, of("OFFLINE"));
}

#[tokio::test]
async fn a_connection_ends_when_its_token_does() {
    let Scene { server, bob, .. } = scene().await;
    // The leeway is 30 s: this one has two seconds left.
    let short = token(json!({ "sub": bob.id, "name": "Bob", "exp": now() - 28 }));
    let person = server.somebody(bob.id, &short, "Bob");
    let mut socket = person.subscribe("subscription { messages { id } }").await;
    let mut events = EventStream::open(stream(&person), "subscription { messages { id } }").await;
    let (code, reason) = socket.closed().await;
    assert_eq!((code, reason.as_str()), (4403, "The token has expired"));
    assert_eq!(events.next().await.1["errors"][0]["message"], "The token has expired");
    assert!(events.has_ended().await);
}
