//! The GraphQL door: a schema of thin faces over the chat's own values, behind our own guard, HTTP handler and
//! socket loop. No rule of chat stands here, and no SQL.

mod alike;
mod answers;
mod budget;
mod conversation;
mod error;
mod events;
mod graphiql;
pub mod guard;
mod http;
mod id;
mod loaders;
mod message;
mod mutation;
mod order;
mod paging;
mod presence;
mod query;
mod reactions;
mod receipts;
mod render;
mod sse;
mod subscription;
mod webhooks;
mod websocket;

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{MergedObject, Request, Response};
use axum::Router;
use axum::routing::{any, get};

use crate::app::App;
use crate::chat::Cx;
use crate::config;
use crate::error::{Error, Result, in_time};

use budget::Budget;
use loaders::Loads;
use order::{Order, Types};

/// The schema of this server.
pub type Schema = async_graphql::Schema<Query, Mutation, subscription::Subscription>;

/// Everything that can be read. An id that does not exist, or is not the viewer's to see, is null beside
/// an error with a code.
#[derive(MergedObject)]
pub struct Query(query::Query, webhooks::WebhookQuery);

/// Everything that can be changed.
#[derive(MergedObject)]
pub struct Mutation(mutation::Mutation, webhooks::WebhookMutation);

/// What the handlers of this door share.
pub(crate) struct Door {
    pub app: Arc<App>,
    pub schema: Schema,
    pub limits: guard::Limits,
    types: Types,
    answers: answers::Answers,
}

/// The schema. Suggestions are off: they would tell strangers what they did not ask for.
pub fn schema() -> Schema {
    let query = Query(query::Query, webhooks::WebhookQuery);
    let mutation = Mutation(mutation::Mutation, webhooks::WebhookMutation);
    Schema::build(query, mutation, subscription::Subscription)
        .disable_suggestions()
        .extension(budget::Counting)
        .register_output_type::<events::Event>()
        .finish()
}

/// The text of the schema, as `confab schema` prints it.
pub fn schema_text() -> String {
    let sdl = schema().sdl_with_options(async_graphql::SDLExportOptions::new().sorted_enum_items().sorted_fields());
    format!("{}\n", sdl.trim())
}

/// The routes of this door.
pub fn router(app: &Arc<App>) -> Router {
    let schema = schema();
    let (limits, types) = (limits(&app.config.graphql), Types::of(&schema.sdl()));
    let files = app.config.graphql.graphiql;
    let door = Arc::new(Door { app: Arc::clone(app), schema, limits, types, answers: answers::Answers::default() });
    let router = Router::new().route("/graphql", any(http::entry));
    let router = if files { router.route("/graphiql/{file}", get(graphiql::file)) } else { router };
    router.with_state(door)
}

fn limits(settings: &config::Graphql) -> guard::Limits {
    guard::Limits {
        depth: settings.max_depth,
        fields: settings.max_complexity,
        aliases: settings.max_aliases,
        mutation_fields: settings.max_mutations,
        introspection: settings.introspection,
        ..guard::Limits::default()
    }
}

/// An operation as it came, over whatever carrier.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub extensions: Option<serde_json::Value>,
}

/// An operation that has passed the guard.
#[derive(Clone)]
pub(crate) struct Checked {
    pub document: Arc<ExecutableDocument>,
    pub operation: Arc<Operation>,
    pub kind: OperationType,
    pub cost: guard::Cost,
    order: Arc<Order>,
}

impl Door {
    /// Passes an operation through the guard.
    ///
    /// # Errors
    /// `BadRequest` for a document that cannot be parsed or goes beyond a limit.
    pub fn check(&self, mut operation: Operation) -> Result<Checked> {
        operation.operation_name = operation.operation_name.filter(|name| !name.is_empty());
        if operation.query.trim().is_empty() {
            return Err(Error::bad_request("The query is missing"));
        }
        let document = guard::parse(&operation.query, &self.limits)?;
        let name = operation.operation_name.as_deref();
        let kind = guard::operation(&document, name)?;
        let chosen = definition(&document, name);
        let mut cost = guard::Cost::default();
        if let Some(chosen) = chosen {
            guard::variables(chosen, operation.variables.as_ref())?;
            cost = guard::entries(&document, chosen, operation.variables.as_ref())?;
        }
        let order = chosen.map(|chosen| Order::asked(&self.types, &document, chosen)).unwrap_or_default();
        Ok(Checked { document: Arc::new(document), operation: Arc::new(operation), kind, cost, order: Arc::new(order) })
    }

    /// Runs a query or a mutation for somebody, within what is left of a budget.
    pub async fn execute(&self, cx: &Cx, checked: &Checked, budget: &Budget) -> Response {
        let executed = async {
            // Mutations change what they change in their order, whatever they read afterwards.
            let heavy = checked.cost.is_heavy() && checked.kind == OperationType::Query;
            let cx = if heavy { &cx.heavy().await? } else { cx };
            let (request, loads) = checked.request(cx);
            tokio::select! {
                biased;
                error = budget.exceeded() => Err(error),
                response = loads.along(self.schema.execute(request.data(budget.clone()))) => Ok(response),
            }
        };
        match in_time(executed).await {
            Ok(response) => checked.finish(response),
            Err(refused) => error::response(&refused),
        }
    }
}

/// The operation called `name`, or the only one.
fn definition<'d>(document: &'d ExecutableDocument, name: Option<&str>) -> Option<&'d OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = operations.find(|(found, _)| name.is_none() || found.map(|found| found.as_str()) == name);
    found.map(|(_, operation)| &operation.node)
}

impl Checked {
    /// The request that runs it for somebody, and the loads that have to run along with it.
    pub fn request(&self, cx: &Cx) -> (Request, Loads) {
        let loads = Loads::default();
        let variables = self.operation.variables.clone().unwrap_or_default();
        let variables = async_graphql::Variables::from_json(serde_json::Value::Object(variables));
        let mut request = Request::new(self.operation.query.clone())
            .variables(variables)
            .data(loaders::Loaders::new(cx, &loads))
            .data(cx.clone());
        if let Some(name) = &self.operation.operation_name {
            request = request.operation_name(name);
        }
        request.set_parsed_query(ExecutableDocument::clone(&self.document));
        (request, loads)
    }

    /// A response of the engine as it goes out: with codes, and in its last form.
    pub fn finish(&self, response: Response) -> Response {
        let mut response = error::dress(response);
        self.order.settle(&mut response);
        self.order.arrange(&mut response.data);
        response
    }
}
