//! Every object type, every enum and every event of the schema is asked for as the schema has it, with all its fields in an
//! order of our own, and what is answered is held against the schema: the order of the fields, null where it may be, times
//! in their one form, declared values of enums. Arguments that may be left out are variables without a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use async_graphql::Value;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition};
use serde_json::json;

use crate::person::Person;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::sockets::SOON;

/// Fields within fields that are asked for at most, fewer where the server says that it is too much.
const DEPTHS: [usize; 4] = [4, 3, 2, 1];

/// The same of what is heard.
const HEARD_DEPTH: usize = 3;

/// The types of `schema.graphql`, and which of them were seen.
struct Tour {
    types: BTreeMap<String, TypeKind>,
    seen: BTreeSet<String>,
}

/// Whether arguments that may be left out are named, as variables without a value.
#[derive(Clone, Copy, PartialEq)]
enum Optional {
    Unsaid,
    Absent,
}

/// A text that asks for all fields of a type, and its variables.
struct Asked<'t> {
    tour: &'t Tour,
    optional: Optional,
    variables: Vec<String>,
}

impl Tour {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
        let document = parse_schema(std::fs::read_to_string(path).expect("the schema")).expect("a schema");
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(found) => {
                let TypeDefinition { name, kind, .. } = found.node;
                Some((name.node.to_string(), kind))
            }
            _ => None,
        });
        Self { types: types.collect(), seen: BTreeSet::new() }
    }

    fn fields(&self, of: &str) -> Vec<&FieldDefinition> {
        match self.types.get(of) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    fn field(&self, of: &str, name: &str) -> &FieldDefinition {
        self.fields(of).into_iter().find(|field| field.name.node == name).expect("a field of the schema")
    }

    fn is_leaf(&self, of: &str) -> bool {
        !matches!(self.types.get(of), Some(TypeKind::Object(_) | TypeKind::Union(_) | TypeKind::Interface(_)))
    }

    /// The types that a union or an interface is of.
    fn members(&self, of: &str) -> Vec<String> {
        match self.types.get(of) {
            Some(TypeKind::Union(union)) => union.members.iter().map(|member| member.node.to_string()).collect(),
            Some(TypeKind::Interface(_)) => {
                let implements = |kind: &TypeKind| match kind {
                    TypeKind::Object(object) => object.implements.iter().any(|name| name.node == of),
                    _ => false,
                };
                self.types.iter().filter(|(_, kind)| implements(kind)).map(|(name, _)| name.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A root field with all that it has, as deep as the server takes it: its data, which is held against the schema.
    async fn ask(&mut self, person: &Person, root: &str, field: &str, arguments: &str) {
        // What the server does by itself, such as delivering, may fall between two questions.
        for _ in 0..20 {
            if self.answers_alike(person, root, field, arguments).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("{field}: what is absent changes something");
    }

    /// Whether it is answered alike whether optional arguments are left out or absent variables.
    async fn answers_alike(&mut self, person: &Person, root: &str, field: &str, arguments: &str) -> bool {
        let mut data = Vec::new();
        for optional in [Optional::Unsaid, Optional::Absent] {
            let (text, depth) = self.largest(person, root, field, arguments, optional).await;
            let read: Value = serde_json::from_str(&text).expect("JSON");
            let Value::Object(response) = &read else { panic!("{text}") };
            assert!(!response.contains_key("errors"), "{field}: {text}");
            self.hold_root(root, field, &response["data"], depth);
            data.push((depth, response["data"].clone()));
        }
        let same = data[0].0 == data[1].0 && root == "Query";
        !same || without_links(&data[0].1) == without_links(&data[1].1)
    }

    async fn largest(
        &self,
        person: &Person,
        root: &str,
        field: &str,
        arguments: &str,
        optional: Optional,
    ) -> (String, usize) {
        for depth in DEPTHS {
            let query = self.query(root, field, arguments, depth, optional);
            let answer = person.gql_answer(&query, json!({})).await;
            let is_too_much = ["too many", "more than", "too deeply", "too long"];
            if !is_too_much.iter().any(|sentence| answer.text.contains(sentence)) {
                return (answer.text, depth);
            }
        }
        panic!("{field} cannot be asked for at all");
    }

    fn query(&self, root: &str, field: &str, arguments: &str, depth: usize, optional: Optional) -> String {
        let mut asked = Asked { tour: self, optional, variables: Vec::new() };
        let below = asked.set_of(&base(&self.field(root, field).ty.node), depth);
        let arguments = asked.arguments(self.field(root, field), arguments);
        let variables = asked.variables.join(", ");
        let variables = if variables.is_empty() { String::new() } else { format!("({variables})") };
        format!("{}{variables} {{ {field}{arguments}{below} }}", root.to_lowercase())
    }

    /// Holds what was answered to a root field against the schema.
    fn hold_root(&mut self, root: &str, field: &str, data: &Value, depth: usize) {
        let Value::Object(data) = data else { panic!("{field} has no data") };
        assert_eq!(data.keys().collect::<Vec<_>>(), [field], "the data of {root}");
        let ty = self.field(root, field).ty.node.clone();
        self.hold(field, &ty, &data[field], depth);
    }

    fn hold(&mut self, at: &str, ty: &Type, value: &Value, depth: usize) {
        match (&ty.base, value) {
            (_, Value::Null) => assert!(ty.nullable, "{at} may not be null"),
            (BaseType::List(items), Value::List(values)) => {
                values.iter().for_each(|value| self.hold(at, items, value, depth));
            }
            (BaseType::Named(name), value) => self.hold_named(at, name, value, depth),
            _ => panic!("{at} is no list: {value}"),
        }
    }

    fn hold_named(&mut self, at: &str, name: &str, value: &Value, depth: usize) {
        let kind = self.types.get(name).cloned();
        match (kind, value) {
            (Some(TypeKind::Object(_)), Value::Object(object)) => self.hold_object(at, name, object, depth),
            (Some(TypeKind::Union(_) | TypeKind::Interface(_)), Value::Object(object)) => {
                let Some(Value::String(member)) = object.get("is") else { panic!("{at} has no type: {value}") };
                assert!(self.members(name).contains(member), "{at}: {member}");
                let member = member.clone();
                self.seen.insert(name.to_owned());
                self.hold_object(at, &member, object, depth);
            }
            (Some(TypeKind::Enum(declared)), Value::String(said)) => {
                let is_declared = declared.values.iter().any(|known| known.node.value.node == *said);
                assert!(is_declared, "{at}: {said} is not of {name}");
                self.seen.insert(name.to_owned());
            }
            (_, Value::String(time)) if name == "DateTime" => {
                let form: String = time.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
                assert_eq!(form, "0000-00-00T00:00:00.000Z", "{at}: {time}");
                self.seen.insert(name.to_owned());
            }
            (_, Value::String(_)) if ["ID", "String"].contains(&name) => {}
            (_, Value::Boolean(_)) if name == "Boolean" => {}
            (_, Value::Number(number)) if name == "Int" => {
                assert!(number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()), "{at}: {number}");
            }
            (_, _) if name == "JSON" => {}
            (_, value) => panic!("{at} is no {name}: {value}"),
        }
    }

    fn hold_object(
        &mut self,
        at: &str,
        name: &str,
        object: &async_graphql::indexmap::IndexMap<async_graphql::Name, Value>,
        depth: usize,
    ) {
        let is_in_union = object.contains_key("is") && object.get_index_of("is") == Some(0);
        let order: Vec<String> =
            is_in_union.then(|| "is".to_owned()).into_iter().chain(self.order(name, depth)).collect();
        let told: Vec<String> = object.keys().map(ToString::to_string).collect();
        assert_eq!(told, order, "the fields of {name} at {at} are not in the order in which they were asked for");
        for field in order.iter().filter(|field| !["is", "also"].contains(&field.as_str())) {
            let ty = self.field(name, field).ty.node.clone();
            self.hold(&format!("{at}.{field}"), &ty, &object[field.as_str()], depth.saturating_sub(1));
        }
        self.seen.insert(name.to_owned());
    }

    /// The fields of a type in the order in which they are asked for: the last first, and `__typename` in the middle.
    fn order(&self, of: &str, depth: usize) -> Vec<String> {
        let fields = self.fields(of).into_iter().filter(|field| depth > 1 || self.is_leaf(&base(&field.ty.node)));
        let mut order: Vec<String> = fields.map(|field| field.name.node.to_string()).collect();
        order.reverse();
        order.insert(order.len() / 2, "also".to_owned());
        order
    }
}

impl Asked<'_> {
    /// All fields of a type, in pieces: some of them in fragments, the first twice.
    fn set_of(&mut self, of: &str, depth: usize) -> String {
        let tour = self.tour;
        match tour.types.get(of) {
            Some(TypeKind::Union(_) | TypeKind::Interface(_)) => {
                let mut text = " { is: __typename".to_owned();
                for member in tour.members(of) {
                    let below = self.set_of(&member, depth);
                    write!(text, " ... on {of} {{ ... on {member}{below} }}").expect("a text");
                }
                text + " }"
            }
            Some(TypeKind::Object(_)) => {
                let order = tour.order(of, depth);
                let half = order.len() / 2;
                let mut texts: Vec<String> = order.iter().map(|field| self.field(of, field, depth)).collect();
                let again = texts[0].clone();
                let rest = texts.split_off(half);
                format!(" {{ {} ... on {of} {{ {} ... {{ {again} }} }} }}", texts.join(" "), rest.join(" "))
            }
            _ => String::new(),
        }
    }

    fn field(&mut self, of: &str, field: &str, depth: usize) -> String {
        if field == "also" {
            return "also: __typename".to_owned();
        }
        let tour = self.tour;
        let definition = tour.field(of, field);
        let arguments = self.arguments(definition, "");
        format!("{field}{arguments}{}", self.set_of(&base(&definition.ty.node), depth - 1))
    }

    /// The arguments that are given, and the others of the field as variables.
    fn arguments(&mut self, field: &FieldDefinition, given: &str) -> String {
        let mut arguments: Vec<String> = Some(given.to_owned()).filter(|given| !given.is_empty()).into_iter().collect();
        for argument in field.arguments.iter().map(|argument| &argument.node) {
            let is_given = given.contains(&format!("{}:", argument.name.node));
            let may_be_absent = argument.ty.node.nullable || argument.default_value.is_some();
            if self.optional == Optional::Absent && may_be_absent && !is_given {
                let variable = format!("$v{}", self.variables.len());
                let ty = argument.ty.node.to_string();
                self.variables.push(format!("{variable}: {}", ty.trim_end_matches('!')));
                arguments.push(format!("{}: {variable}", argument.name.node));
            }
        }
        if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) }
    }
}

fn base(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(items) => base(items),
    }
}

