//! What a subscription asks for at its root, as far as the connection has to know it: the conversation, and where to start.

use async_graphql::parser::types::{Directive, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Positioned, Value};
use async_graphql_value::Value as Given;

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

/// The root field of a subscription, in whatever fragment it stands, and its arguments with the variables put in; none
/// where `@skip` and `@include` leave none.
pub(super) fn root_field(checked: &CheckedOperation) -> Option<(&Field, Arguments)> {
    let root = Root { checked, operation: checked.definition()? };
    let field = root.field(&root.operation.selection_set.node, 0)?;
    let argument = |name: &str| field.get_argument(name).and_then(|value| root.constant(&value.node));
    let conversation = argument("conversationId").and_then(|id| match id {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().and_then(ConversationId::new),
        _ => None,
    });
    let after = match argument("after") {
        Some(Value::String(cursor)) if !cursor.is_empty() => Some(cursor),
        _ => None,
    };
    Some((field, Arguments { conversation, after }))
}

/// The root of a subscription, and what its variables are.
struct Root<'d> {
    checked: &'d CheckedOperation,
    operation: &'d OperationDefinition,
}

impl<'d> Root<'d> {
    fn field(&self, set: &'d SelectionSet, depth: usize) -> Option<&'d Field> {
        if depth > MAX_DEPTH {
            return None;
        }
        set.items.iter().find_map(|item| match &item.node {
            Selection::Field(field) => self.is_included(&field.node.directives).then_some(&field.node),
            Selection::InlineFragment(inline) if self.is_included(&inline.node.directives) => {
                self.field(&inline.node.selection_set.node, depth + 1)
            }
            Selection::FragmentSpread(spread) if self.is_included(&spread.node.directives) => {
                let fragment = self.checked.document.fragments.get(&spread.node.fragment_name.node)?;
                self.field(&fragment.node.selection_set.node, depth + 1)
            }
            _ => None,
        })
    }

    /// What `@skip` and `@include` say. One without a condition is left to validation.
    fn is_included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.node.get_argument("if").and_then(|value| self.constant(&value.node));
            match (directive.node.name.node.as_str(), condition) {
                ("skip", Some(Value::Boolean(is_skipped))) => !is_skipped,
                ("include", Some(Value::Boolean(is_included))) => is_included,
                _ => true,
            }
        })
    }

    /// A value with the variables put in: the given one, else the default, else null.
    fn constant(&self, value: &Given) -> Option<Value> {
        let constant = value.clone().into_const_with(|name| {
            let given = self.checked.operation.variables.as_ref().and_then(|given| given.get(name.as_str()));
            let default = || {
                let mut definitions = self.operation.variable_definitions.iter();
                let definition = definitions.find(|definition| definition.node.name.node == name)?;
                definition.node.default_value.as_ref().map(|value| value.node.clone())
            };
            let given = given.and_then(|given| Value::from_json(given.clone()).ok());
            Ok::<_, ()>(given.or_else(default).unwrap_or_default())
        });
        constant.ok()
    }
}
