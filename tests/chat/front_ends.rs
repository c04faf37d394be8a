//! What front ends ask of GraphQL: what the viewer is and may do in a conversation, ids among all objects, edges to put into
//! lists, counts, and a cursor that is not younger than what stands beside it (protocol §13, front ends).

use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;
use crate::sockets::{SOON, until};

const SEEN: &str = "query($id: ID!) { conversation(id: $id) { viewerRole otherUser { name presence { status } } \
                    viewerPermissions { canSend canReply canReact canUpload canEdit canAddParticipants \
                    canRemoveParticipants canDelete canTransfer } } }";
const PERMISSIONS: [&str; 9] = [
    "canSend",
    "canReply",
    "canReact",
    "canUpload",
    "canEdit",
    "canAddParticipants",
    "canRemoveParticipants",
    "canDelete",
    "canTransfer",
];

async fn seen(person: &Person, conversation: i64) -> Json {
    person.gql_ok(SEEN, json!({ "id": conversation })).await["conversation"].take()
}

/// What one may, in the order of the schema: `+` and `-`.
fn may(seen: &Json) -> String {
    PERMISSIONS.iter().map(|name| if seen["viewerPermissions"][name] == true { '+' } else { '-' }).collect()
}

#[tokio::test]
async fn a_viewer_is_told_their_role_and_what_it_allows_as_it_is_allowed() {
    let server = Server::start().await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob, &carol]).await;
    let set = "mutation($c: ID!, $u: ID!, $r: Role!) { setParticipantRole(conversationId: $c, userId: $u, role: $r) { viewerRole } }";
    let answered = alice.gql_ok(set, json!({ "c": group, "u": bob.id, "r": "ADMIN" })).await;
    assert_eq!(answered["setParticipantRole"]["viewerRole"], "OWNER");
    for (who, role, rights) in
        [(&alice, "OWNER", "+++++++++"), (&bob, "ADMIN", "+++++++--"), (&carol, "MEMBER", "++++-----")]
    {
        let seen = seen(who, group).await;
        assert_eq!((&seen["viewerRole"], may(&seen).as_str()), (&json!(role), rights), "{}", who.name);
        assert_eq!(seen["otherUser"], Json::Null);
    }
    let off = json!({ "allowReplies": false, "allowReactions": false, "allowFileUploads": false });
    alice.put(&format!("/conversations/{group}"), off).await.ok();
    assert_eq!(may(&seen(&carol, group).await), "+--------");
    assert_eq!(may(&seen(&alice, group).await), "+---+++++");
    let direct = alice.direct(&bob).await;
    let told = seen(&alice, direct).await;
    assert_eq!(may(&told), "++++-----", "two people have no roles to use");
    assert_eq!(told["otherUser"], json!({ "name": "Bob", "presence": { "status": "OFFLINE" } }));
    assert_eq!(seen(&bob, direct).await["otherUser"]["name"], "Alice");
}

#[tokio::test]
async fn what_is_a_viewers_own_in_an_event_is_that_viewers_and_of_those_who_left_nothing_is_left() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let query = "subscription { conversationChanges { event edge { cursor node { id } } conversation { viewerRole \
                 viewerPermissions { canSend canEdit } typing { userName } messages { totalCount nodes { id } } } } }";
    let (mut hers, mut his) = (alice.subscribe(query).await, bob.subscribe(query).await);
    alice.send(group, "one").await;
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Renamed" })).await.ok();
    // The edge stands where the conversation stands in the list.
    let list = "{ conversations { edges { cursor } } }";
    let place = alice.gql_ok(list, json!({})).await["conversations"]["edges"][0]["cursor"].take();
    for (socket, role, edits) in [(&mut hers, "OWNER", true), (&mut his, "MEMBER", false)] {
        let change = socket.event().await["conversationChanges"].take();
        let seen = &change["conversation"];
        assert_eq!((&seen["viewerRole"], &seen["viewerPermissions"]["canEdit"]), (&json!(role), &json!(edits)));
        assert_eq!(seen["messages"]["totalCount"], 1);
        assert_eq!(change["edge"], json!({ "cursor": place, "node": { "id": group.to_string() } }));
    }
    alice.delete(&format!("/conversations/{group}/participants/{}", bob.id)).await.ok();
    alice.send(group, "two").await;
    let change = his.event().await["conversationChanges"].take();
    assert_eq!(change["event"], "LEFT");
    let seen = &change["conversation"];
    assert_eq!((&seen["viewerRole"], &seen["viewerPermissions"]["canSend"]), (&Json::Null, &json!(false)));
    assert_eq!((&seen["typing"], &seen["messages"]["totalCount"]), (&json!([]), &json!(0)), "{change}");
}

