//! Every type, field, argument and value of the schema says what it is, to whoever asks the server itself.

use serde_json::{Value as Json, json};

use crate::server::Server;

const INTROSPECTION: &str = "{ __schema { types { name kind description specifiedByURL \
    fields(includeDeprecated: true) { name description args { name description } } \
    inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";

/// Words of the engine's own that stand where nobody has written others.
const NOT_OURS: [&str; 6] =
    ["A list of edges", "A list of nodes", "aid in pagination", "An edge in a", "Implement the", "any JSON value."];

fn all<'j>(of: &'j Json, list: &str) -> &'j [Json] {
    of[list].as_array().map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn everything_in_the_schema_says_what_it_is_in_our_words() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let schema = alice.gql_ok(INTROSPECTION, json!({})).await["__schema"].take();
    let (mut silent, mut heard) = (Vec::new(), 0);
    let mut look = |at: String, what: &Json| {
        let words = what["description"].as_str().unwrap_or_default().trim();
        if words.len() < 5 || NOT_OURS.iter().any(|other| words.contains(other)) {
            silent.push(at);
        }
        heard += 1;
    };
    let is_built_in =
        |name: &str| name.starts_with("__") || ["Boolean", "Float", "ID", "Int", "String"].contains(&name);
    for kind in all(&schema, "types") {
        let name = kind["name"].as_str().expect("a name");
        if is_built_in(name) {
            continue;
        }
        look(name.to_owned(), kind);
        for field in all(kind, "fields").iter().chain(all(kind, "inputFields")).chain(all(kind, "enumValues")) {
            let at = format!("{name}.{}", field["name"].as_str().expect("a name"));
            for argument in all(field, "args") {
                look(format!("{at}({})", argument["name"].as_str().expect("a name")), argument);
            }
            look(at, field);
        }
        if kind["kind"] == "SCALAR" {
            let address = kind["specifiedByURL"].as_str().unwrap_or_default();
            assert!(address.starts_with("https://"), "{name} does not say what it is specified by");
        }
    }
    assert!(heard > 300, "the schema is read: {heard}");
    assert_eq!(silent, Vec::<String>::new(), "of {heard}");
}
