//! Ids: positive 64-bit integers below 2^53, each of a kind of its own, so that a message's id cannot pass for a
//! conversation's. They know how a column keeps them, and no table.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use sea_orm::sea_query::{ArrayType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, ColumnType, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{Number, PartialSchema, ToSchema};

/// The id of a `K`: at least 1 and below 2^53, so that JavaScript keeps it exact (protocol §1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<K>(i64, PhantomData<K>);

/// The kinds of things that have ids.
pub mod of {
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum User {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Conversation {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Message {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Attachment {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum File {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum WebhookEndpoint {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum WebhookDelivery {}
}

pub type UserId = Id<of::User>;
pub type ConversationId = Id<of::Conversation>;
pub type MessageId = Id<of::Message>;
pub type AttachmentId = Id<of::Attachment>;
pub type FileId = Id<of::File>;
pub type WebhookEndpointId = Id<of::WebhookEndpoint>;
pub type WebhookDeliveryId = Id<of::WebhookDelivery>;

/// What is told when a text or a number is no id.
pub const NOT_AN_ID: &str = "An id is a positive whole number below 2^53";

/// The longest text by which a host application knows a user, in bytes.
const MAX_EXTERNAL_ID_BYTES: usize = 255;
/// What is told when a text cannot be one.
pub const NOT_AN_EXTERNAL_ID: &str = "An external id is text of 1 to 255 bytes without control characters";

/// Whether a host application may know a user by this text.
pub fn is_external(text: &str) -> bool {
    (1..=MAX_EXTERNAL_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

const END: i64 = 1 << 53;

impl<K> Id<K> {
    /// The id with this number, if it is one.
    pub fn new(number: i64) -> Option<Self> {
        (1..END).contains(&number).then(|| Self::stored(number))
    }

    /// An id that the database holds: it was checked when it was written.
    pub const fn stored(number: i64) -> Self {
        Self(number, PhantomData)
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl<K> From<Id<K>> for i64 {
    fn from(id: Id<K>) -> i64 {
        id.0
    }
}

/// A column of the type `bigint`, like that of the number inside.
impl<K> ValueType for Id<K> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <i64 as ValueType>::try_from(value).map(Self::stored)
    }

    fn type_name() -> String {
        "Id".to_owned()
    }

    fn array_type() -> ArrayType {
        <i64 as ValueType>::array_type()
    }

    fn column_type() -> ColumnType {
        <i64 as ValueType>::column_type()
    }
}

impl<K> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Self {
        id.0.into()
    }
}

impl<K> Nullable for Id<K> {
    fn null() -> Value {
        <i64 as Nullable>::null()
    }
}

impl<K> TryGetable for Id<K> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        i64::try_get_by(row, index).map(Self::stored)
    }
}

/// What SQLite answers to an insert that it numbers itself.
impl<K> TryFromU64 for Id<K> {
    fn try_from_u64(number: u64) -> Result<Self, DbErr> {
        i64::try_from_u64(number).map(Self::stored)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Plain decimal digits as a number is written: no sign, no blanks, no exponent, no zero in front.
impl<K> FromStr for Id<K> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().and_then(Self::new).ok_or(NOT_AN_ID)
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

/// A JSON number; a string is refused (protocol §12, paging).
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<K>(PhantomData<K>);

        impl<K> de::Visitor<'_> for Number<K> {
            type Value = Id<K>;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("a positive whole number below 2^53")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id<K>, E> {
                Id::new(number).ok_or_else(|| E::custom(NOT_AN_ID))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id<K>, E> {
                number.try_into().ok().and_then(Id::new).ok_or_else(|| E::custom(NOT_AN_ID))
            }
        }

        deserializer.deserialize_any(Number(PhantomData))
    }
}

/// As REST and STOMP describe it.
impl<K> PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(1))
            .maximum(Some(Number::Int((END - 1) as isize)))
            .description(Some(format!("The id of a {}", thing::<K>())))
            .examples([1]);
        schema.into()
    }
}

/// `UserId` for the id of a user.
impl<K> ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Id", type_name::<K>().rsplit("::").next().unwrap_or_default()))
    }
}

/// What has ids of this kind, as a sentence calls it.
fn thing<K>() -> String {
    type_name::<K>().rsplit("::").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_whole_numbers_below_2_to_the_53_are_ids() {
        for text in ["1", "42", "9007199254740991"] {
            assert_eq!(text.parse::<UserId>().map(|id| id.to_string()).as_deref(), Ok(text));
        }
        let bad =
            ["", "0", "01", "-1", "+1", " 1", "1.5", "1e2", "0x1", "９", "9007199254740992", "9223372036854775808"];
        for text in bad {
            assert_eq!(text.parse::<UserId>(), Err(NOT_AN_ID), "{text}");
        }
        for json in
            ["0", "-1", "1.5", "1e2", "\"1\"", "null", "[1]", "true", "9007199254740992", "18446744073709551616"]
        {
            assert!(serde_json::from_str::<UserId>(json).is_err(), "{json}");
        }
        assert_eq!(serde_json::from_str::<UserId>("7").ok(), UserId::new(7));
    }
}