#[tokio::test]
async fn who_types_can_be_asked_for_by_the_others_inside() {
    let server = Server::start_with(|config| config.chat.typing_indicator_ttl_seconds = 60).await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let group = alice.group("Team", &[&bob]).await;
    let query = "query($id: ID!) { conversation(id: $id) { typing { userId userName typing expiresAt } } }";
    let typing = async |who: &Person| who.gql_ok(query, json!({ "id": group })).await["conversation"]["typing"].take();
    assert_eq!(typing(&alice).await, json!([]));
    let set = "mutation($id: ID!, $typing: Boolean!) { setTyping(conversationId: $id, typing: $typing) }";
    bob.gql_ok(set, json!({ "id": group, "typing": true })).await;
    let told = typing(&alice).await;
    assert_eq!((&told[0]["userName"], &told[0]["typing"]), (&json!("Bob"), &json!(true)), "{told}");
    assert!(told[0]["expiresAt"].is_string() && told.as_array().map(Vec::len) == Some(1));
    assert_eq!(typing(&bob).await, json!([]), "not oneself");
    assert_eq!(carol.gql_refused(query, json!({ "id": group })).await.0, "FORBIDDEN");
    bob.send(group, "There").await;
    until("the end of typing is known", async || typing(&alice).await == json!([])).await;
    // In a group that is too large to be told nobody types.
    let quiet = Server::start_with(|config| config.chat.quiet_group_size = 1).await;
    let (alice, bob) = (quiet.person("Alice").await, quiet.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    bob.gql_ok(set, json!({ "id": group, "typing": true })).await;
    assert_eq!(alice.gql_ok(query, json!({ "id": group })).await["conversation"]["typing"], json!([]));
}

#[tokio::test]
async fn how_somebody_is_stands_at_the_user_for_those_who_may_know() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let query = "query($id: ID!) { user(id: $id) { name presence { status online } } }";
    let stranger = alice.gql_ok(query, json!({ "id": bob.id })).await;
    assert_eq!(stranger["user"], json!({ "name": "Bob", "presence": null }));
    alice.direct(&bob).await;
    bob.put("/presence/status", json!({ "status": "AWAY" })).await.ok();
    let _here = bob.socket().await;
    let seen = alice.gql_ok(query, json!({ "id": bob.id })).await;
    assert_eq!(seen["user"]["presence"], json!({ "status": "AWAY", "online": true }));
}

/// The ids of one object of each kind, as Alice sees them: user, conversation, message, participant, file, attachment, reaction.
async fn every_node(alice: &Person, bob: &Person) -> Vec<(&'static str, String)> {
    let group = alice.group("Team", &[bob]).await;
    let file = alice.upload("note.txt", "text/plain", b"words").await["id"].as_i64().expect("an id");
    let message = alice.send_files(group, &[file]).await;
    bob.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    let query = "query($g: ID!, $m: ID!, $f: ID!) { me { nodeId } file(id: $f) { nodeId } conversation(id: $g) { nodeId \
                 participants { id nodeId userId } } message(id: $m) { nodeId attachments { nodeId } reactions { nodeId } } }";
    let data = alice.gql_ok(query, json!({ "g": group, "m": message, "f": file })).await;
    let participant = &data["conversation"]["participants"][1];
    assert_eq!(participant["id"], format!("{group}:{}", bob.id));
    [
        ("User", "/me"),
        ("Conversation", "/conversation"),
        ("Message", "/message"),
        ("Participant", "/conversation/participants/1"),
        ("File", "/file"),
        ("Attachment", "/message/attachments/0"),
        ("Reaction", "/message/reactions/0"),
    ]
    .map(|(kind, place)| (kind, data.pointer(&format!("{place}/nodeId")).unwrap().as_str().unwrap().to_owned()))
    .into()
}

const NODE: &str = "query($id: ID!) { node(nodeId: $id) { again: nodeId ...Any ... on Node { ... on Message { sender { name } \
                    nodeId } ... on Participant { user { name } } } __typename } } fragment Any on Node { nodeId \
                    ... on User { name } ... on Reaction { emoji userName } ... on File { fileName } \
                    ... on Attachment { fileName } ... on Conversation { name messages(last: 1) { nodes { id } } } }";

