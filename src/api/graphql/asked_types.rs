//! Asks the engine for the types of some objects beside what a client asks of them: of those that may come to no field at
//! all, for which it would answer null, and of those of a union or an interface, whose fields would else have no order.

use std::collections::HashSet;

use async_graphql::parser::types::{Directive, DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Pos, Positioned};

use super::catalog::{Catalog, base, root};

/// What the type is asked under. The shape of the response takes it away again. Names with two underscores before them are
/// not for clients.
pub(super) const TYPE_KEY: &str = "__object_type";

/// Adds the types to a document that keeps within the limits.
pub(super) fn ask_types(catalog: &Catalog, document: &mut ExecutableDocument) {
    let certain = document.fragments.iter().filter(|(_, fragment)| {
        let of = &fragment.node.type_condition.node.on.node;
        has_field(catalog, document, of, &fragment.node.selection_set.node)
    });
    let asking = Asking { catalog, certain: certain.map(|(name, _)| name.clone()).collect() };
    for fragment in document.fragments.values_mut().map(|fragment| &mut fragment.node) {
        asking.look_into(&fragment.type_condition.node.on.node, &mut fragment.selection_set.node);
    }
    let operations: Vec<_> = match &mut document.operations {
        DocumentOperations::Single(only) => vec![&mut only.node],
        DocumentOperations::Multiple(all) => all.values_mut().map(|operation| &mut operation.node).collect(),
    };
    for operation in operations {
        asking.look_into(root(operation.ty), &mut operation.selection_set.node);
    }
}

/// Whether an object of the type `of` has a field in any case, whatever `@skip` and `@include` say. Fragments are opened:
/// the guard has counted what they come to.
fn has_field(catalog: &Catalog, document: &ExecutableDocument, of: &str, set: &SelectionSet) -> bool {
    set.items.iter().any(|item| match &item.node {
        Selection::Field(field) => field.node.directives.is_empty(),
        Selection::InlineFragment(inline) => {
            let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
            inline.node.directives.is_empty()
                && condition.is_none_or(|condition| catalog.applies(condition, of))
                && has_field(catalog, document, of, &inline.node.selection_set.node)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            spread.node.directives.is_empty()
                && fragment.is_some_and(|fragment| {
                    catalog.applies(&fragment.node.type_condition.node.on.node, of)
                        && has_field(catalog, document, of, &fragment.node.selection_set.node)
                })
        }
    })
}

struct Asking<'a> {
    catalog: &'a Catalog,
    /// The fragments that have a field in any case.
    certain: HashSet<Name>,
}

impl Asking<'_> {
    /// Adds the types of the objects below one of the type `of`. What the schema does not know is left to validation, and
    /// the fields of introspection to the engine.
    fn look_into(&self, of: &str, set: &mut SelectionSet) {
        for item in &mut set.items {
            match &mut item.node {
                Selection::Field(field) => {
                    let Some(known) = self.catalog.field(of, &field.node.name.node) else { continue };
                    let (of, below) = (base(&known.ty), &mut field.node.selection_set.node);
                    self.look_into(of, below);
                    let is_one_of_several = !self.catalog.members(of).is_empty();
                    if !below.items.is_empty() && (is_one_of_several || !self.is_certain(below)) {
                        below.items.push(type_name());
                    }
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.clone());
                    let of = condition.as_ref().map_or(of, |condition| condition.as_str());
                    self.look_into(of, &mut inline.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn is_certain(&self, set: &SelectionSet) -> bool {
        set.items.iter().any(|item| match &item.node {
            Selection::Field(field) => field.node.directives.is_empty(),
            Selection::InlineFragment(inline) => {
                inline.node.directives.is_empty() && self.is_certain(&inline.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                spread.node.directives.is_empty() && self.certain.contains(&spread.node.fragment_name.node)
            }
        })
    }
}

fn type_name() -> Positioned<Selection> {
    let at_start = Pos::default();
    let field = Field {
        alias: Some(Positioned::new(Name::new(TYPE_KEY), at_start)),
        name: Positioned::new(Name::new("__typename"), at_start),
        arguments: Vec::new(),
        directives: Vec::<Positioned<Directive>>::new(),
        selection_set: Positioned::default(),
    };
    Positioned::new(Selection::Field(Positioned::new(field, at_start)), at_start)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// Where the type is asked for: the fields that lead there.
    fn asked(query: &str) -> Vec<String> {
        let schema = "type Query { x: X! u: [U!] i: I } interface I { a: Int } type X implements I { a: Int x: X } \
                      type Y { b: X } union U = X | Y";
        let mut document = parse_query(query).unwrap();
        ask_types(&Catalog::read(schema), &mut document);
        let mut found = Vec::new();
        for (_, operation) in document.operations.iter() {
            find(&operation.node.selection_set.node, "", &mut found);
        }
        for (name, fragment) in &document.fragments {
            find(&fragment.node.selection_set.node, name, &mut found);
        }
        found.sort();
        found
    }

    fn find(set: &SelectionSet, path: &str, found: &mut Vec<String>) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) if field.node.response_key().node == TYPE_KEY => found.push(path.to_owned()),
                Selection::Field(field) => {
                    find(&field.node.selection_set.node, &format!("{path}/{}", field.node.name.node), found);
                }
                Selection::InlineFragment(inline) => find(&inline.node.selection_set.node, path, found),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    #[test]
    fn the_type_is_asked_for_where_there_may_be_no_field_and_of_unions_and_interfaces() {
        for (query, paths) in [
            ("{ x { a } u { __typename } }", vec!["/u"]),
            ("{ i { a ... on X { x { a } } } }", vec!["/i"]),
            ("query($s: Boolean!) { x { a @skip(if: $s) } }", vec!["/x"]),
            ("query($s: Boolean!) { x { a @skip(if: $s) x { a } } }", vec![]),
            ("query($s: Boolean!) { x { ... @include(if: $s) { a } x @skip(if: $s) { ... { a } } } }", vec!["/x"]),
            ("{ x { ...F } } fragment F on X { ...G } fragment G on X { a }", vec![]),
            ("{ x { ...F } } fragment F on X { ...G } fragment G on X { a @skip(if: true) }", vec!["/x"]),
            (
                "{ u { ... on Y { b { ...F @skip(if: true) } } } } fragment F on X { x { a @skip(if: true) } }",
                vec!["/u", "/u/b", "F/x"],
            ),
            (
                "{ __schema { types { ...T @skip(if: true) } } nothing { a @skip(if: true) } } fragment T on __Type { name }",
                vec![],
            ),
        ] {
            assert_eq!(asked(query), paths, "{query}");
        }
    }
}
