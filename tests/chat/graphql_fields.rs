//! Every query and every mutation of the schema, each with real data.

use std::collections::BTreeSet;
use std::path::Path;

use async_graphql::parser::types::{Selection, TypeKind, TypeSystemDefinition};
use async_graphql::parser::{parse_query, parse_schema};
use serde_json::{Value as Json, json};

use crate::person::Person;
use crate::server::Server;

/// The names of the fields that were asked for so far.
#[derive(Default)]
struct Tour(BTreeSet<String>);

impl Tour {
    /// The value of the only root field, which must succeed.
    async fn ask(&mut self, person: &Person, query: &str, variables: Json) -> Json {
        let document = parse_query(query).expect("a query");
        let (_, operation) = document.operations.iter().next().expect("an operation");
        let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else { panic!("a field") };
        self.0.insert(field.node.name.node.to_string());
        person.gql_ok(query, variables).await[field.node.name.node.as_str()].take()
    }
}

/// The fields of these types in `schema.graphql`.
fn fields_of(types: &[&str]) -> BTreeSet<String> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).expect("the schema");
    let document = parse_schema(text).expect("a schema");
    let definitions = document.definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(found) if types.contains(&found.node.name.node.as_str()) => Some(&found.node.kind),
        _ => None,
    });
    let fields = definitions.filter_map(|kind| match kind {
        TypeKind::Object(object) => Some(object.fields.iter().map(|field| field.node.name.node.to_string())),
        _ => None,
    });
    fields.flatten().collect()
}

fn id(value: &Json) -> &str {
    value["id"].as_str().expect("an id as a string")
}

#[tokio::test]
async fn every_query_and_mutation_of_the_schema_does_what_its_name_says() {
    let server = Server::start_with(|config| config.webhooks.allow_private_targets = true).await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let root = server.administrator("Root").await;
    let mut tour = Tour::default();
    conversations(&mut tour, &alice, &bob, &carol).await;
    messages(&mut tour, &alice, &bob).await;
    people(&mut tour, &alice, &bob, &root).await;
    ends(&mut tour, &alice, &bob, &carol).await;
    files(&mut tour, &alice).await;
    webhooks(&mut tour, &root).await;
    let missing: Vec<_> = fields_of(&["Query", "Mutation"]).difference(&tour.0).cloned().collect();
    assert_eq!(missing, Vec::<String>::new(), "nobody asked for these");
}

