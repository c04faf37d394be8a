//! Query strings: the one decoder of them, and how one becomes a typed struct. A value that does not fit is refused in a
//! sentence with its name; unknown names are ignored.

use std::borrow::Cow;
use std::fmt;
use std::num::IntErrorKind;

use percent_encoding::percent_decode_str;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use crate::error::{Error, Result};
use crate::id::NOT_AN_ID;

/// A name, and its value if there is a `=`.
pub type Pair = (String, Option<String>);

/// The pairs of a query string in their order, decoded.
///
/// # Errors
/// `BadRequest` for a pair that is not UTF-8.
pub fn pairs(query: &str) -> impl Iterator<Item = Result<Pair>> + '_ {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
        Some((name, value)) => Ok((decode(name)?, Some(decode(value)?))),
        None => Ok((decode(pair)?, None)),
    })
}

fn decode(text: &str) -> Result<String> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().map(Cow::into_owned);
    decoded.map_err(|_| Error::bad_request("The query string is not UTF-8"))
}

/// Reads a query string into a struct whose fields are optional texts, whole numbers, `true` or `false`, and ids. A number
/// that is too large to be kept is taken for the largest one.
///
/// # Errors
/// `BadRequest` for a value that does not fit its field, and for a field that is given twice, since one of the two would be
/// ignored.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T> {
    let pairs = pairs(query).collect::<Result<Vec<Pair>>>()?;
    let values = pairs.iter().map(|(name, text)| {
        let text = text.as_deref().unwrap_or_default();
        (name.as_str(), Value { name, text })
    });
    T::deserialize(MapDeserializer::new(values)).map_err(|Misfit(sentence)| Error::bad_request(sentence))
}

/// Why a query string does not fit: the sentence for the caller.
#[derive(Debug)]
struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(sentence: T) -> Self {
        Self(sentence.to_string())
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self(format!("{name} was given more than once"))
    }
}

/// A value and the name that it stands under.
#[derive(Clone, Copy)]
struct Value<'q> {
    name: &'q str,
    text: &'q str,
}

impl Value<'_> {
    fn must_be(self, what: &str) -> Misfit {
        Misfit(format!("{} must be {what}", self.name))
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Misfit;

    /// Only ids take whatever there is.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let number = self.text.parse::<i64>().ok().filter(|number| number.to_string() == self.text);
        let id = number.and_then(|number| visitor.visit_i64::<Misfit>(number).ok());
        id.ok_or_else(|| Misfit(format!("{}: {NOT_AN_ID}", self.name)))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_bool(self.text.parse().map_err(|_| self.must_be("true or false"))?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_i64(match self.text.parse::<i64>() {
            Ok(number) => number,
            Err(cause) if *cause.kind() == IntErrorKind::PosOverflow => i64::MAX,
            Err(_) => return Err(self.must_be("a whole number")),
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::id::MessageId;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Asked {
        text: Option<String>,
        limit: Option<i64>,
        on: Option<bool>,
        before: Option<MessageId>,
    }

    fn refused(query: &str) -> String {
        parse::<Asked>(query).unwrap_err().message.into_owned()
    }

    #[test]
    fn values_are_decoded_and_typed_and_unknown_names_are_ignored() {
        let asked = parse::<Asked>("text=a+b%26%C3%BC&limit=7&on=true&&before=9&other=%25&other").unwrap();
        let text = Some("a b&ü".to_owned());
        assert_eq!(asked, Asked { text, limit: Some(7), on: Some(true), before: MessageId::new(9) });
        assert_eq!(parse::<Asked>("").unwrap(), Asked::default());
        assert_eq!(parse::<Asked>("text").unwrap().text.as_deref(), Some(""));
        assert_eq!(parse::<Asked>("limit=99999999999999999999").unwrap().limit, Some(i64::MAX));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_name() {
        assert_eq!(refused("limit="), "limit must be a whole number");
        assert_eq!(refused("limit=-99999999999999999999"), "limit must be a whole number");
        assert_eq!(refused("on=1"), "on must be true or false");
        for id in ["", "0", "01", "-1", "+1", "x", "9007199254740992"] {
            assert_eq!(refused(&format!("before={id}")), format!("before: {NOT_AN_ID}"), "{id}");
        }
        assert_eq!(refused("text=1&text=2"), "text was given more than once");
        assert_eq!(refused("other=%FF"), "The query string is not UTF-8");
    }
}
