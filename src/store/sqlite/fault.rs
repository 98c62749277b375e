//! What went wrong, before anybody says what was being done.

use crate::store::StoreError;

/// Why a statement or a row failed; the store adds what it was doing.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    pub(super) fn while_(self, doing: &'static str) -> StoreError {
        match self {
            Self::Sql(source) if is_damage(&source) => {
                StoreError::Corrupt { what: "database file".to_owned(), detail: source.to_string() }
            }
            Self::Sql(source) => StoreError::Unavailable { doing, source },
            Self::Store(error) => error,
        }
    }

    /// The same failure for another caller of the same transaction.
    pub(super) fn again(&self) -> Self {
        let text = match self {
            Self::Sql(error) => error.to_string(),
            Self::Store(error) => error.to_string(),
        };
        Self::Sql(sqlx::Error::Io(std::io::Error::other(text)))
    }

    pub(super) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}

/// SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes: trying again does not help.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|c| c.parse::<i64>().ok()).is_some_and(|c| matches!(c & 0xff, 11 | 26))
}
