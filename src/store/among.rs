//! "One of these": a condition whose text is the same however many values there are, so that its statement stays
//! prepared. PostgreSQL takes an array, SQLite a list in JSON, either as one text.

use std::fmt::Write as _;

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, Value};

use crate::id::Id;

/// What a list can hold.
pub trait Listed {
    /// The type of a list of these, in PostgreSQL.
    const ARRAY: &'static str;

    /// Writes one value as an element of a list.
    fn write(self, backend: DbBackend, list: &mut String);
}

/// That `column` is one of `values`. An index of the column serves it on both databases. No value, no row.
pub fn among<V: Listed>(
    db: &impl ConnectionTrait,
    column: impl ColumnTrait,
    values: impl IntoIterator<Item = V>,
) -> SimpleExpr {
    let backend = db.get_database_backend();
    let text = match backend {
        DbBackend::Postgres => format!("$1 = ANY(CAST($2 AS {}))", V::ARRAY),
        _ => "? IN (SELECT value FROM json_each(?))".to_owned(),
    };
    let column = Expr::col(column.as_column_ref());
    Expr::cust_with_exprs(text, [column, Expr::val(write(backend, values))])
}

/// The same for a statement that is written out: that `expression` is one of the values that are bound at `place`, which
/// [`list`] makes.
pub fn is_listed<V: Listed>(db: &impl ConnectionTrait, expression: &str, place: usize) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => format!("{expression} = ANY(CAST(${place} AS {}))", V::ARRAY),
        _ => format!("{expression} IN (SELECT value FROM json_each(${place}))"),
    }
}

/// The values that are bound at `place` as rows with one column, `value`, to be joined: what stands behind FROM.
pub fn rows_of<V: Listed>(db: &impl ConnectionTrait, place: usize) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => format!("unnest(CAST(${place} AS {})) AS listed(value)", V::ARRAY),
        _ => format!("json_each(${place}) AS listed"),
    }
}

/// The values as one that is bound.
pub fn list<V: Listed>(db: &impl ConnectionTrait, values: impl IntoIterator<Item = V>) -> Value {
    write(db.get_database_backend(), values).into()
}

fn write<V: Listed>(backend: DbBackend, values: impl IntoIterator<Item = V>) -> String {
    let (open, close) = if backend == DbBackend::Postgres { ('{', '}') } else { ('[', ']') };
    let mut list = String::from(open);
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            list.push(',');
        }
        value.write(backend, &mut list);
    }
    list.push(close);
    list
}

impl Listed for i64 {
    const ARRAY: &'static str = "bigint[]";

    fn write(self, _: DbBackend, list: &mut String) {
        // A String takes whatever is written to it.
        let _written = write!(list, "{self}");
    }
}

impl<K> Listed for Id<K> {
    const ARRAY: &'static str = i64::ARRAY;

    fn write(self, backend: DbBackend, list: &mut String) {
        self.get().write(backend, list);
    }
}

impl Listed for &str {
    const ARRAY: &'static str = "text[]";

    fn write(self, backend: DbBackend, list: &mut String) {
        list.push('"');
        for char in self.chars() {
            match char {
                '"' | '\\' => list.extend(['\\', char]),
                // JSON takes no control characters as they are, PostgreSQL takes them in no other way.
                '\0'..'\x20' if backend != DbBackend::Postgres => {
                    let _written = write!(list, "\\u{:04x}", u32::from(char));
                }
                _ => list.push(char),
            }
        }
        list.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_so_that_nothing_in_it_is_more_than_a_value() {
        let numbers = [1_i64, -2, i64::MAX];
        assert_eq!(write(DbBackend::Sqlite, numbers), "[1,-2,9223372036854775807]");
        assert_eq!(write(DbBackend::Postgres, numbers), "{1,-2,9223372036854775807}");
        assert_eq!(write::<i64>(DbBackend::Postgres, []), "{}");
        let texts = ["NULL", "a,b", "\"}", "\\", "\n", ""];
        assert_eq!(write(DbBackend::Sqlite, texts), r#"["NULL","a,b","\"}","\\","\u000a",""]"#);
        assert_eq!(write(DbBackend::Postgres, texts), "{\"NULL\",\"a,b\",\"\\\"}\",\"\\\\\",\"\n\",\"\"}");
        let parsed: Vec<String> = serde_json::from_str(&write(DbBackend::Sqlite, texts)).unwrap();
        assert_eq!(parsed, texts);
    }
}
