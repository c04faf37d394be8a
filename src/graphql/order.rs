//! Gives a response its last form: the fields in the order in which they were asked for, where the engine has them in
//! the order in which they were ready, and the times with `Z`, as on every door (contract §1).

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, Value};

/// What the engine calls a time.
const TIME: &str = "DateTime";

/// Of every object type of the schema, the types of its fields.
#[derive(Default)]
pub(crate) struct Types(HashMap<Name, HashMap<Name, Name>>);

impl Types {
    /// Reads them from the text of the schema.
    pub fn of(schema: &str) -> Self {
        let document = parse_schema(schema).expect("what the engine prints is a schema");
        let objects = document.definitions.into_iter().filter_map(|definition| {
            let TypeSystemDefinition::Type(found) = definition else { return None };
            let TypeKind::Object(object) = found.node.kind else { return None };
            let fields = object.fields.into_iter().map(|field| (field.node.name.node, base(field.node.ty.node)));
            Some((found.node.name.node, fields.collect()))
        });
        Self(objects.collect())
    }

    fn field(&self, of: &str, field: &Name) -> &str {
        self.0.get(of).and_then(|fields| fields.get(field)).map_or("", |found| found.as_str())
    }
}

fn base(mut of: Type) -> Name {
    loop {
        match of.base {
            BaseType::Named(name) => return name,
            BaseType::List(items) => of = *items,
        }
    }
}

/// The fields of an object by the names that they are answered under, fragments opened, each at its first place.
#[derive(Debug, Default)]
pub(crate) struct Order {
    fields: IndexMap<Name, Order>,
    /// The type that a fragment here is for.
    condition: Option<Name>,
    /// Fragments for several types: which of them an object is cannot be told from here, so it stays as it is.
    mixed: bool,
    is_time: bool,
}

impl Order {
    /// The order in which an operation asks.
    pub fn asked(types: &Types, document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        let mut order = Self::default();
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        order.add(types, root, document, &operation.selection_set.node);
        order
    }

    /// Adds what is asked of an object of the type `of`.
    fn add(&mut self, types: &Types, of: &str, document: &ExecutableDocument, set: &SelectionSet) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let below = self.fields.entry(field.node.response_key().node.clone()).or_default();
                    let ty = types.field(of, &field.node.name.node);
                    below.is_time |= ty == TIME;
                    below.add(types, ty, document, &field.node.selection_set.node);
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node.on.node);
                    condition.into_iter().for_each(|condition| self.narrow(condition));
                    let of = condition.map_or(of, |condition| condition.as_str());
                    self.add(types, of, document, &inline.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                        let condition = &fragment.node.type_condition.node.on.node;
                        self.narrow(condition);
                        self.add(types, condition, document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn narrow(&mut self, to: &Name) {
        let known = self.condition.get_or_insert_with(|| to.clone());
        self.mixed |= known != to;
    }

    /// Puts what was answered into this order.
    pub fn arrange(&self, answered: &mut Value) {
        match answered {
            Value::List(items) => items.iter_mut().for_each(|item| self.arrange(item)),
            Value::String(text) if self.is_time => {
                if let Some(time) = text.strip_suffix("+00:00") {
                    *text = format!("{time}Z");
                }
            }
            // A leaf may be an object too: a scalar that holds JSON stays as it is.
            Value::Object(object) if !self.fields.is_empty() => {
                for (name, below) in &self.fields {
                    if let Some(value) = object.get_mut(name) {
                        below.arrange(value);
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

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn arranged(query: &str, answered: &str) -> String {
        let types = Types::of("type Query { at: [DateTime!] said: String x: X } type X { at: DateTime! }");
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let order = Order::asked(&types, &document, &operation.node);
        // Text is read in its own order; `json!` would sort it.
        let mut value: Value = serde_json::from_str(answered).unwrap();
        order.arrange(&mut value);
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn fields_are_answered_in_the_order_in_which_they_were_asked_for() {
        let query = "{ a b: x { ...F c ... on T { d } a } } fragment F on T { e c }";
        let answered = r#"{"b":[{"c":1,"a":2,"d":3,"e":4},null],"a":{"z":1,"y":2}}"#;
        assert_eq!(arranged(query, answered), r#"{"a":{"z":1,"y":2},"b":[{"e":4,"c":1,"d":3,"a":2},null]}"#);
    }

    #[test]
    fn an_object_of_one_of_several_types_stays_as_it_is_and_what_is_in_it_is_arranged() {
        let query = "{ x { ... on A { b a { d c } } ... on B { a b } } }";
        let answered = r#"{"x":{"a":{"c":1,"d":2},"b":3}}"#;
        assert_eq!(arranged(query, answered), r#"{"x":{"a":{"d":2,"c":1},"b":3}}"#);
        assert_eq!(arranged(query, "null"), "null");
    }

    #[test]
    fn times_end_with_z_and_texts_stay_as_they_are() {
        let query = "{ then: at said x { ... on X { at } } }";
        let answered =
            r#"{"then":["2026-01-01T00:00:00+00:00"],"said":"+00:00","x":{"at":"1970-01-01T00:00:00.5+00:00"}}"#;
        let expected = r#"{"then":["2026-01-01T00:00:00Z"],"said":"+00:00","x":{"at":"1970-01-01T00:00:00.5Z"}}"#;
        assert_eq!(arranged(query, answered), expected);
    }
}
