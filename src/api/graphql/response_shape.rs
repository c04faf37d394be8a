//! The shape of a response: gives it its last form where the engine falls short of the specification or of the other
//! doors. Fields stand in the order in which they were asked for and not in the one in which they were ready, and null
//! stands where a field has failed and not nothing at all.

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type};
use async_graphql::{Name, PathSegment, Response, Value};

use super::asked_types::TYPE_KEY;
use super::catalog::{Catalog, base, root};

/// The fields of an object by the names that they are answered under, fragments opened, each at its first place.
#[derive(Debug, Default)]
pub(crate) struct ResponseShape {
    fields: IndexMap<Name, ResponseShape>,
    /// Of a union or an interface instead: the fields of an object of each of its types.
    of_types: HashMap<Name, ResponseShape>,
    /// Whether null may stand here, and in the lists that stand here; an unknown place may be null.
    nullable: Vec<bool>,
}

impl ResponseShape {
    /// What an operation asks for, in its order.
    pub fn of(catalog: &Catalog, document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        let mut shape = Self::default();
        shape.add(catalog, root(operation.ty), document, &operation.selection_set.node);
        shape
    }

    /// Adds what is asked of an object of the type `of`.
    fn add(&mut self, catalog: &Catalog, of: &str, document: &ExecutableDocument, set: &SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) if field.node.response_key().node == TYPE_KEY => {}
                Selection::Field(field) => {
                    let below = self.fields.entry(field.node.response_key().node.clone()).or_default();
                    let ty = catalog.field(of, &field.node.name.node).map(|field| &field.ty);
                    let name = ty.map_or("", |ty| base(ty).as_str());
                    below.nullable = ty.map(nullable).unwrap_or_default();
                    let (members, set) = (catalog.members(name), &field.node.selection_set.node);
                    if members.is_empty() {
                        below.add(catalog, name, document, set);
                    }
                    for member in members {
                        below.of_types.entry(member.clone()).or_default().add(catalog, member, document, set);
                    }
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    if condition.is_none_or(|condition| catalog.applies(condition, of)) {
                        self.add(catalog, of, document, &inline.node.selection_set.node);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node)
                        && catalog.applies(&fragment.node.type_condition.node.on.node, of)
                    {
                        self.add(catalog, of, document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    /// The shape of this object: of one of several types, by its type.
    fn of_object(&self, object: &IndexMap<Name, Value>) -> &Self {
        let Some(Value::String(name)) = object.get(TYPE_KEY) else { return self };
        self.of_types.get(name.as_str()).unwrap_or(self)
    }

    /// Puts null where a field has failed, or where something around it that may be null. The engine leaves the field out.
    /// Of an object of which nothing was asked for in the end the engine makes null; that is never so below the root, where
    /// its type is asked for.
    pub fn fill_nulls(&self, response: &mut Response) {
        let Response { data, errors, .. } = response;
        if errors.is_empty() && *data == Value::Null {
            *data = Value::Object(IndexMap::new());
        }
        for error in errors.iter().filter(|error| !error.path.is_empty()) {
            self.put_null(data, &error.path);
        }
        for error in errors.iter().filter(|error| !error.path.is_empty()) {
            self.spread_null(data, 0, &error.path);
        }
    }

    /// Makes the place that a path leads to, if it is not there: null.
    fn put_null(&self, at: &mut Value, path: &[PathSegment]) {
        let Some((step, path)) = path.split_first() else { return };
        match (step, at) {
            (PathSegment::Index(place), Value::List(items)) => {
                items.get_mut(*place).into_iter().for_each(|item| self.put_null(item, path));
            }
            (PathSegment::Field(name), at @ (Value::Object(_) | Value::Null)) => {
                // Of an object in which every field has failed the engine makes null.
                if *at == Value::Null {
                    *at = Value::Object(IndexMap::new());
                }
                if let Value::Object(object) = at
                    && let Some((name, below)) = self.of_object(object).fields.get_key_value(name.as_str())
                {
                    below.put_null(object.entry(name.clone()).or_insert(Value::Null), path);
                }
            }
            _ => {}
        }
    }

    /// Spreads null from the end of a path up to where it may be. `level` counts the lists that were entered here. Tells
    /// whether what is above has to become null as well.
    fn spread_null(&self, at: &mut Value, level: usize, path: &[PathSegment]) -> bool {
        let broken = match (path.split_first(), &mut *at) {
            (_, Value::Null) => true,
            (Some((PathSegment::Index(place), path)), Value::List(items)) => {
                items.get_mut(*place).is_some_and(|item| self.spread_null(item, level + 1, path))
            }
            (Some((PathSegment::Field(name), path)), Value::Object(object)) => {
                let below = self.of_object(object).fields.get(name.as_str()).zip(object.get_mut(name.as_str()));
                below.is_some_and(|(below, at)| below.spread_null(at, 0, path))
            }
            _ => false,
        };
        if broken {
            *at = Value::Null;
        }
        broken && !self.nullable.get(level).copied().unwrap_or(true)
    }

    /// Puts the fields of what was answered into this order, and takes the types away that only the server asked for.
    pub fn sort_fields(&self, answered: &mut Value) {
        match answered {
            Value::List(items) => items.iter_mut().for_each(|item| self.sort_fields(item)),
            // A leaf may be an object too: a scalar that holds JSON stays as it is.
            Value::Object(object) if !self.fields.is_empty() || !self.of_types.is_empty() => {
                let Self { fields, .. } = self.of_object(object);
                object.shift_remove(TYPE_KEY);
                for (name, below) in fields {
                    if let Some(value) = object.get_mut(name) {
                        below.sort_fields(value);
                    }
                }
                if !object.keys().map(|name| fields.get_index_of(name)).is_sorted() {
                    object.sort_by_cached_key(|name, _| fields.get_index_of(name));
                }
            }
            _ => {}
        }
    }
}

/// Whether a value of this type may be null, and whether the entries of its lists may be, and theirs.
fn nullable(of: &Type) -> Vec<bool> {
    let mut levels = vec![of.nullable];
    if let BaseType::List(items) = &of.base {
        levels.extend(nullable(items));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn shape(schema: &str, query: &str) -> ResponseShape {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        ResponseShape::of(&Catalog::read(schema), &document, &operation.node)
    }

    fn sorted(query: &str, answered: &str) -> String {
        let shape = shape("type Query { x: X }", query);
        // Text is read in its own order; `json!` would sort it.
        let mut value: Value = serde_json::from_str(answered).unwrap();
        shape.sort_fields(&mut value);
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn fields_are_answered_in_the_order_in_which_they_were_asked_for() {
        let query = "{ a b: x { ...F c ... on T { d } a } } fragment F on T { e c }";
        let answered = r#"{"b":[{"c":1,"a":2,"d":3,"e":4},null],"a":{"z":1,"y":2}}"#;
        assert_eq!(sorted(query, answered), r#"{"a":{"z":1,"y":2},"b":[{"e":4,"c":1,"d":3,"a":2},null]}"#);
    }

    #[test]
    fn an_object_of_one_of_several_types_has_the_fields_of_its_type_in_their_order() {
        let schema_text =
            "type Query { x: [X!] } union X = A | B type A { a: A b: Int c: Int } type B { a: Int b: Int }";
        let query = "{ x { ... on A { b a { c b } } ...F ... on X { ... on B { b } } } } fragment F on B { a }";
        let shape = shape(schema_text, query);
        let mut value: Value = serde_json::from_str(
            r#"{"x":[{"__object_type":"A","a":{"b":1,"c":2},"b":3},{"b":1,"__object_type":"B","a":2},{"__object_type":"C"},null]}"#,
        )
        .unwrap();
        shape.sort_fields(&mut value);
        let sorted = serde_json::to_string(&value).unwrap();
        assert_eq!(sorted, r#"{"x":[{"b":3,"a":{"c":2,"b":1}},{"a":2,"b":1},{},null]}"#);
    }

    #[test]
    fn an_object_of_an_interface_has_the_fields_of_its_type_in_their_order_however_fragments_nest() {
        let schema_text = "type Query { x: [I!] } interface I { id: Int } type A implements I & J { id: Int a: A b: Int } \
                           type B implements I { id: Int b: Int } interface J { b: Int }";
        let query = "{ x { b: id ... on A { ... on I { ... on J { b } ... on A { a { b ...F } } } } ... on B { ...F c: b } ...F } } \
                     fragment F on I { id ... on A { d: b } ... on J { e: b } }";
        let shape = shape(schema_text, query);
        let mut value: Value = serde_json::from_str(
            r#"{"x":[{"__object_type":"A","e":1,"d":2,"id":3,"a":{"id":1,"e":2,"d":3,"b":4},"b":5},{"id":1,"c":2,"__object_type":"B","b":3}]}"#,
        )
        .unwrap();
        shape.sort_fields(&mut value);
        let sorted = serde_json::to_string(&value).unwrap();
        let expected = r#"{"x":[{"b":5,"a":{"b":4,"id":1,"d":3,"e":2},"id":3,"d":2,"e":1},{"b":3,"id":1,"c":2}]}"#;
        assert_eq!(sorted, expected);
    }

    #[test]
    fn a_failed_field_is_null_or_else_what_is_around_it() {
        let schema = "type Query { maybe: X always: X! list: [X!] sparse: [X]! } type X { must: Int! may: Int }";
        let filled = |query: &str, answered: &str, failed: &[&[&str]]| {
            let data: Value = serde_json::from_str(answered).unwrap();
            let mut response = Response::new(data);
            response.errors = failed
                .iter()
                .map(|path| {
                    let mut error = async_graphql::ServerError::new("failed", None);
                    error.path = path
                        .iter()
                        .map(|step| match step.parse() {
                            Ok(place) => PathSegment::Index(place),
                            Err(_) => PathSegment::Field((*step).to_owned()),
                        })
                        .collect();
                    error
                })
                .collect();
            shape(schema, query).fill_nulls(&mut response);
            serde_json::to_string(&response.data).unwrap()
        };
        let x = "{ a: maybe { must may } }";
        assert_eq!(filled(x, "{}", &[&["a"]]), r#"{"a":null}"#);
        assert_eq!(filled(x, r#"{"a":{"must":1}}"#, &[&["a", "may"]]), r#"{"a":{"must":1,"may":null}}"#);
        assert_eq!(filled(x, r#"{"a":{"may":1}}"#, &[&["a", "must"]]), r#"{"a":null}"#);
        assert_eq!(filled(x, r#"{"a":null}"#, &[&["a", "must"], &["a", "may"]]), r#"{"a":null}"#);
        assert_eq!(filled("{ maybe { may } }", r#"{"maybe":null}"#, &[&["maybe", "may"]]), r#"{"maybe":{"may":null}}"#);
        assert_eq!(filled("{ always { may } maybe { may } }", r#"{"maybe":{"may":1}}"#, &[&["always"]]), "null");
        let lists = "{ list { must may } sparse { must } }";
        let answered = r#"{"list":[{"must":1,"may":1},{"may":2}],"sparse":[null,{"must":1}]}"#;
        let failed: &[&[&str]] = &[&["list", "1", "must"], &["sparse", "0", "must"]];
        assert_eq!(filled(lists, answered, failed), r#"{"list":null,"sparse":[null,{"must":1}]}"#);
        assert_eq!(filled(lists, answered, &[]), answered);
    }
}
