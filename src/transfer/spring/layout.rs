//! Where everything stands in the database of the other chat: what its tables and columns are called there, and how their values
//! are asked for. It knows what a mapping says, and no record.

use std::collections::HashMap;

use anyhow::{Context, bail};
use sqlx::{PgConnection, Row as _};

use super::mapping::Mapping;
use super::tables::{Column, Form, Need, TABLES, Table};

/// What the database has: the kinds of values, by table and column.
type Catalog = HashMap<String, HashMap<String, String>>;

const CATALOG: &str = "SELECT table_name::text, column_name::text, data_type::text \
    FROM information_schema.columns WHERE table_schema = $1";
/// What stands in place of a column that there is not.
const NONE: &str = "NULL::text";
const TIME_FORMAT: &str = "YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"";

/// All that is read, found.
pub struct Layout {
    tables: HashMap<&'static str, Found>,
    time_zone: String,
}

/// A table as it stands there.
struct Found {
    /// With its schema, ready for a statement.
    name: String,
    columns: HashMap<&'static str, Stored>,
}

struct Stored {
    form: Form,
    /// Names and the kinds of their values.
    parts: Vec<(String, String)>,
}

impl Layout {
    /// Looks everything up.
    ///
    /// # Errors
    /// A table or column that has to be there and is not, with what a mapping could say of it.
    pub async fn find(connection: &mut PgConnection, schema: &str, mapping: &Mapping) -> anyhow::Result<Self> {
        let mut catalog = Catalog::new();
        for row in sqlx::query(CATALOG).bind(schema).fetch_all(connection).await? {
            let columns: &mut HashMap<_, _> = catalog.entry(row.try_get(0)?).or_default();
            columns.insert(row.try_get(1)?, row.try_get(2)?);
        }
        let tables = TABLES.iter().map(|table| Ok((table.key, Found::find(table, schema, mapping, &catalog)?)));
        Ok(Self { tables: tables.collect::<anyhow::Result<_>>()?, time_zone: mapping.time_zone.clone() })
    }

    /// The name of a table, with its schema.
    pub fn table(&self, table: &str) -> &str {
        &self.found(table).name
    }

    /// A column as it is, for what a statement joins and orders by; null where there is none.
    pub fn raw(&self, alias: &str, table: &str, column: &str) -> String {
        let stored = self.found(table).columns.get(column).and_then(|stored| stored.parts.first());
        stored.map_or_else(|| NONE.to_owned(), |(name, _)| format!("{alias}.{}", quoted(name)))
    }

    /// A column as text in its form; null where there is none.
    pub fn text(&self, alias: &str, table: &str, column: &str) -> String {
        let Some(Stored { form, parts }) = self.found(table).columns.get(column) else { return NONE.to_owned() };
        let texts: Vec<String> = parts
            .iter()
            .map(|(name, kind)| {
                let value = format!("{alias}.{}", quoted(name));
                match form {
                    Form::Plain => format!("{value}::text"),
                    Form::Json if matches!(kind.as_str(), "json" | "jsonb" | "ARRAY") => {
                        format!("to_jsonb({value})::text")
                    }
                    Form::Json => format!("{value}::text"),
                    Form::Time => self.time(&value, kind),
                }
            })
            .collect();
        match texts.as_slice() {
            [one] => one.clone(),
            several => format!("NULLIF(concat_ws(' ', {}), '')", several.join(", ")),
        }
    }

    fn time(&self, value: &str, kind: &str) -> String {
        let utc = match kind {
            "timestamp with time zone" => format!("{value} AT TIME ZONE 'UTC'"),
            "timestamp without time zone" | "date" => {
                format!("({value}::timestamp AT TIME ZONE {}) AT TIME ZONE 'UTC'", literal(&self.time_zone))
            }
            "bigint" | "numeric" => format!("to_timestamp({value} / 1000.0) AT TIME ZONE 'UTC'"),
            _ => return format!("{value}::text"),
        };
        format!("to_char({utc}, {})", literal(TIME_FORMAT))
    }

    fn found(&self, table: &str) -> &Found {
        self.tables.get(table).expect("all tables were found")
    }
}

impl Found {
    fn find(table: &Table, schema: &str, mapping: &Mapping, catalog: &Catalog) -> anyhow::Result<Self> {
        let key = table.key;
        let said = mapping.table(key);
        let candidates = said.map_or_else(|| table.names.to_vec(), |name| vec![name]);
        let there = candidates.iter().find_map(|name| Some((name, catalog.get(*name)?)));
        let (name, has) = there.with_context(|| {
            format!("The schema {schema} has no table {}: a mapping can say {key}.table", candidates.join(" or "))
        })?;
        let mut columns = HashMap::new();
        for column in table.columns {
            if let Some(stored) = stored(table, column, mapping, has)? {
                columns.insert(column.key, stored);
            } else if column.need == Need::Required {
                let (names, column) = (column.names.join(" or "), column.key);
                bail!("The table {name} has no column {names}: a mapping can say {key}.{column}");
            }
        }
        Ok(Self { name: format!("{}.{}", quoted(schema), quoted(name)), columns })
    }
}

fn stored(
    table: &Table,
    column: &Column,
    mapping: &Mapping,
    has: &HashMap<String, String>,
) -> anyhow::Result<Option<Stored>> {
    let part = |name: &str| Some((name.to_owned(), has.get(name)?.clone()));
    let parts = match mapping.column(table.key, column.key) {
        Some(names) => names
            .iter()
            .map(|name| part(name).with_context(|| format!("{}.{}: there is no column {name}", table.key, column.key)))
            .collect::<anyhow::Result<Vec<_>>>()?,
        None => column.names.iter().find_map(|name| part(name)).into_iter().collect(),
    };
    Ok((!parts.is_empty()).then_some(Stored { form: column.form, parts }))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
