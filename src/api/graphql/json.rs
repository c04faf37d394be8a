//! JSON of any shape as GraphQL carries it: a scalar that is passed on as it is.

use async_graphql::{InputValueResult, Scalar, ScalarType, Value};

/// Any JSON. Where the server takes it, it has to be an object.
#[derive(Debug, Clone)]
pub(crate) struct Json(pub serde_json::Value);

/// Any JSON value, passed on as it is.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
