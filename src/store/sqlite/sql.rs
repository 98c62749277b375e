//! Statements whose parameters are counted.
//!
//! Owns: the only way this adapter runs SQL.
//! SQLite takes a forgotten parameter as NULL and says nothing. Here the count is part of a statement's type,
//! and [`check`] compares it with the text of every statement when the store opens.

use std::sync::{Arc, OnceLock};

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Executor, SqlSafeStr, SqliteConnection, Statement};

use super::fault::Fault;
use crate::domain::{Timestamp, Weight};
use crate::store::StoreError;

/// A value on its way into a statement.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    Null,
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Arg {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&[u8; 32]> for Arg {
    fn from(value: &[u8; 32]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Timestamp> for Arg {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.micros())
    }
}

impl From<Weight> for Arg {
    fn from(value: Weight) -> Self {
        Self::Int(value.ppm().into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

fn arguments(values: impl IntoIterator<Item = Arg>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Arg::Int(v) => arguments.add(v),
            Arg::Real(v) => arguments.add(v),
            Arg::Text(v) => arguments.add(v),
            Arg::Blob(v) => arguments.add(v),
            Arg::Null => arguments.add(None::<i64>),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// One statement that takes exactly `N` parameters, `$1` to `$N`.
#[derive(Debug)]
pub(super) struct Sql<const N: usize>(pub(super) &'static str);

impl<const N: usize> Sql<N> {
    /// How many rows it changed.
    pub(super) async fn execute(
        &self,
        conn: &mut SqliteConnection,
        args: [Arg; N],
    ) -> Result<u64, Fault> {
        let done = sqlx::query_with(self.0, arguments(args)?).execute(conn).await?;
        Ok(done.rows_affected())
    }

    pub(super) async fn all(
        &self,
        conn: &mut SqliteConnection,
        args: [Arg; N],
    ) -> Result<Vec<SqliteRow>, Fault> {
        Ok(sqlx::query_with(self.0, arguments(args)?).fetch_all(conn).await?)
    }

    pub(super) async fn first(
        &self,
        conn: &mut SqliteConnection,
        args: [Arg; N],
    ) -> Result<Option<SqliteRow>, Fault> {
        Ok(sqlx::query_with(self.0, arguments(args)?).fetch_optional(conn).await?)
    }
}

/// Names each statement, its count of parameters and its text, and lists them all for [`check`].
macro_rules! statements {
    ($($name:ident [$count:literal] = $text:expr;)+) => {
        $(const $name: super::sql::Sql<$count> = super::sql::Sql($text);)+
        pub(super) const STATEMENTS: &[super::sql::Listed] =
            &[$(super::sql::Listed { name: stringify!($name), text: $text, count: $count }),+];
    };
}
pub(super) use statements;

/// A statement as [`check`] sees it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) count: usize,
}

/// Chunks are powers of two up to this, so that few texts serve every length.
const LARGEST_CHUNK: u32 = 256;

/// A statement over a list of rows of `N` values each, between `before` and `after`.
#[derive(Debug)]
pub(super) struct Bulk<const N: usize> {
    before: &'static str,
    after: &'static str,
    texts: [OnceLock<Arc<str>>; LARGEST_CHUNK.ilog2() as usize + 1],
}

impl<const N: usize> Bulk<N> {
    pub(super) const fn new(before: &'static str, after: &'static str) -> Self {
        Self { before, after, texts: [const { OnceLock::new() }; _] }
    }

    /// How many rows all chunks changed.
    pub(super) async fn execute(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<[Arg; N]>,
    ) -> Result<u64, Fault> {
        let mut changed = 0;
        for (text, args) in self.chunks(rows) {
            let query = sqlx::query_with(AssertSqlSafe(text), arguments(args)?);
            changed += query.execute(&mut *conn).await?.rows_affected();
        }
        Ok(changed)
    }

    pub(super) async fn all(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<[Arg; N]>,
    ) -> Result<Vec<SqliteRow>, Fault> {
        let mut found = Vec::with_capacity(rows.len());
        for (text, args) in self.chunks(rows) {
            let query = sqlx::query_with(AssertSqlSafe(text), arguments(args)?);
            found.extend(query.fetch_all(&mut *conn).await?);
        }
        Ok(found)
    }

    fn chunks(&self, rows: Vec<[Arg; N]>) -> impl Iterator<Item = (Arc<str>, Vec<Arg>)> {
        let mut left = rows.into_iter();
        std::iter::from_fn(move || {
            let power = left.len().checked_ilog2()?.min(LARGEST_CHUNK.ilog2());
            let args = left.by_ref().take(1 << power).flatten().collect();
            Some((self.text(power), args))
        })
    }

    fn text(&self, power: u32) -> Arc<str> {
        let written = &self.texts[power as usize];
        written.get_or_init(|| self.write(1 << power).into()).clone()
    }

    fn write(&self, rows: usize) -> String {
        let row = |r: usize| {
            let places: Vec<String> = (1..=N).map(|c| format!("${}", r * N + c)).collect();
            format!("({})", places.join(","))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("{} {} {}", self.before, rows.join(","), self.after)
    }

    /// Checks the texts of one row and of three.
    pub(super) async fn check(
        &self,
        name: &str,
        conn: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        for rows in [1, 3] {
            check(conn, name, self.write(rows), rows * N).await?;
        }
        Ok(())
    }
}

/// Prepares a statement and compares its parameters with what the code binds.
///
/// # Errors
/// When it does not fit the schema, or uses other parameters than `$1` to `$count`.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    name: &str,
    text: String,
    count: usize,
) -> Result<(), StoreError> {
    let corrupt =
        |detail| StoreError::Corrupt { what: format!("schema (statement {name})"), detail };
    let highest = highest_parameter(&text);
    let prepared = conn.prepare(AssertSqlSafe(text).into_sql_str()).await;
    let prepared = prepared.map_err(|e| corrupt(e.to_string()))?;
    match prepared.parameters() {
        Some(Either::Right(found)) if found == count && highest == count => Ok(()),
        found => Err(corrupt(format!(
            "it binds {count} parameters, and uses {found:?} up to ${highest}"
        ))),
    }
}

fn highest_parameter(text: &str) -> usize {
    let numbers = text.split('$').skip(1).filter_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse().ok()
    });
    numbers.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection};

    use super::*;

    #[tokio::test]
    async fn a_statement_binds_what_it_uses() {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut conn = options.connect().await.expect("a database");
        let rows = [
            ("SELECT $1, $2, $1", 2, true),
            ("SELECT $1, $2", 1, false),
            ("SELECT $1, $2", 3, false),
            ("SELECT $1, $3", 2, false),
            ("SELECT 1", 0, true),
            ("SELECT gone", 0, false),
        ];
        for (text, count, fits) in rows {
            let checked = check(&mut conn, "IT", text.to_owned(), count).await;
            assert_eq!(checked.is_ok(), fits, "{text} with {count}: {checked:?}");
        }
        conn.close().await.expect("closed");
    }

    #[test]
    fn rows_go_into_chunks_of_powers_of_two() {
        let bulk = Bulk::<2>::new("VALUES", "");
        let rows = (0..519_i64).map(|n| [n.into(), Arg::Null]).collect();
        let chunks: Vec<(usize, usize)> =
            bulk.chunks(rows).map(|(text, args)| (highest_parameter(&text), args.len())).collect();
        assert_eq!(chunks, [(512, 512), (512, 512), (8, 8), (4, 4), (2, 2)]);
        assert_eq!(bulk.write(2), "VALUES ($1,$2),($3,$4) ");
    }
}
