//! What a subscription asks for at its root, as far as the connection has to know it: the conversation, and where to start.

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};

use crate::api::graphql::operation::CheckedOperation;
use crate::id::ConversationId;

/// Fragments within fragments that are opened to find the root field.
const MAX_DEPTH: usize = 16;

/// The arguments of a root field that matter to a connection.
#[derive(Default)]
pub(super) struct Arguments {
    pub conversation: Option<ConversationId>,
    pub after: Option<String>,
}

/// The root field of a subscription, and its arguments with the variables put in.
pub(super) fn root_field(checked: &CheckedOperation) -> Option<(String, Arguments)> {
    let operation = checked.definition()?;
    let field = first_field(&checked.document, &operation.selection_set.node, 0)?;
    let value = |wanted: &str| {
        let (_, value) = field.arguments.iter().find(|(name, _)| name.node.as_str() == wanted)?;
        let constant = value.node.clone().into_const_with(|name| {
            let given = checked.operation.variables.as_ref().and_then(|given| given.get(name.as_str()));
            let default = || {
                let definitions = &operation.variable_definitions;
                let definition = definitions.iter().find(|definition| definition.node.name.node == name)?;
                definition.node.default_value.as_ref().map(|value| value.node.clone())
            };
            let given = given.and_then(|given| Value::from_json(given.clone()).ok());
            Ok::<_, ()>(given.or_else(default).unwrap_or_default())
        });
        constant.ok()
    };
    let conversation = value("conversationId").and_then(|id| match id {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().and_then(ConversationId::new),
        _ => None,
    });
    let after = match value("after") {
        Some(Value::String(cursor)) => Some(cursor),
        _ => None,
    };
    Some((field.name.node.to_string(), Arguments { conversation, after }))
}

fn first_field<'d>(document: &'d ExecutableDocument, set: &'d SelectionSet, depth: usize) -> Option<&'d Field> {
    if depth > MAX_DEPTH {
        return None;
    }
    set.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        Selection::InlineFragment(inline) => first_field(document, &inline.node.selection_set.node, depth + 1),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            first_field(document, &fragment.node.selection_set.node, depth + 1)
        }
    })
}
