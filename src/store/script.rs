//! Several statements of SQLite as one text, with any number of rows in them, each value bound by itself. The text is made
//! for a few sizes only, so that it stays prepared. As JSON, rows would be taken apart again for each of their values.

use std::fmt::Write as _;

use sea_orm::{DbBackend, Statement, Value};

/// The sizes of a list of rows: a text for three rows is that for eight, and five of its rows are NULL throughout.
const SIZES: [usize; 5] = [1, 8, 16, 32, 64];

/// Statements that are sent together. Their values are written as `?`: SQLite keeps a list of other names, which the driver
/// goes through for each value.
#[derive(Default)]
pub struct Script {
    sql: String,
    values: Vec<Value>,
}

impl Script {
    /// Adds a statement with its values, in the order of its `?`.
    pub fn add(&mut self, statement: &str, values: impl IntoIterator<Item = Value>) {
        self.next();
        self.sql.push_str(statement);
        self.values.extend(values);
    }

    /// Adds a statement that reads rows from `given`, which has these columns, and `place`, which counts from 1: what only
    /// fills the text up has NULL in all of them but that. `values` are those of its own `?`.
    pub fn add_given<const N: usize>(
        &mut self,
        columns: [&str; N],
        rows: impl ExactSizeIterator<Item = [Value; N]>,
        statement: &str,
        values: impl IntoIterator<Item = Value>,
    ) {
        self.next();
        let size = SIZES.into_iter().find(|size| *size >= rows.len()).unwrap_or(rows.len());
        let _ = write!(self.sql, "WITH given (place, {}) AS (VALUES ", columns.join(", "));
        for place in 1..=size {
            let separator = if place == 1 { "" } else { ", " };
            let _ = write!(self.sql, "{separator}({place}{})", ", ?".repeat(N));
        }
        let _ = write!(self.sql, ") {statement}");
        let end = self.values.len() + size * N;
        self.values.extend(rows.flatten());
        self.values.resize(end, Value::BigInt(None));
        self.values.extend(values);
    }

    /// All of it.
    pub fn statement(self) -> Statement {
        Statement::from_sql_and_values(DbBackend::Sqlite, self.sql, self.values)
    }

    fn next(&mut self) {
        if !self.sql.is_empty() {
            self.sql.push(';');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(rows: usize) -> Statement {
        let mut script = Script::default();
        script.add("UPDATE a SET b = ?", ["first".into()]);
        let rows = (0..rows).map(|row| [Value::from(row as i64), "a name".into()]);
        script.add_given(["id", "name"], rows, "INSERT INTO c SELECT id, ? FROM given", ["last".into()]);
        script.statement()
    }

    fn values(statement: &Statement) -> &[Value] {
        &statement.values.as_ref().expect("values").0
    }

    #[test]
    fn statements_stand_one_after_the_other_and_their_values_do_too() {
        let script = script(1);
        let sql = "UPDATE a SET b = ?;WITH given (place, id, name) AS (VALUES (1, ?, ?)) INSERT INTO c SELECT id, ? FROM given";
        assert_eq!(script.sql, sql);
        assert_eq!(values(&script), ["first".into(), 0_i64.into(), "a name".into(), "last".into()]);
    }

    #[test]
    fn numbers_of_rows_that_are_near_each_other_share_a_text_and_the_rest_is_null() {
        assert_eq!(script(2).sql, script(8).sql);
        assert_ne!(script(8).sql, script(9).sql);
        let two = script(2);
        let [before @ .., last] = values(&two) else { panic!("no value") };
        assert_eq!((before.len(), last), (1 + 8 * 2, &"last".into()));
        assert!(before[5..].iter().all(|value| *value == Value::BigInt(None)));
        assert_eq!(values(&script(70)).len(), 2 + 70 * 2, "more than there is a size for");
    }
}
