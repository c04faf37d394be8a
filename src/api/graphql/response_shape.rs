//! The shape of a response: gives it its last form where the engine falls short of the specification or of the other
//! doors. Fields stand in the order in which they were asked for and not in the one in which they were ready, and null
//! stands where a field has failed and not nothing at all.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type};
use async_graphql::{Name, PathSegment, Response, Value};

use super::catalog::{Catalog, base, root};

/// The fields of an object by the names that they are answered under, fragments opened, each at its first place.
#[derive(Debug, Default)]
pub(crate) struct ResponseShape {
    fields: IndexMap<Name, ResponseShape>,
    /// The type that a fragment here is for.
    condition: Option<Name>,
    /// Fragments for several types: which of them an object is cannot be told from here, so it stays as it is.
    mixed: bool,
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
                Selection::Field(field) => {
                    let below = self.fields.entry(field.node.response_key().node.clone()).or_default();
                    let ty = catalog.field(of, &field.node.name.node).map(|field| &field.ty);
                    let name = ty.map_or("", |ty| base(ty).as_str());
                    below.nullable = ty.map(nullable).unwrap_or_default();
                    below.add(catalog, name, document, &field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    condition.into_iter().for_each(|condition| self.narrow(condition));
                    let of = condition.map_or(of, |condition| condition.as_str());
                    self.add(catalog, of, document, &inline.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        let condition = &fragment.node.type_condition.node.on.node;
                        self.narrow(condition);
                        self.add(catalog, condition, document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn narrow(&mut self, to: &Name) {
        let known = self.condition.get_or_insert_with(|| to.clone());
        self.mixed |= known != to;
    }

    /// Puts null where a field has failed, or where something around it that may be null. The engine leaves the field out.
    pub fn fill_nulls(&self, response: &mut Response) {
        let Response { data, errors, .. } = response;
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
                let Some((name, below)) = self.fields.get_key_value(name.as_str()) else { return };
                // Of an object in which every field has failed the engine makes null.
                if *at == Value::Null {
                    *at = Value::Object(IndexMap::new());
                }
                if let Value::Object(object) = at {
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
                let below = self.fields.get(name.as_str()).zip(object.get_mut(name.as_str()));
                below.is_some_and(|(below, at)| below.spread_null(at, 0, path))
            }
            _ => false,
        };
        if broken {
            *at = Value::Null;
        }
        broken && !self.nullable.get(level).copied().unwrap_or(true)
    }

    /// Puts the fields of what was answered into this order.
    pub fn sort_fields(&self, answered: &mut Value) {
        match answered {
            Value::List(items) => items.iter_mut().for_each(|item| self.sort_fields(item)),
            // A leaf may be an object too: a scalar that holds JSON stays as it is.
            Value::Object(object) if !self.fields.is_empty() => {
                for (name, below) in &self.fields {
                    if let Some(value) = object.get_mut(name) {
                        below.sort_fields(value);
                    }
                }
                if !self.mixed && !object.keys().map(|name| self.fields.get_index_of(name)).is_sorted() {
                    object.sort_by_cached_key(|name, _| self.fields.get_index_of(name));
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
    fn an_object_of_one_of_several_types_stays_as_it_is_and_what_is_in_it_is_arranged() {
        let query = "{ x { ... on A { b a { d c } } ... on B { a b } } }";
        let answered = r#"{"x":{"a":{"c":1,"d":2},"b":3}}"#;
        assert_eq!(sorted(query, answered), r#"{"x":{"a":{"d":2,"c":1},"b":3}}"#);
        assert_eq!(sorted(query, "null"), "null");
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
