//! The variables of an operation, as far as the engine looks at them too late.

use async_graphql::parser::types::{BaseType, OperationDefinition};
use serde_json::Value as Json;

use crate::error::{Error, Result};

/// The variables that come with an operation.
pub type Variables = serde_json::Map<String, Json>;

/// Refuses what the engine finds out only while it runs: variables that are missing or null although they have to be there,
/// and whole numbers beyond 32 bits.
///
/// # Errors
/// `BadRequest` naming the variable.
pub fn variables(operation: &OperationDefinition, given: Option<&Variables>) -> Result<()> {
    for definition in &operation.variable_definitions {
        let (name, ty) = (&definition.node.name.node, &definition.node.var_type.node);
        let value = given.and_then(|given| given.get(name.as_str()));
        match (value, &ty.base) {
            // A default stands for what is left out, and not for null.
            (None, _) if ty.nullable || definition.node.default_value.is_some() => {}
            (None | Some(Json::Null), _) if !ty.nullable => {
                return Err(Error::bad_request(format!("The variable {name} needs a value")));
            }
            (Some(value), BaseType::Named(base)) if base == "Int" && value.is_number() && !is_int(value) => {
                return Err(Error::bad_request(format!("The variable {name} is no whole number of 32 bits")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_int(value: &Json) -> bool {
    value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}
