//! Variables that a request leaves out. The specification has it that an argument, or a field of an input, whose value is
//! such a variable is not there, and has its default; the engine takes it for null.

use std::collections::{HashMap, HashSet};

use async_graphql::Name;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql_value::Value;

use super::catalog::{Catalog, Input, base, root};
use super::guard::Variables;

/// Makes a document of what is given for its variables: leaves out the arguments whose variables are left out, and lets
/// variables that may be null stand where null may not but has a default, if they have a value. `name` chooses the
/// operation that runs, as in the request.
pub(super) fn leave_out(
    catalog: &Catalog,
    document: &mut ExecutableDocument,
    name: Option<&str>,
    given: Option<&Variables>,
) {
    let Some(operation) = chosen(document, name) else { return };
    let mut search = Search::of(catalog, operation, given);
    if search.is_needless() {
        return;
    }
    let mut open: Vec<Name> = search.set(root(operation.ty), &mut operation.selection_set.node);
    let mut opened = HashSet::new();
    while let Some(spread) = open.pop() {
        if let Some(fragment) = document.fragments.get_mut(&spread)
            && opened.insert(spread)
        {
            let of = fragment.node.type_condition.node.on.node.clone();
            open.extend(search.set(&of, &mut fragment.node.selection_set.node));
        }
    }
    let Search { removed, kept, strict, .. } = search;
    if !removed.is_empty() {
        // Others could not stand beside fragments that have changed; what does not run is not needed.
        if let (DocumentOperations::Multiple(all), Some(name)) = (&mut document.operations, name) {
            all.retain(|other, _| other == name);
            document.fragments.retain(|fragment, _| opened.contains(fragment));
        }
    }
    let Some(operation) = chosen(document, name) else { return };
    let definitions = &mut operation.variable_definitions;
    definitions.retain(|definition| {
        let name = &definition.node.name.node;
        !removed.contains(name) || kept.contains(name)
    });
    for definition in definitions.iter_mut().filter(|definition| strict.contains(&definition.node.name.node)) {
        definition.node.var_type.node.nullable = false;
    }
}

/// The operation called `name`, or the only one.
fn chosen<'d>(document: &'d mut ExecutableDocument, name: Option<&str>) -> Option<&'d mut OperationDefinition> {
    match (&mut document.operations, name) {
        (DocumentOperations::Single(only), _) => Some(&mut only.node),
        (DocumentOperations::Multiple(all), Some(name)) => all.get_mut(name).map(|found| &mut found.node),
        (DocumentOperations::Multiple(all), None) => all.values_mut().next().map(|found| &mut found.node),
    }
}

/// A search for arguments that are variables.
struct Search<'a> {
    catalog: &'a Catalog,
    /// Variables without a value and without a default, and what they would be.
    absent: HashMap<Name, Name>,
    /// Variables that may be null, and are not.
    present: HashSet<Name>,
    /// Those of the absent ones that were an argument, and those that stand elsewhere, too.
    removed: HashSet<Name>,
    kept: HashSet<Name>,
    /// Those of the present ones that stand where null may not, but has a default.
    strict: HashSet<Name>,
}