async fn conversations(tour: &mut Tour, alice: &Person, bob: &Person, carol: &Person) {
    let create = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id name createdById \
                  participants { userId role user { name } } } }";
    let group = tour.ask(alice, create, json!({ "input": { "name": "Team", "participantIds": [bob.id] } })).await;
    assert_eq!(
        group["participants"][0],
        json!({ "userId": alice.id.to_string(), "role": "OWNER", "user": { "name": "Alice" } })
    );
    let group = json!({ "id": id(&group) });
    let at = |more: Json| {
        let mut variables = group.clone();
        variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        variables
    };
    let query = "query($id: ID!) { conversation(id: $id) { name type description unreadCount } }";
    let seen = tour.ask(bob, query, group.clone()).await;
    assert_eq!(seen, json!({ "name": "Team", "type": "GROUP", "description": null, "unreadCount": 0 }));
    let update = "mutation($id: ID!) { updateConversation(conversationId: $id, input: { description: \"Ours\" }) { name description } }";
    assert_eq!(tour.ask(alice, update, group.clone()).await, json!({ "name": "Team", "description": "Ours" }));
    let add = "mutation($id: ID!, $users: [ID!]!) { addParticipants(conversationId: $id, userIds: $users) { participantCount } }";
    assert_eq!(tour.ask(alice, add, at(json!({ "users": [carol.id] }))).await["participantCount"], 3);
    let role = "mutation($id: ID!, $user: ID!) { setParticipantRole(conversationId: $id, userId: $user, role: ADMIN) \
                { participants { userName role } } }";
    let seen = tour.ask(alice, role, at(json!({ "user": carol.id }))).await;
    assert_eq!(seen["participants"][2], json!({ "userName": "Carol", "role": "ADMIN" }));
    for (field, name) in [("setMuted", "muted"), ("setPinned", "pinned"), ("setArchived", "archived")] {
        let set = format!("mutation($id: ID!) {{ {field}(conversationId: $id) {{ {name} }} }}");
        assert_eq!(tour.ask(alice, &set, group.clone()).await, json!({ name: true }));
        let unset = format!("mutation($id: ID!) {{ {field}(conversationId: $id, {name}: false) {{ {name} }} }}");
        assert_eq!(tour.ask(alice, &unset, group.clone()).await, json!({ name: false }));
    }
    let direct = "mutation($user: ID!) { openDirect(userId: $user) { type name } }";
    assert_eq!(tour.ask(alice, direct, json!({ "user": bob.id })).await, json!({ "type": "DIRECT", "name": "Bob" }));
    let list = "query($after: String) { conversations(first: 1, after: $after) { edges { cursor node { name } } pageInfo { hasNextPage endCursor } } }";
    let first = tour.ask(alice, list, json!({})).await;
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let second = tour.ask(alice, list, json!({ "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
    let names: BTreeSet<_> = [&first, &second].map(|page| page["edges"][0]["node"]["name"].as_str().unwrap()).into();
    assert_eq!(names, BTreeSet::from(["Bob", "Team"]));
}

async fn messages(tour: &mut Tour, alice: &Person, bob: &Person) {
    let group = alice.group("Talk", &[bob]).await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id content tempId metadata sender { name } conversation { name } } }";
    let input = json!({ "conversationId": group, "content": "Hello", "tempId": "t", "metadata": { "a": [1, "x"] } });
    let sent = tour.ask(alice, send, json!({ "input": input })).await;
    let at = json!({ "id": id(&sent) });
    assert_eq!(
        (&sent["content"], &sent["tempId"], &sent["metadata"]),
        (&json!("Hello"), &json!("t"), &json!({ "a": [1, "x"] }))
    );
    assert_eq!((&sent["sender"]["name"], &sent["conversation"]["name"]), (&json!("Alice"), &json!("Talk")));
    let reply = json!({ "conversationId": group, "content": "Reply", "parentMessageId": id(&sent) });
    tour.ask(bob, send, json!({ "input": reply })).await;
    let message = "query($id: ID!) { message(id: $id) { replyCount tempId parent { id } replies { nodes { content parent { id } } } } }";
    let seen = tour.ask(bob, message, at.clone()).await;
    let replies = json!({ "nodes": [{ "content": "Reply", "parent": { "id": id(&sent) } }] });
    assert_eq!(seen, json!({ "replyCount": 1, "tempId": null, "parent": null, "replies": replies }));
    let edit = "mutation($id: ID!) { editMessage(messageId: $id, content: \"Hallo\") { content isEdited } }";
    assert_eq!(tour.ask(alice, edit, at.clone()).await, json!({ "content": "Hallo", "isEdited": true }));
    for (field, added, count) in
        [("addReaction", true, 1), ("toggleReaction", false, 0), ("addReaction", true, 1), ("removeReaction", false, 0)]
    {
        let react = format!(
            "mutation($id: ID!) {{ {field}(messageId: $id, emoji: \"👍\") {{ emoji added reactionSummary {{ count viewerReacted }} }} }}"
        );
        let seen = tour.ask(bob, &react, at.clone()).await;
        assert_eq!((&seen["emoji"], &seen["added"]), (&json!("👍"), &json!(added)), "{field}");
        let summary: Vec<Json> = (0..count).map(|_| json!({ "count": 1, "viewerReacted": true })).collect();
        assert_eq!(seen["reactionSummary"], json!(summary), "{field}");
    }
    let unread = "{ unread { totalUnread conversations { conversationId unreadCount } } }";
    let counted =
        json!({ "totalUnread": 1, "conversations": [{ "conversationId": group.to_string(), "unreadCount": 1 }] });
    assert_eq!(tour.ask(bob, unread, json!({})).await, counted);
    let read = "mutation($id: ID!) { markRead(conversationId: $id) { lastReadMessageId unreadCount } }";
    assert_eq!(tour.ask(bob, read, json!({ "id": group })).await["unreadCount"], 0);
    let receipts = "query($id: ID!) { message(id: $id) { readReceipts { userName } reactions { emoji } } }";
    assert_eq!(
        tour.ask(alice, receipts, at.clone()).await,
        json!({ "readReceipts": [{ "userName": "Bob" }], "reactions": [] })
    );
    let search = "query($id: ID!) { searchMessages(conversationId: $id, query: \"hal\") { nodes { content } } }";
    assert_eq!(tour.ask(bob, search, json!({ "id": group })).await, json!({ "nodes": [{ "content": "Hallo" }] }));
    let delete = "mutation($id: ID!) { deleteMessage(messageId: $id) { content isDeleted attachments { id } } }";
    assert_eq!(tour.ask(alice, delete, at).await, json!({ "content": null, "isDeleted": true, "attachments": [] }));
    let page = "query($id: ID!, $before: String) { conversation(id: $id) { messages(last: 1, before: $before) { edges { cursor node { content } } pageInfo { hasPreviousPage startCursor } } } }";
    let newest = tour.ask(bob, page, json!({ "id": group })).await["messages"].take();
    assert_eq!(
        (&newest["edges"][0]["node"]["content"], &newest["pageInfo"]["hasPreviousPage"]),
        (&json!("Reply"), &json!(true))
    );
    let older = tour.ask(bob, page, json!({ "id": group, "before": newest["pageInfo"]["startCursor"] })).await;
    assert_eq!(older["messages"]["edges"][0]["node"]["content"], Json::Null);
    assert_eq!(older["messages"]["pageInfo"]["hasPreviousPage"], false);
    let sync = tour.ask(alice, "{ sync { cursor hasMore } }", json!({})).await;
    assert_eq!(sync["hasMore"], false);
}

