//! An operation from the wire to its response: as it came, and once it has passed the guard.

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet};
use async_graphql::{Request, Response, Variables};
use serde::Deserialize;

use super::catalog::Catalog;
use super::left_out::leave_out;
use super::loads::PendingLoads;
use super::response_shape::ResponseShape;
use super::{error, guard, loaders, viewer};
use crate::chat::Cx;

/// An operation as it came, over whatever carrier.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Received")]
pub(crate) struct Operation {
    /// Empty where the client names a query that it hopes to be known; see [`Operation::is_persisted`].
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Option<guard::Variables>,
    pub extensions: Option<Extensions>,
}

/// What a client says beside an operation.
pub(crate) type Extensions = serde_json::Map<String, serde_json::Value>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<guard::Variables>,
    extensions: Option<Extensions>,
}

impl TryFrom<Received> for Operation {
    type Error = &'static str;

    fn try_from(received: Received) -> std::result::Result<Self, Self::Error> {
        let Received { query, operation_name, variables, extensions } = received;
        let is_given = query.is_some();
        let operation = Self { query: query.unwrap_or_default(), operation_name, variables, extensions };
        if is_given || operation.is_persisted() { Ok(operation) } else { Err("the query is missing") }
    }
}

impl Operation {
    /// Whether it names a query by its hash instead of bringing it, as clients do that send the text only where that is
    /// asked for.
    pub fn is_persisted(&self) -> bool {
        let named = self.extensions.as_ref().and_then(|extensions| extensions.get("persistedQuery"));
        self.query.is_empty() && named.is_some_and(|named| !named.is_null())
    }
}

/// An operation that has passed the guard.
#[derive(Clone)]
pub(crate) struct CheckedOperation {
    pub document: Arc<ExecutableDocument>,
    pub operation: Arc<Operation>,
    pub kind: OperationType,
    pub cost: guard::Cost,
    pub shape: Arc<ResponseShape>,
}

impl CheckedOperation {
    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        let chosen = self.operation.operation_name.as_deref();
        chosen.or_else(|| self.document.operations.iter().find_map(|(name, _)| name.map(|name| name.as_str())))
    }

    /// The request that runs it for a viewer, and the loads that have to run along with it.
    pub fn request(&self, catalog: &Catalog, cx: &Cx) -> (Request, PendingLoads) {
        let loads = PendingLoads::default();
        let variables = self.variables();
        let request = Request::new(self.operation.query.clone()).variables(variables);
        let mut request = viewer::attach(loaders::attach(request, cx, &loads), cx);
        if let Some(name) = &self.operation.operation_name {
            request = request.operation_name(name);
        }
        let mut document = ExecutableDocument::clone(&self.document);
        let Operation { operation_name, variables, .. } = &*self.operation;
        leave_out(catalog, &mut document, operation_name.as_deref(), variables.as_ref());
        request.set_parsed_query(document);
        (request, loads)
    }

    /// What is given for the variables, and where nothing is, their defaults: the engine looks for these where a variable is
    /// an argument of a field, and not where it is one of `@skip` and `@include`.
    fn variables(&self) -> Variables {
        let given = self.operation.variables.clone().unwrap_or_default();
        let mut variables = Variables::from_json(serde_json::Value::Object(given));
        for definition in self.definition().iter().flat_map(|operation| &operation.variable_definitions) {
            if let Some(default) = &definition.node.default_value {
                let name = definition.node.name.node.clone();
                variables.entry(name).or_insert_with(|| default.node.clone());
            }
        }
        variables
    }

    /// A response of the engine as it goes out: with codes, nulls where fields failed, and fields as they were asked for.
    pub fn finish(&self, response: Response) -> Response {
        let mut response = error::add_codes(response);
        self.shape.fill_nulls(&mut response);
        self.shape.sort_fields(&mut response.data);
        response
    }

    /// Whether a field of this name stands at the root, in whatever fragment.
    pub fn asks_at_root(&self, field: &str) -> bool {
        self.definition().is_some_and(|operation| asks(&self.document, &operation.selection_set.node, field))
    }

    /// The definition that runs, of those in the document.
    pub fn definition(&self) -> Option<&OperationDefinition> {
        definition(&self.document, self.operation.operation_name.as_deref())
    }
}

/// Fragments are opened: the guard has counted what they come to, and has found no circle.
fn asks(document: &ExecutableDocument, set: &SelectionSet, name: &str) -> bool {
    set.items.iter().any(|item| match &item.node {
        Selection::Field(field) => field.node.name.node == name,
        Selection::InlineFragment(inline) => asks(document, &inline.node.selection_set.node, name),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.is_some_and(|fragment| asks(document, &fragment.node.selection_set.node, name))
        }
    })
}

/// The operation called `name`, or the only one.
pub(crate) fn definition<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(found, _)| name.is_none() || found.map(|found| found.as_str()) == name);
    found.map(|(_, operation)| &operation.node)
}