#[tokio::test]
async fn every_object_is_found_under_its_node_id_with_all_that_fragments_ask_of_it() {
    let server = Server::start().await;
    let (alice, bob, eve) = (server.person("Alice").await, server.person("Bob").await, server.person("Eve").await);
    let all = every_node(&alice, &bob).await;
    for (kind, id) in &all {
        for who in [&alice, &bob] {
            let text = who.gql_answer(NODE, json!({ "id": id })).await.text;
            let start = format!("{{\"data\":{{\"node\":{{\"again\":\"{id}\",\"nodeId\":\"{id}\"");
            assert!(text.starts_with(&start) && text.ends_with(&format!("\"__typename\":\"{kind}\"}}}}}}")), "{text}");
        }
        // What is not a stranger's to see is null, as when it is looked up by its own id.
        let response = eve.gql(NODE, json!({ "id": id })).await;
        let code = response["errors"][0]["extensions"]["code"].as_str();
        match *kind {
            "User" => assert_eq!(code, None, "{response}"),
            "File" => assert_eq!((code, &response["data"]["node"]), (Some("NOT_FOUND"), &Json::Null)),
            _ => assert_eq!((code, &response["data"]["node"]), (Some("FORBIDDEN"), &Json::Null), "{kind}: {response}"),
        }
    }
    let ids: Vec<&str> = all.iter().map(|(_, id)| id.as_str()).chain(["nonsense", "dXNlcjo5OTk"]).collect();
    let nodes = "query($ids: [ID!]!) { nodes(nodeIds: $ids) { nodeId __typename ... on Message { content } } }";
    let response = alice.gql(nodes, json!({ "ids": ids })).await;
    let list = response["data"]["nodes"].as_array().expect("a list");
    for ((kind, id), found) in all.iter().zip(list) {
        assert_eq!((&found["__typename"], &found["nodeId"]), (&json!(kind), &json!(id)));
    }
    assert_eq!(list[7..], [Json::Null, Json::Null]);
    let errors: Vec<_> = response["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["extensions"]["code"].clone(), e["path"].clone()))
        .collect();
    let expected = [(json!("BAD_REQUEST"), json!(["nodes", 7])), (json!("NOT_FOUND"), json!(["nodes", 8]))];
    assert_eq!(errors, expected);
    let hers = eve.gql(nodes, json!({ "ids": ids })).await;
    assert_eq!(hers["data"]["nodes"].as_array().unwrap().iter().filter(|found| !found.is_null()).count(), 1, "{hers}");
    let many = vec![ids[0]; 101];
    assert_eq!(alice.gql_refused(nodes, json!({ "ids": many })).await.0, "BAD_REQUEST");
    let deep = "query($ids: [ID!]!) { nodes(nodeIds: $ids) { ... on Node { ... on Conversation { messages(last: 100) { nodes { \
                replies(first: 100) { nodes { id } } } } } } } }";
    assert_eq!(
        alice.gql_refused(deep, json!({ "ids": [ids[1]] })).await.0,
        "BAD_REQUEST",
        "it is counted within fragments"
    );
    // What an object comes to of which nothing is left is an object.
    let nothing = "query($id: ID!) { node(nodeId: $id) { ... on File { id } } }";
    assert_eq!(alice.gql_ok(nothing, json!({ "id": ids[0] })).await["node"], json!({}));
}

#[tokio::test]
async fn lists_can_be_kept_up_to_date_from_events_and_answers() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let query = "subscription { events { cursor type ... on MessageEvent { edge { cursor node { content sender { name } } } message { id } } } }";
    let mut socket = bob.subscribe(query).await;
    let first = alice.send(group, "first").await;
    let event = socket.event().await["events"].take();
    assert_eq!((&event["type"], &event["message"]["id"]), (&json!("MESSAGE_SENT"), &json!(first.to_string())));
    assert_eq!(event["edge"]["node"], json!({ "content": "first", "sender": { "name": "Alice" } }));
    alice.send(group, "second").await;
    let page = "query($id: ID!, $after: String) { conversation(id: $id) { messages(first: 10, after: $after) { totalCount \
                nodes { content } } attachments { totalCount } } }";
    let after = bob.gql_ok(page, json!({ "id": group, "after": event["edge"]["cursor"] })).await["conversation"].take();
    assert_eq!(after["messages"], json!({ "totalCount": 2, "nodes": [{ "content": "second" }] }));
    assert_eq!(after["attachments"]["totalCount"], Json::Null, "where it would have to be counted");
    alice.delete(&format!("/messages/{first}")).await.ok();
    let all = bob.gql_ok(page, json!({ "id": group })).await["conversation"]["messages"].take();
    assert_eq!(
        (&all["totalCount"], all["nodes"].as_array().map(Vec::len)),
        (&json!(2), Some(2)),
        "tombstones are in it"
    );
    let second = all["nodes"].as_array().map(|_| first + 1).expect("two");
    let react = "mutation($id: ID!) { addReaction(messageId: $id, emoji: \"👍\") { added message { reactionSummary { emoji count } } } }";
    let reacted = bob.gql_ok(react, json!({ "id": second })).await["addReaction"].take();
    assert_eq!(reacted["message"]["reactionSummary"], json!([{ "emoji": "👍", "count": 1 }]));
    let read = "mutation($id: ID!) { markRead(conversationId: $id) { unreadCount conversation { unreadCount } } }";
    let read = bob.gql_ok(read, json!({ "id": group })).await["markRead"].take();
    assert_eq!(read, json!({ "unreadCount": 0, "conversation": { "unreadCount": 0 } }));
}

