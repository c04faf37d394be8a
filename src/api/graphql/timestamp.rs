//! Times as GraphQL tells them: the engine's scalar `DateTime`, in the one form that all doors share.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use chrono::{DateTime, Utc};

use crate::timestamp::Timestamp;

impl OutputType for Timestamp {
    fn type_name() -> Cow<'static, str> {
        <DateTime<Utc> as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <DateTime<Utc> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::String(self.to_string()))
    }
}
