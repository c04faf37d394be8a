//! The names and settings that describe a group, checked before anything is asked of the database.

use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, SchemaType, Type};

use crate::chat::Cx;
use crate::chat::text;
use crate::error::{Error, Result};

/// The names and settings that describe a group, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Described {
    pub name: Option<String>,
    pub description: Option<String>,
    pub max_file_size_mb: Option<i32>,
    pub allowed_file_types: Option<Vec<String>>,
}

/// Patterns of file types in one conversation, at most, and the length of each.
const MAX_TYPES: usize = 50;

const MAX_TYPE_BYTES: usize = 100;

impl Described {
    /// # Errors
    /// `BadRequest` naming what is out of form.
    pub(crate) fn check(
        cx: &Cx,
        name: Option<&str>,
        description: Option<&str>,
        max_file_size_mb: Option<i64>,
        allowed_file_types: Option<Vec<String>>,
    ) -> Result<Self> {
        let most = cx.chat.config.chat.max_file_size_mb;
        let size = max_file_size_mb.map(|size| {
            let fits = u64::try_from(size).is_ok_and(|size| (1..=most).contains(&size));
            let size = i32::try_from(size).ok().filter(|_| fits);
            size.ok_or_else(|| Error::bad_request(format!("maxFileSizeMb must be a whole number from 1 to {most}")))
        });
        Ok(Self {
            name: name.map(|name| text::name(name, "The name of a group")).transpose()?,
            description: description.map(text::description).transpose()?,
            max_file_size_mb: size.transpose()?,
            allowed_file_types: allowed_file_types.map(check_types).transpose()?,
        })
    }
}

/// What [`check_types`] takes, as REST describes it.
pub(super) fn mime_patterns() -> Array {
    let token = "[A-Za-z0-9!#$&^_.+*-]+";
    let pattern = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^{token}/{token}$")))
        .max_length(Some(MAX_TYPE_BYTES));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(pattern)
        .max_items(Some(MAX_TYPES))
        .description(Some("MIME patterns such as `image/*`; none are all"))
        .examples([serde_json::json!(["image/*"])])
        .build()
}

fn check_types(types: Vec<String>) -> Result<Vec<String>> {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte))
    };
    let is_pattern = |text: &String| {
        text.len() <= MAX_TYPE_BYTES
            && text.split_once('/').is_some_and(|(family, kind)| is_token(family) && is_token(kind))
    };
    if types.len() <= MAX_TYPES && types.iter().all(is_pattern) {
        Ok(types)
    } else {
        Err(Error::bad_request("allowedFileTypes must be MIME patterns such as image/*"))
    }
}