#[tokio::test]
async fn the_cursor_of_a_query_is_never_younger_than_what_stands_beside_it() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let group = alice.group("Team", &[]).await;
    let writer = {
        let alice = alice.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                alice.send(group, &format!("message {n}")).await;
            }
        })
    };
    let query = "query($id: ID!) { conversation(id: $id) { messages(last: 1) { nodes { id } } } ...S } \
                 fragment S on Query { ... { at: sync { cursor } } }";
    while !writer.is_finished() {
        let seen = alice.gql_ok(query, json!({ "id": group })).await;
        let newest = seen
            .pointer("/conversation/messages/nodes/0/id")
            .and_then(Json::as_str)
            .map_or(0, |id| id.parse().unwrap());
        // What comes after the cursor begins with what is missing, or with what was seen already: never behind it.
        let after = seen["at"]["cursor"].as_str().expect("a cursor");
        let next = alice.get(&format!("/events?after={after}&limit=1")).await.ok();
        let next: i64 = next[0]["data"]["id"].as_i64().unwrap_or(newest + 1);
        assert!(next <= newest + 1, "message {} is lost between {seen} and {next}", newest + 1);
    }
    tokio::time::timeout(SOON, writer).await.expect("it has finished").expect("all were sent");
}

#[tokio::test]
async fn every_durable_subscription_goes_on_from_a_cursor_without_a_gap() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let other = alice.group("Other", &[&bob]).await;
    let start = bob.gql_ok("{ sync { cursor } }", json!({})).await["sync"]["cursor"].take();
    let message = alice.send(group, "missed").await;
    alice.send(other, "elsewhere").await;
    alice.post(&format!("/messages/{message}/reactions"), json!({ "emoji": "👍" })).await.ok();
    bob.post(&format!("/conversations/{group}/read"), json!({})).await.ok();
    alice.put(&format!("/conversations/{group}"), json!({ "name": "Renamed" })).await.ok();
    let fields = [
        ("messages", "id"),
        ("reactions", "emoji"),
        ("receipts", "lastReadMessageId"),
        ("conversationChanges", "event"),
    ];
    let mut socket = bob.socket().await;
    for (field, of) in fields {
        let query =
            format!("subscription($c: ID, $after: String) {{ {field}(conversationId: $c, after: $after) {{ {of} }} }}");
        socket.subscribe_loudly(field, &query, json!({ "c": group, "after": start })).await;
        let missed = socket.event().await[field][of].take();
        let expected = match field {
            "reactions" => json!("👍"),
            "conversationChanges" => json!("UPDATED"),
            _ => json!(message.to_string()),
        };
        assert_eq!(missed, expected, "{field}");
    }
    // And lives on, each once and in order.
    let live = alice.send(group, "live").await;
    assert_eq!(socket.event().await, json!({ "messages": { "id": live.to_string() } }));
    alice.post(&format!("/messages/{live}/reactions"), json!({ "emoji": "🎉" })).await.ok();
    assert_eq!(socket.event().await, json!({ "reactions": { "emoji": "🎉" } }));
    socket.is_quiet().await;
    for (field, of) in fields {
        for (after, code) in [("7", "BAD_REQUEST"), ("nonsense", "BAD_REQUEST")] {
            let mut socket = bob.socket().await;
            let query = format!("subscription($after: String) {{ {field}(after: $after) {{ {of} }} }}");
            socket.subscribe_loudly("1", &query, json!({ "after": after })).await;
            let refused = socket.hear().await;
            assert_eq!(
                (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
                (&json!("error"), &json!(code)),
                "{field}: {refused}"
            );
        }
        let mut socket = bob.socket().await;
        let query = format!("subscription {{ {field}(after: \"\") {{ {of} }} }}");
        socket.subscribe("1", &query, json!({})).await;
        socket.is_quiet().await;
    }
    // One that is too old is refused everywhere.
    server.meddle("DELETE FROM chat_events WHERE position <= 3", Vec::new()).await;
    server.meddle("UPDATE chat_log SET pruned_position = 3", Vec::new()).await;
    let epoch = start.as_str().and_then(|cursor| cursor.split('.').next()).expect("an epoch");
    for (field, of) in fields {
        let mut socket = bob.socket().await;
        let query = format!("subscription($after: String) {{ {field}(after: $after) {{ {of} }} }}");
        socket.subscribe_loudly("1", &query, json!({ "after": format!("{epoch}.1") })).await;
        let refused = socket.hear().await;
        assert_eq!(refused["payload"][0]["extensions"]["code"], "CURSOR_EXPIRED", "{field}: {refused}");
    }
}
