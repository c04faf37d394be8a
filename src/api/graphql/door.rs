//! What the handlers of this door share: the schema, the limits of what it takes, and the one way to run an operation.

use std::sync::Arc;

use async_graphql::Response;
use async_graphql::parser::types::OperationType;

use super::budget::Budget;
use super::catalog::Catalog;
use super::documents::Documents;
use super::events::ReadAhead;
use super::operation::{CheckedOperation, Operation};
use super::renewal::Renewal;
use super::response_shape::ResponseShape;
use super::schema::{Schema, schema};
use super::subscription::answers::Answers;
use super::subscription::plan::Plans;
use super::{error, guard};
use crate::app::App;
use crate::chat::{Cx, log};
use crate::config;
use crate::error::{Error, Kind, Result, in_time};

/// What the handlers of this door share.
pub(crate) struct Door {
    pub app: Arc<App>,
    pub schema: Schema,
    pub catalog: Catalog,
    /// What the latest events came to, for all connections that subscribe to the same.
    pub answers: Answers,
    /// What was subscribed to of late.
    pub plans: Plans,
    documents: Documents,
    limits: guard::QueryLimits,
}

impl Door {
    /// The door to this app.
    pub fn new(app: &Arc<App>) -> Self {
        let schema = schema();
        let (catalog, limits) = (Catalog::of(&schema), limits(&app.config.graphql));
        Self {
            app: Arc::clone(app),
            schema,
            catalog,
            answers: Answers::default(),
            plans: Plans::default(),
            documents: Documents::new(),
            limits,
        }
    }

    /// Passes an operation through the guard.
    ///
    /// # Errors
    /// `BadRequest` for a document that cannot be parsed or goes beyond a limit, `PersistedQueryNotSupported` for a name
    /// of one.
    pub fn check(&self, mut operation: Operation) -> Result<CheckedOperation> {
        operation.operation_name = operation.operation_name.filter(|name| !name.is_empty());
        if operation.is_persisted() {
            return Err(Error::new(Kind::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
        }
        if operation.query.trim().is_empty() {
            return Err(Error::bad_request("The query is missing"));
        }
        let known = self.documents.get(&operation.query, &self.limits, &self.catalog)?;
        let document = Arc::clone(&known.parsed);
        let name = operation.operation_name.as_deref();
        let kind = guard::operation(&document, name)?;
        let (mut cost, mut shape) = (guard::Cost::default(), Arc::<ResponseShape>::default());
        if let Some((chosen, its_shape)) = known.operation(name) {
            guard::variables(chosen, operation.variables.as_ref())?;
            cost = guard::cost(&self.catalog, &document, chosen, operation.variables.as_ref())?;
            shape = its_shape;
        }
        Ok(CheckedOperation { document, operation: Arc::new(operation), kind, cost, shape })
    }

    /// Runs a query or a mutation for a viewer, within what is left of a budget.
    pub async fn execute(&self, cx: &Cx, checked: &CheckedOperation, budget: &Budget) -> Response {
        self.execute_with(cx, checked, budget, None).await
    }

    /// The same over a connection that can go on with a new token.
    pub async fn execute_on(&self, cx: &Cx, checked: &CheckedOperation, renewal: &Renewal) -> Response {
        self.execute_with(cx, checked, &Budget::default(), Some(renewal)).await
    }

    async fn execute_with(
        &self,
        cx: &Cx,
        checked: &CheckedOperation,
        budget: &Budget,
        renewal: Option<&Renewal>,
    ) -> Response {
        let executed = async {
            // Mutations change what they change in their order, whatever they read afterwards.
            let heavy = checked.cost.is_heavy() && checked.kind == OperationType::Query;
            let cx = if heavy { &cx.heavy().await? } else { cx };
            let (mut request, loads) = checked.request(&self.catalog, cx);
            if checked.kind == OperationType::Query && checked.asks_at_root("sync") {
                request = request.data(ReadAhead(log::head(cx).await?));
            }
            if let Some(renewal) = renewal {
                request = request.data(renewal.clone());
            }
            tokio::select! {
                biased;
                error = budget.exceeded() => Err(error),
                response = loads.run_with(self.schema.execute(request.data(budget.clone()))) => Ok(response),
            }
        };
        match in_time(executed).await {
            Ok(response) => checked.finish(response),
            Err(refused) => error::response(&refused),
        }
    }
}

fn limits(settings: &config::Graphql) -> guard::QueryLimits {
    guard::QueryLimits {
        depth: settings.max_depth,
        fields: settings.max_complexity,
        aliases: settings.max_aliases,
        mutation_fields: settings.max_mutations,
        introspection: settings.introspection,
        ..guard::QueryLimits::default()
    }
}