async fn people(tour: &mut Tour, alice: &Person, bob: &Person, root: &Person) {
    assert_eq!(tour.ask(alice, "{ me { name } }", json!({})).await, json!({ "name": "Alice" }));
    let user = "query($id: ID!) { user(id: $id) { name } }";
    assert_eq!(tour.ask(alice, user, json!({ "id": bob.id })).await, json!({ "name": "Bob" }));
    let people = "query($search: String) { users(search: $search) { nodes { name nodeId } } }";
    let found = tour.ask(alice, people, json!({ "search": "bo" })).await["nodes"].take();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["name"]), (Some(1), &json!("Bob")));
    let node = "query($id: ID!) { node(nodeId: $id) { nodeId ... on User { name } } }";
    let at = json!({ "id": found[0]["nodeId"], "ids": [found[0]["nodeId"]] });
    assert_eq!(tour.ask(alice, node, at.clone()).await, json!({ "nodeId": found[0]["nodeId"], "name": "Bob" }));
    let nodes = "query($ids: [ID!]!) { nodes(nodeIds: $ids) { __typename } }";
    assert_eq!(tour.ask(alice, nodes, at).await, json!([{ "__typename": "User" }]));
    let set = "mutation { setPresence(status: AWAY, statusMessage: \"Lunch\") { status online statusMessage } }";
    let away = json!({ "status": "AWAY", "online": true, "statusMessage": "Lunch" });
    assert_eq!(tour.ask(bob, set, json!({})).await, away);
    let of = "query($ids: [ID!]!) { presence(userIds: $ids) { status online statusMessage } }";
    assert_eq!(tour.ask(alice, of, json!({ "ids": [bob.id] })).await, json!([away]));
    assert_eq!(tour.ask(alice, "{ onlineUsers { userName } }", json!({})).await, json!([{ "userName": "Bob" }]));
    assert_eq!(tour.ask(bob, "mutation { heartbeat }", json!({})).await, true);
    // Over a connection only, where `renewal.rs` has its story.
    let renew = "mutation($token: String!) { renewToken(token: $token) { expiresAt } }";
    assert_eq!(bob.gql_refused(renew, json!({ "token": bob.token })).await.0, "BAD_REQUEST");
    tour.0.insert("renewToken".to_owned());
    let direct = alice.direct(bob).await;
    let typing = "mutation($id: ID!) { setTyping(conversationId: $id, typing: true) }";
    assert_eq!(tour.ask(alice, typing, json!({ "id": direct })).await, true);
    let upsert = "mutation($input: [UserInput!]!) { upsertUsers(input: $input) { id name } }";
    let input = json!({ "input": [{ "id": 777, "name": "Grace" }] });
    assert_eq!(tour.ask(root, upsert, input.clone()).await, json!([{ "id": "777", "name": "Grace" }]));
    assert_eq!(alice.gql_refused(upsert, input).await.0, "FORBIDDEN");
    // What they do is the story of `sanctions.rs`.
    for (name, is_banned) in [("banUser", true), ("unbanUser", false), ("logoutUser", false)] {
        let sanction = format!("mutation {{ {name}(userId: 777) {{ isBanned }} }}");
        assert_eq!(tour.ask(root, &sanction, json!({})).await, json!({ "isBanned": is_banned }));
    }
}

async fn files(tour: &mut Tour, alice: &Person) {
    let uploaded = alice.upload("note.txt", "text/plain", b"words").await;
    let file = "query($id: ID!) { file(id: $id) { fileName size contentType } }";
    let seen = json!({ "fileName": "note.txt", "size": 5, "contentType": "text/plain" });
    assert_eq!(tour.ask(alice, file, json!({ "id": uploaded["id"] })).await, seen);
}

