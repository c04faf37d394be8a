//! Which subscriptions have the same answers for all who may hear an event: those that ask for no field with the tag `own`.

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::Value;

use crate::api::graphql::catalog::{Catalog, base, root};

/// Fields that are looked at, at most; what asks for more is taken for the viewer's own.
const MAX_FIELDS: usize = 10_000;

/// Whether a subscription asks for nothing that is a viewer's own.
pub(crate) fn is_shared(catalog: &Catalog, document: &ExecutableDocument, operation: &OperationDefinition) -> bool {
    let mut search = Search { catalog, document, fields_left: MAX_FIELDS };
    search.finds_nothing_own(root(operation.ty), &operation.selection_set.node)
}

/// The variable that says where a subscription starts and stands nowhere else; none where there is no such one.
pub(crate) fn start_variable(text: &str, root: &Field) -> Option<Name> {
    let Value::Variable(name) = &root.get_argument("after")?.node else { return None };
    let goes_on = |end: usize| text[end..].starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric());
    let places = text.match_indices('$').filter(|(at, _)| {
        let rest = &text[at + 1..];
        rest.starts_with(name.as_str()) && !goes_on(at + 1 + name.len())
    });
    // Where it is defined, and at the root. Whatever else may look like it only keeps the answers apart.
    (places.count() == 2).then(|| name.clone())
}

/// A search for a field that is a viewer's own.
struct Search<'a> {
    catalog: &'a Catalog,
    document: &'a ExecutableDocument,
    fields_left: usize,
}

impl Search<'_> {
    fn finds_nothing_own(&mut self, of: &str, set: &SelectionSet) -> bool {
        set.items.iter().all(|item| {
            let Some(left) = self.fields_left.checked_sub(1) else { return false };
            self.fields_left = left;
            match &item.node {
                Selection::Field(field) if field.node.name.node == "__typename" => true,
                Selection::Field(field) => {
                    let known = self.catalog.field(of, &field.node.name.node).filter(|known| !known.is_own);
                    let below = &field.node.selection_set.node;
                    known.is_some_and(|known| self.finds_nothing_own(base(&known.ty), below))
                }
                Selection::InlineFragment(inline) => {
                    let of = inline.node.type_condition.as_ref().map_or(of, |condition| &condition.node.on.node);
                    self.finds_nothing_own(of, &inline.node.selection_set.node)
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                    fragment.is_some_and(|fragment| {
                        let of = &fragment.node.type_condition.node.on.node;
                        self.finds_nothing_own(of, &fragment.node.selection_set.node)
                    })
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;
    use crate::api::graphql::operation::definition;
    use crate::api::graphql::schema::schema;

    #[test]
    fn where_a_subscription_starts_is_told_apart_from_what_it_asks_for() {
        let start = |query: &str| {
            let document = parse_query(query).unwrap();
            let operation = definition(&document, None).unwrap().clone();
            let Selection::Field(field) = &operation.selection_set.node.items[0].node else { panic!("{query}") };
            start_variable(query, &field.node).map(|name| name.to_string())
        };
        let found = start("subscription($a: String, $after: String) { messages(after: $after) { id } }");
        assert_eq!(found.as_deref(), Some("after"));
        for query in [
            "subscription { messages(after: \"x\") { id } }",
            "subscription($a: String) { messages(after: $a) { id ... on Message { replies(after: $a) { nodes { id } } } } }",
            "subscription($a: String) { messages(after: $a) { id } } # and $a",
            "subscription($after: String) { messages { replies(after: $after) { nodes { id } } } }",
        ] {
            assert_eq!(start(query), None, "{query}");
        }
    }

    #[test]
    fn what_is_a_viewers_own_makes_a_subscription_its_own_wherever_it_stands() {
        let catalog = Catalog::of(&schema());
        let is_shared = |query: &str| {
            let document = parse_query(query).unwrap();
            is_shared(&catalog, &document, definition(&document, None).unwrap())
        };
        for query in [
            "subscription { messages { __typename id content attachments { url } sender { name } } }",
            "subscription { events { cursor type ... on MessageEvent { edge { cursor node { nodeId content } } } } }",
            "subscription { conversationChanges { event conversation { name participants { user { name } } } } }",
            "subscription { events { __typename ... on MessageEvent { cursor message { ...M } } ... on ConversationEvent \
             { change { conversation { lastMessage { ...M } } } } } } fragment M on Message { id reactionSummary { emoji } }",
        ] {
            assert!(is_shared(query), "{query}");
        }
        for query in [
            "subscription { messages { id tempId } }",
            "subscription { messages { reactionSummary { viewerReacted } } }",
            "subscription { messages { conversation { name } } }",
            "subscription { messages { sender { presence { online } } } }",
            "subscription { conversationChanges { conversation { viewerRole } } }",
            "subscription { conversationChanges { edge { node { name } } } }",
            "subscription { events { ... on Event { ... on MessageEvent { edge { node { tempId } } } } } }",
            "subscription { messages { parent { id } } }",
            "subscription { conversationChanges { conversation { unreadCount } } }",
            "subscription { conversationChanges { conversation { messages { nodes { id } } } } }",
            "subscription { conversationChanges { conversation { lastMessage { conversation { id } } } } }",
            "subscription { events { ... on ConversationEvent { change { conversation { ...C } } } } } \
             fragment C on Conversation { id muted }",
        ] {
            assert!(!is_shared(query), "{query}");
        }
    }
}
