//! Reading rows: one that makes no sense is named, never a panic.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::fault::Fault;
use crate::domain::{Timestamp, Weight};
use crate::store::StoreError;

/// Columns of one row. `key` are the columns that name the row to people.
#[derive(Clone, Copy)]
pub(super) struct Cells<'r> {
    pub(super) row: &'r SqliteRow,
    pub(super) table: &'static str,
    pub(super) key: &'static [&'static str],
}

impl Cells<'_> {
    pub(super) fn int(self, column: &str) -> Result<i64, Fault> {
        self.row.try_get(column).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn real(self, column: &str) -> Result<f64, Fault> {
        self.row.try_get(column).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn number<T: TryFrom<i64, Error: Display>>(self, column: &str) -> Result<T, Fault> {
        T::try_from(self.int(column)?).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn at(self, column: &str) -> Result<Timestamp, Fault> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub(super) fn maybe_at(self, column: &str) -> Result<Option<Timestamp>, Fault> {
        let micros: Option<i64> = self.row.try_get(column).map_err(|e| self.corrupt(column, e))?;
        Ok(micros.map(Timestamp::from_micros))
    }

    pub(super) fn weight(self, column: &str) -> Result<Weight, Fault> {
        Weight::try_from(self.number::<u32>(column)?).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn text(self, column: &str) -> Result<String, Fault> {
        self.row.try_get(column).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn maybe_text(self, column: &str) -> Result<Option<String>, Fault> {
        self.row.try_get(column).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(self, column: &str) -> Result<T, Fault> {
        self.text(column)?.parse().map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn maybe_parsed<T: FromStr<Err: Display>>(
        self,
        column: &str,
    ) -> Result<Option<T>, Fault> {
        let text = self.maybe_text(column)?;
        text.map(|t| t.parse().map_err(|e| self.corrupt(column, e))).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(self, column: &str) -> Result<T, Fault> {
        let text: &str = self.row.try_get(column).map_err(|e| self.corrupt(column, e))?;
        serde_json::from_str(text).map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(self, column: &str) -> Result<Option<T>, Fault> {
        let text = self.maybe_text(column)?;
        text.map(|t| serde_json::from_str(&t).map_err(|e| self.corrupt(column, e))).transpose()
    }

    pub(super) fn hash(self, column: &str) -> Result<[u8; 32], Fault> {
        let bytes: &[u8] = self.row.try_get(column).map_err(|e| self.corrupt(column, e))?;
        bytes.try_into().map_err(|e| self.corrupt(column, e))
    }

    pub(super) fn corrupt(self, column: &str, why: impl Display) -> Fault {
        let mut what = self.table.to_owned();
        for column in self.key {
            let text = self.row.try_get::<String, _>(*column);
            let text = text.or_else(|_| self.row.try_get::<i64, _>(*column).map(|n| n.to_string()));
            what.push(' ');
            what.push_str(text.as_deref().unwrap_or("?"));
        }
        StoreError::Corrupt { what, detail: format!("column `{column}`: {why}") }.into()
    }
}

/// What the engine and the plans make can always be written; an error here is a defect of ours, named like a bad row.
pub(super) fn to_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Corrupt { what: what.to_owned(), detail: e.to_string() })
}