impl<'a> Search<'a> {
    fn of(catalog: &'a Catalog, operation: &OperationDefinition, given: Option<&Variables>) -> Self {
        let none = HashSet::new;
        let (absent, present, removed, kept, strict) = (HashMap::new(), none(), none(), none(), none());
        let mut search = Self { catalog, absent, present, removed, kept, strict };
        for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
            let name = &definition.name.node;
            match given.and_then(|given| given.get(name.as_str())) {
                None if definition.default_value.is_none() => {
                    search.absent.insert(name.clone(), base(&definition.var_type.node).clone());
                }
                Some(value) if definition.var_type.node.nullable && !value.is_null() => {
                    search.present.insert(name.clone());
                }
                _ => {}
            }
        }
        search
    }

    fn is_needless(&self) -> bool {
        self.absent.is_empty() && self.present.is_empty()
    }

    /// Looks through the fields of an object of the type `of`; answers with the fragments that are spread there.
    fn set(&mut self, of: &str, set: &mut SelectionSet) -> Vec<Name> {
        let mut spreads = Vec::new();
        for item in &mut set.items {
            let directives = match &mut item.node {
                Selection::Field(field) => {
                    spreads.extend(self.field(of, &mut field.node));
                    &field.node.directives
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| condition.node.on.node.clone());
                    let of = condition.as_ref().map_or(of, |condition| condition.as_str());
                    spreads.extend(self.set(of, &mut inline.node.selection_set.node));
                    &inline.node.directives
                }
                Selection::FragmentSpread(spread) => {
                    spreads.push(spread.node.fragment_name.node.clone());
                    &spread.node.directives
                }
            };
            let arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
            arguments.for_each(|(_, value)| self.keep(&value.node));
        }
        spreads
    }

    fn field(&mut self, of: &str, field: &mut Field) -> Vec<Name> {
        let catalog = self.catalog;
        let known = catalog.field(of, &field.name.node);
        field.arguments.retain_mut(|(name, value)| {
            let input = known.and_then(|known| known.arguments.get(&name.node));
            self.stays(input, &mut value.node)
        });
        self.set(known.map_or("", |known| base(&known.ty).as_str()), &mut field.selection_set.node)
    }

    /// Whether a value stays where it stands, without what is left out within it.
    fn stays(&mut self, input: Option<&Input>, value: &mut Value) -> bool {
        match value {
            // One of another type stays, for validation to refuse.
            Value::Variable(name) if input.is_some_and(|input| self.absent.get(name) == Some(base(&input.ty))) => {
                self.removed.insert(name.clone());
                return false;
            }
            Value::Variable(name) => {
                let has_default = input.is_some_and(|input| !input.ty.nullable && input.has_default);
                if has_default && self.present.contains(name) {
                    self.strict.insert(name.clone());
                }
            }
            Value::Object(fields) => {
                let (catalog, of) = (self.catalog, input.map_or("", |input| base(&input.ty).as_str()));
                fields.retain(|name, value| self.stays(catalog.input(of, name), value));
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.entry(input, item)),
            _ => {}
        }
        true
    }

    /// An entry of a list cannot be left out: a variable there is null.
    fn entry(&mut self, input: Option<&Input>, item: &mut Value) {
        match item {
            Value::Variable(_) => self.keep(item),
            _ => {
                self.stays(input, item);
            }
        }
    }

    fn keep(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.kept.insert(name.clone());
            }
            Value::List(items) => items.iter().for_each(|item| self.keep(item)),
            Value::Object(fields) => fields.values().for_each(|value| self.keep(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptySubscription, InputObject, Object, Request, Schema, Variables as EngineVariables};
    use serde_json::{Value as Json, json};

    use super::*;

    #[derive(InputObject)]
    struct Order {
        #[graphql(default = 1)]
        count: i32,
        note: Option<String>,
        #[graphql(default)]
        tags: Vec<Option<String>>,
        inner: Option<Box<Order>>,
    }

    impl Order {
        fn text(&self) -> String {
            let inner = self.inner.as_ref().map(|inner| inner.text());
            format!("{} {:?} {:?} {inner:?}", self.count, self.note, self.tags)
        }
    }

    struct Query;

    #[Object]
    impl Query {
        async fn say(&self, #[graphql(default = true)] loud: bool, #[graphql(default = 7)] often: i32) -> String {
            format!("{loud} {often}")
        }

        async fn order(
            &self,
            #[graphql(default_with = "Order { count: 5, note: None, tags: vec![], inner: None }")] order: Order,
        ) -> String {
            order.text()
        }

        async fn this(&self) -> Query {
            Query
        }
    }

    struct Mutation;

    #[Object]
    impl Mutation {
        async fn none(&self) -> bool {
            true
        }
    }

    /// What the engine answers to `text` with these variables; the sentence where it refuses.
    async fn answer(text: &str, name: Option<&str>, given: Json) -> Json {
        let schema = Schema::new(Query, Mutation, EmptySubscription);
        let catalog = Catalog::of(&schema);
        let mut document = async_graphql::parser::parse_query(text).unwrap();
        leave_out(&catalog, &mut document, name, given.as_object());
        let mut request = Request::new(text).variables(EngineVariables::from_json(given));
        request.operation_name = name.map(str::to_owned);
        request.set_parsed_query(document);
        let response = schema.execute(request).await;
        match response.errors.first() {
            Some(error) => json!(error.message),
            None => response.data.into_json().unwrap(),
        }
    }

    #[tokio::test]
    async fn an_argument_whose_variable_is_left_out_has_its_default() {
        let query = "query($l: Boolean, $o: Int) { say(loud: $l, often: $o) }";
        for (given, said) in [
            (json!({}), "true 7"),
            (json!({ "l": false }), "false 7"),
            (json!({ "o": 3 }), "true 3"),
            (json!({ "l": false, "o": 3 }), "false 3"),
        ] {
            assert_eq!(answer(query, None, given.clone()).await, json!({ "say": said }), "{given}");
        }
        let with_default = "query($l: Boolean = false) { say(loud: $l) }";
        assert_eq!(answer(with_default, None, json!({})).await, json!({ "say": "false 7" }));
        let null = answer(query, None, json!({ "l": null })).await;
        assert!(null.is_string(), "null is not the same as nothing: {null}");
    }

    #[tokio::test]
    async fn fields_of_inputs_have_theirs_however_deep_they_stand() {
        let query = "query($c: Int, $n: String, $i: Order) { \
                     this { ...F } } fragment F on Query { order(order: { count: $c, note: $n, tags: [$n, \"x\"], \
                     inner: { count: $c, inner: $i } }) }";
        assert_eq!(
            answer(query, None, json!({})).await,
            json!({ "this": { "order": "1 None [None, Some(\"x\")] Some(\"1 None [] None\")" } })
        );
        assert_eq!(
            answer(query, None, json!({ "c": 2, "i": {} })).await,
            json!({ "this": { "order": "2 None [None, Some(\"x\")] Some(\"2 None [] Some(\\\"1 None [] None\\\")\")" } })
        );
        let whole = "query($o: Order) { order(order: $o) }";
        assert_eq!(answer(whole, None, json!({})).await, json!({ "order": "5 None [] None" }));
    }

    #[tokio::test]
    async fn of_several_operations_the_chosen_one_is_adapted() {
        let query = "query A($l: Boolean) { ...F } query B($l: Boolean!) { ...F ...G } \
                     fragment F on Query { say(loud: $l) } fragment G on Query { this { say } }";
        assert_eq!(answer(query, Some("A"), json!({})).await, json!({ "say": "true 7" }));
        let both = json!({ "say": "false 7", "this": { "say": "true 7" } });
        assert_eq!(answer(query, Some("B"), json!({ "l": false })).await, both);
    }

    #[tokio::test]
    async fn what_was_wrong_stays_wrong() {
        for query in [
            "query($unused: Int) { say }",
            "{ say(loud: $unknown) }",
            "query($l: String) { say(loud: $l) }",
            "query($l: Boolean) { say(lout: $l) }",
        ] {
            let refused = answer(query, None, json!({})).await;
            assert!(refused.is_string(), "{query}: {refused}");
        }
        let refused = answer("query($l: String) { say(loud: $l) }", None, json!({ "l": "x" })).await;
        assert!(refused.is_string(), "{refused}");
    }
}
