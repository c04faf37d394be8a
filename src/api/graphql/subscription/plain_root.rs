//! A subscription whose root field stands in the root itself. The engine looks for it there and nowhere else: in a fragment,
//! it would neither be checked nor heard.

use std::collections::HashSet;

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};
use async_graphql_value::Value;

/// Whether the root field of an operation stands where the engine looks for it, with nothing that it could ask for.
pub(super) fn is_plain(operation: &OperationDefinition) -> bool {
    let items = &operation.selection_set.node.items;
    items.iter().all(|item| matches!(&item.node, Selection::Field(field) if field.node.directives.is_empty()))
}

/// A document with one operation, under its name, that asks for `field` and nothing else. The one that it is made of has to
/// be valid: what was needed for nothing but the way to the field is left out.
pub(super) fn plain(
    document: &ExecutableDocument,
    name: Option<&str>,
    operation: &OperationDefinition,
    field: &Field,
) -> ExecutableDocument {
    let mut field = field.clone();
    field.directives.clear();
    let mut fragments = document.fragments.clone();
    fragments.retain(|_, fragment| fragment.node.type_condition.node.on.node != "Subscription");
    let mut used = HashSet::new();
    let root = SelectionSet { items: vec![at_start(Selection::Field(at_start(field)))] };
    find_variables(&root, &mut used);
    fragments.values().for_each(|fragment| find_variables(&fragment.node.selection_set.node, &mut used));
    let mut operation = operation.clone();
    operation.selection_set.node = root;
    operation.variable_definitions.retain(|definition| used.contains(&definition.node.name.node));
    let mut operations = document.operations.clone();
    match &mut operations {
        DocumentOperations::Single(only) => only.node = operation,
        DocumentOperations::Multiple(all) => {
            all.retain(|other, _| name.is_none_or(|name| other == name));
            all.values_mut().for_each(|only| only.node = operation.clone());
        }
    }
    ExecutableDocument { operations, fragments }
}

fn at_start<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}

/// The variables that are used in a set of fields, fragments not opened.
fn find_variables(set: &SelectionSet, used: &mut HashSet<Name>) {
    for item in &set.items {
        let directives = match &item.node {
            Selection::Field(field) => {
                field.node.arguments.iter().for_each(|(_, value)| find_in_value(&value.node, used));
                find_variables(&field.node.selection_set.node, used);
                &field.node.directives
            }
            Selection::InlineFragment(inline) => {
                find_variables(&inline.node.selection_set.node, used);
                &inline.node.directives
            }
            Selection::FragmentSpread(spread) => &spread.node.directives,
        };
        let arguments = directives.iter().flat_map(|directive: &Positioned<Directive>| &directive.node.arguments);
        arguments.for_each(|(_, value)| find_in_value(&value.node, used));
    }
}

fn find_in_value(value: &Value, used: &mut HashSet<Name>) {
    match value {
        Value::Variable(name) => {
            used.insert(name.clone());
        }
        Value::List(items) => items.iter().for_each(|item| find_in_value(item, used)),
        Value::Object(fields) => fields.values().for_each(|value| find_in_value(value, used)),
        _ => {}
    }
}
