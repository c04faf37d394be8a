//! A table in Markdown, its columns as wide as their widest cell, and the same as JSON. It knows no figure.

use serde_json::{Map, Value as Json};

/// A table that is made row by row.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<C: Into<String>>(head: impl IntoIterator<Item = C>) -> Self {
        Self { rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The text; all columns but the first stand to the right.
    pub fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| {
            self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default().max(4)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &[String]| {
            let cells = widths.iter().enumerate().map(|(column, width)| match column {
                0 => format!("{:<width$}", cell(row, column)),
                _ => format!("{:>width$}", cell(row, column)),
            });
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().enumerate().map(|(column, width)| match column {
            0 => "-".repeat(*width),
            _ => format!("{}:", "-".repeat(width - 1)),
        });
        let rule = format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
        let mut text = String::new();
        for (place, row) in self.rows.iter().enumerate() {
            text.push_str(&line(row));
            if place == 0 {
                text.push_str(&rule);
            }
        }
        text
    }

    /// An object for each row, with its cells under the names of their columns; what reads as a number is one.
    pub fn json(&self) -> Json {
        let Some((head, rows)) = self.rows.split_first() else { return Json::Null };
        let value = |cell: &String| match cell.replace(' ', "").parse::<f64>() {
            Ok(number) => Json::from(number),
            Err(_) => Json::from(cell.as_str()),
        };
        let object = |row: &Vec<String>| head.iter().cloned().zip(row.iter().map(value)).collect::<Map<_, _>>();
        rows.iter().map(|row| Json::Object(object(row))).collect()
    }
}

/// A figure with three digits that count: `0.123`, `12.3`, `12 300`.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => grouped(value.round() as i64),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A whole number with its thousands apart.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["request", "1 000"]);
        table.row(["page", "0.9"]);
        table.row(["a longer name"]);
        let expected = "| request       | 1 000 |\n| ------------- | ----: |\n| page          |   0.9 |\n| a longer name |       |\n";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn as_json_each_row_is_an_object_and_figures_are_numbers() {
        let mut table = Table::new(["name", "rate"]);
        table.row(["1 room", "12 345"]);
        assert_eq!(table.json(), serde_json::json!([{ "name": "1 room", "rate": 12_345.0 }]));
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        let written: Vec<String> = [0.1234, 1.234, 12.34, 123.4, 12_345.6].into_iter().map(figure).collect();
        assert_eq!(written, ["0.123", "1.23", "12.3", "123", "12 346"]);
        assert_eq!(grouped(-1_234_567), "-1 234 567");
        assert_eq!(grouped(0), "0");
    }
}