/// Links to files are signed anew each time.
fn without_links(data: &Value) -> Value {
    match data {
        Value::Object(object) => Value::Object(
            object
                .iter()
                .filter(|(name, _)| !["url", "thumbnailUrl", "lastSeenAt", "cursor"].contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), without_links(value)))
                .collect(),
        ),
        Value::List(items) => Value::List(items.iter().map(without_links).collect()),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_enum_and_event_of_the_schema_is_answered_as_the_specification_has_it() {
    let server = Server::start_with(|config| config.webhooks.allow_private_targets = true).await;
    let (alice, bob, carol) = (server.person("Alice").await, server.person("Bob").await, server.person("Carol").await);
    let root = server.administrator("Root").await;
    let receiver = Receiver::start().await;
    let mut tour = Tour::new();
    let start = alice.get("/events").await.body["page"]["next"].as_str().expect("a cursor").to_owned();
    let group = alice.group("Team", &[&bob]).await;

    // What is heard as it happens, each by the name of its field.
    let heard = ["messages", "typing", "presence", "receipts", "reactions", "conversationChanges", "events"];
    let mut socket = bob.socket().await;
    for field in heard {
        let query = tour.query("Subscription", field, "", HEARD_DEPTH, Optional::Absent);
        socket.subscribe(field, &query, json!({})).await;
    }

    // Who is not there has no presence to change.
    let _there = alice.socket().await;
    let file = alice.upload("note.txt", "text/plain", b"words").await;
    let message = alice.send_files(group, &[file["id"].as_i64().expect("an id")]).await;
    let reply = json!({ "content": "an apple", "parentMessageId": message, "metadata": { "a b": [1, null] } });
    let reply = bob.post(&format!("/conversations/{group}/messages"), reply).await.ok()["id"].clone();
    let typing = format!("mutation {{ setTyping(conversationId: {group}, typing: true) }}");
    alice.gql_ok(&typing, json!({})).await;
    tour.ask(&alice, "Mutation", "toggleReaction", &format!("messageId: {message}, emoji: \"👍\"")).await;
    tour.ask(&alice, "Mutation", "addReaction", &format!("messageId: {message}, emoji: \"👍\"")).await;
    tour.ask(&alice, "Mutation", "markRead", &format!("conversationId: {group}")).await;
    tour.ask(&alice, "Mutation", "setPresence", "status: AWAY").await;
    tour.ask(&alice, "Mutation", "setMuted", &format!("conversationId: {group}")).await;
    let renamed = format!("conversationId: {group}, input: {{ name: \"Renamed\" }}");
    tour.ask(&alice, "Mutation", "updateConversation", &renamed).await;
    let added = format!("conversationId: {group}, userIds: [{}]", carol.id);
    tour.ask(&alice, "Mutation", "addParticipants", &added).await;

    let mut missing: BTreeSet<&str> = heard.into();
    let mut events = BTreeSet::new();
    while !missing.is_empty() || events.len() < 5 {
        let heard = tokio::time::timeout(SOON / 2, socket.hear_text()).await;
        let text = heard.unwrap_or_else(|_| panic!("{missing:?} were not heard, and of events only {events:?}"));
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let Value::Object(said) = &read else { panic!("{text}") };
        let (Value::String(id), Value::Object(payload)) = (&said["id"], &said["payload"]) else { panic!("{text}") };
        assert!(!payload.contains_key("errors"), "{text}");
        tour.hold_root("Subscription", id, &payload["data"], HEARD_DEPTH);
        missing.remove(id.as_str());
        if let Some((_, member)) = text.split_once(r#""events":{"is":""#) {
            events.insert(member.split('"').next().expect("a name").to_owned());
        }
    }

    // A connection alone goes on with a new token.
    let token = format!("token: \"{}\"", bob.token);
    let renew = tour.query("Mutation", "renewToken", &token, HEARD_DEPTH, Optional::Absent);
    socket.subscribe_loudly("renewToken", &renew, json!({})).await;
    let text = loop {
        let text = socket.hear_text().await;
        if text.contains("\"id\":\"renewToken\"") {
            break text;
        }
    };
    let read: Value = serde_json::from_str(&text).expect("JSON");
    let Value::Object(said) = &read else { panic!("{text}") };
    let Value::Object(payload) = &said["payload"] else { panic!("{text}") };
    tour.hold_root("Mutation", "renewToken", &payload["data"], HEARD_DEPTH);

    let endpoint = format!("input: {{ url: \"{}\" }}", receiver.url());
    tour.ask(&root, "Mutation", "createWebhookEndpoint", &endpoint).await;
    alice.send(group, "told to the endpoint").await;
    receiver.wait_for(1).await;
    tour.ask(&root, "Query", "webhookEndpoints", "").await;
    tour.ask(&root, "Query", "webhookDeliveries", "").await;
    let ids = format!(
        "query {{ me {{ nodeId }} file(id: {}) {{ nodeId }} conversation(id: {group}) {{ nodeId participants {{ nodeId }} }} \
         message(id: {message}) {{ nodeId attachments {{ nodeId }} reactions {{ nodeId }} }} }}",
        file["id"]
    );
    let ids = alice.gql_ok(&ids, json!({})).await;
    let ids = [
        "/me",
        "/file",
        "/conversation",
        "/conversation/participants/0",
        "/message",
        "/message/attachments/0",
        "/message/reactions/0",
    ]
    .map(|place| ids.pointer(&format!("{place}/nodeId")).and_then(|id| id.as_str()).expect("an id").to_owned());
    for (field, arguments) in [
        ("me", String::new()),
        ("user", format!("id: {}", bob.id)),
        ("file", format!("id: {}", file["id"])),
        ("conversation", format!("id: {group}")),
        ("conversations", String::new()),
        ("message", format!("id: {message}")),
        ("message", format!("id: {reply}")),
        ("searchMessages", "query: \"apple\"".to_owned()),
        ("onlineUsers", String::new()),
        ("presence", format!("userIds: [{}]", bob.id)),
        ("sync", format!("after: \"{start}\"")),
        ("unread", String::new()),
        ("users", "search: \"bo\"".to_owned()),
        ("node", format!("nodeId: \"{}\"", ids[0])),
        ("nodes", format!("nodeIds: {ids:?}")),
    ] {
        tour.ask(&alice, "Query", field, &arguments).await;
    }

    tour.ask(&carol, "Query", "unread", "").await;

    let wanted = tour.types.iter().filter(|(name, kind)| {
        let is_root = ["Query", "Mutation", "Subscription"].contains(&name.as_str());
        !is_root
            && matches!(kind, TypeKind::Object(_) | TypeKind::Union(_) | TypeKind::Interface(_) | TypeKind::Enum(_))
    });
    let unseen: Vec<&String> = wanted.map(|(name, _)| name).filter(|name| !tour.seen.contains(*name)).collect();
    assert_eq!(unseen, Vec::<&String>::new(), "nobody was answered with these");
}
