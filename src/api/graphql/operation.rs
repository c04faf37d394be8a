//! An operation from the wire to its response: as it came, and once it has passed the guard.

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Request, Response, Variables};

use super::catalog::Catalog;
use super::left_out::leave_out;
use super::loads::PendingLoads;
use super::response_shape::ResponseShape;
use super::{error, guard, loaders, viewer};
use crate::chat::Cx;

/// An operation as it came, over whatever carrier.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<guard::Variables>,
    #[serde(default)]
    pub extensions: Option<serde_json::Value>,
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
    /// The request that runs it for a viewer, and the loads that have to run along with it.
    pub fn request(&self, catalog: &Catalog, cx: &Cx) -> (Request, PendingLoads) {
        let loads = PendingLoads::default();
        let variables = self.operation.variables.clone().unwrap_or_default();
        let variables = Variables::from_json(serde_json::Value::Object(variables));
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

    /// A response of the engine as it goes out: with codes, nulls where fields failed, and fields as they were asked for.
    pub fn finish(&self, response: Response) -> Response {
        let mut response = error::add_codes(response);
        self.shape.fill_nulls(&mut response);
        self.shape.sort_fields(&mut response.data);
        response
    }

    /// The definition that runs, of those in the document.
    pub fn definition(&self) -> Option<&OperationDefinition> {
        definition(&self.document, self.operation.operation_name.as_deref())
    }
}

/// The operation called `name`, or the only one.
pub(crate) fn definition<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(found, _)| name.is_none() || found.map(|found| found.as_str()) == name);
    found.map(|(_, operation)| &operation.node)
}
