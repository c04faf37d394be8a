//! Any number of rows as bound values of a statement of SQLite, in texts of a few sizes. As JSON they would be taken apart
//! again for each value that a statement asks of them, and for each statement.

use std::fmt::Write as _;

use sea_orm::Value;

/// The sizes of a text: a statement for three rows is that for eight, and five of its rows are NULL throughout.
const SIZES: [usize; 5] = [1, 8, 16, 32, 64];

/// Rows that a statement is given, behind the values that are bound before them.
pub struct GivenRows {
    columns: &'static [&'static str],
    before: usize,
    values: Vec<Value>,
}

impl GivenRows {
    /// No row yet. The values `before` are bound at `$1` and further on.
    pub fn behind(before: Vec<Value>, columns: &'static [&'static str]) -> Self {
        Self { columns, before: before.len(), values: before }
    }

    /// Takes one more row, with a value for each column.
    pub fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a value for each column");
        self.values.extend(row);
    }

    /// What a statement begins with that reads the rows from `given`: their columns, and `place`, which counts them from 1.
    /// The rows that only fill the text have a place and nothing else.
    pub fn clause(&self) -> String {
        let width = self.columns.len();
        let mut text = format!("WITH given (place, {}) AS (VALUES ", self.columns.join(", "));
        for row in 0..self.size() {
            let separator = if row == 0 { "" } else { ", " };
            let _ = write!(text, "{separator}({}", row + 1);
            for column in 1..=width {
                let _ = write!(text, ", ${}", self.before + row * width + column);
            }
            text.push(')');
        }
        text.push_str(") ");
        text
    }

    /// All that is bound.
    pub fn into_values(self) -> Vec<Value> {
        let length = self.before + self.size() * self.columns.len();
        let mut values = self.values;
        values.resize(length, Value::BigInt(None));
        values
    }

    fn size(&self) -> usize {
        let rows = (self.values.len() - self.before) / self.columns.len();
        SIZES.into_iter().find(|size| *size >= rows).unwrap_or(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(rows: i64) -> GivenRows {
        let mut given = GivenRows::behind(vec!["before".into()], &["id", "name"]);
        (0..rows).for_each(|row| given.push([row.into(), "a name".into()]));
        given
    }

    #[test]
    fn a_text_says_where_each_value_is_bound() {
        assert_eq!(given(1).clause(), "WITH given (place, id, name) AS (VALUES (1, $2, $3)) ");
    }

    #[test]
    fn numbers_of_rows_that_are_near_each_other_share_a_text_and_the_rest_is_null() {
        assert_eq!(given(2).clause(), given(8).clause());
        assert_ne!(given(8).clause(), given(9).clause());
        let values = given(2).into_values();
        assert_eq!(values.len(), 1 + 8 * 2);
        assert!(values[5..].iter().all(|value| *value == Value::BigInt(None)));
        assert_eq!(given(70).into_values().len(), 1 + 70 * 2, "more than there is a size for");
    }
}