async fn webhooks(tour: &mut Tour, root: &Person) {
    // Nobody listens on the port for discarding.
    let input = json!({ "input": { "url": "http://127.0.0.1:9/hook", "events": ["chat_message.sent"] } });
    let create = "mutation($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { id secret } }";
    let endpoint = tour.ask(root, create, input).await;
    let at = json!({ "id": id(&endpoint) });
    let list = tour.ask(root, "{ webhookEndpoints { id secret enabled events } }", json!({})).await;
    let shown = json!([{ "id": id(&endpoint), "secret": null, "enabled": true, "events": ["chat_message.sent"] }]);
    assert_eq!(list, shown);
    let rotate = "mutation($id: ID!) { rotateWebhookSecret(endpointId: $id) { secret previousSecretUntil } }";
    assert_ne!(tour.ask(root, rotate, at.clone()).await["secret"], endpoint["secret"]);
    let test = "mutation($id: ID!) { sendTestEvent(endpointId: $id) { id eventType } }";
    assert_eq!(tour.ask(root, test, at.clone()).await["eventType"], "webhook.test");
    let deliveries = "query($id: ID!) { webhookDeliveries(endpointId: $id) { nodes { id eventType } } }";
    let sent = tour.ask(root, deliveries, at.clone()).await;
    assert_eq!(sent["nodes"][0]["eventType"], "webhook.test");
    let replay = "mutation($ids: [ID!]!) { replayWebhookDeliveries(deliveryIds: $ids) }";
    // What is still on its way is not sent again.
    assert!(tour.ask(root, replay, json!({ "ids": [sent["nodes"][0]["id"]] })).await.is_number());
    let update = "mutation($id: ID!) { updateWebhookEndpoint(endpointId: $id, input: { enabled: false }) { enabled } }";
    assert_eq!(tour.ask(root, update, at.clone()).await, json!({ "enabled": false }));
    let delete = "mutation($id: ID!) { deleteWebhookEndpoint(endpointId: $id) }";
    assert_eq!(tour.ask(root, delete, at).await, true);
}

async fn ends(tour: &mut Tour, alice: &Person, bob: &Person, carol: &Person) {
    let group = json!({ "id": alice.group("Short-lived", &[bob, carol]).await, "bob": bob.id, "carol": carol.id });
    let remove = "mutation($id: ID!, $carol: ID!) { removeParticipant(conversationId: $id, userId: $carol) }";
    assert_eq!(tour.ask(alice, remove, group.clone()).await, true);
    let transfer = "mutation($id: ID!, $bob: ID!) { transferOwnership(conversationId: $id, userId: $bob) { participants { role } } }";
    let seen = tour.ask(alice, transfer, group.clone()).await;
    assert_eq!(seen["participants"], json!([{ "role": "ADMIN" }, { "role": "OWNER" }]));
    let leave = "mutation($id: ID!) { leaveConversation(conversationId: $id) }";
    assert_eq!(tour.ask(alice, leave, group.clone()).await, true);
    let delete = "mutation($id: ID!) { deleteConversation(conversationId: $id) }";
    assert_eq!(tour.ask(bob, delete, group.clone()).await, true);
    let (code, message) = bob.gql_refused("query($id: ID!) { conversation(id: $id) { id } }", group).await;
    assert_eq!((code.as_str(), message.as_str()), ("NOT_FOUND", "Conversation not found"));
}

#[tokio::test]
async fn each_field_of_a_conversation_is_the_same_asked_for_alone_and_with_all_others() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let group = alice.group("Team", &[&bob]).await;
    let direct = alice.direct(&bob).await;
    bob.send(group, "Hello").await;
    bob.send(direct, "Hello").await;
    let compound = [
        "otherUser",
        "typing",
        "viewerPermissions",
        "createdBy",
        "participants",
        "lastMessage",
        "messages",
        "participantsPage",
        "attachments",
    ];
    let ask = |field: &String| match compound.contains(&field.as_str()) {
        true => format!("{field} {{ __typename }}"),
        false => field.clone(),
    };
    let fields = fields_of(&["Conversation"]);
    let all = fields.iter().map(ask).collect::<Vec<_>>().join(" ");
    for conversation in [group, direct] {
        let query = |fields: &str| format!("query($id: ID!) {{ conversation(id: $id) {{ {fields} }} }}");
        let all = alice.gql_ok(&query(&all), json!({ "id": conversation })).await;
        assert_eq!(all["conversation"]["unreadCount"], 1);
        for field in &fields {
            let spread = format!("... on Conversation {{ {} }}", ask(field));
            for asked in [ask(field), spread] {
                let alone = alice.gql_ok(&query(&asked), json!({ "id": conversation })).await;
                assert_eq!(alone["conversation"][field], all["conversation"][field], "{field}");
            }
        }
    }
}
