//! Opening a database: the data directory, the lock that keeps a second process out, the schema.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqlSafeStr, SqliteConnection};

use super::fault::Fault;
use super::sql;
use super::{
    instances, kills, looks, outbox, plans, push_users, pushed, rollouts, routes, tokens,
    transitions,
};
use crate::store::StoreError;

const READERS: u32 = 4;
/// Above the count of statements there are, chunk sizes of the bulk ones included.
const STATEMENTS_KEPT: usize = 200;

const MIGRATIONS: [(i64, &str, &str); 5] = [
    (1, "first", include_str!("../../../migrations/sqlite/0001_first.sql")),
    (2, "pushed_counters", include_str!("../../../migrations/sqlite/0002_pushed_counters.sql")),
    (3, "overrides", include_str!("../../../migrations/sqlite/0003_overrides.sql")),
    (4, "looks", include_str!("../../../migrations/sqlite/0004_looks.sql")),
    (5, "learned", include_str!("../../../migrations/sqlite/0005_learned.sql")),
];

/// Makes the directory for its owner only, and locks it until the file is dropped or the process ends.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::Open { path: dir.display().to_string(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let path = dir.join("tidegate.lock");
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    write!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

fn in_use(dir: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    if file.read_to_string(&mut pid).is_err() || pid.is_empty() {
        "unknown".clone_into(&mut pid);
    }
    StoreError::InUse { path: dir.display().to_string(), pid }
}

/// The connection that writes, on a schema brought up to date and statements checked against it.
pub(super) async fn writer(options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let opening = |e: sqlx::Error| Fault::from(e).while_("opening the database");
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut conn = with_habits(options).connect().await.map_err(opening)?;
    migrate(&mut conn, &MIGRATIONS).await?;
    check_statements(&mut conn).await?;
    Ok(conn)
}

/// Readers never wait for the writer, nor it for them: that is what the write-ahead log is for.
pub(super) fn readers(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(with_habits(options.read_only(true)))
}

fn with_habits(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(STATEMENTS_KEPT)
        .disable_statement_logging()
}

async fn migrate(
    conn: &mut SqliteConnection,
    migrations: &[(i64, &'static str, &'static str)],
) -> Result<(), StoreError> {
    let migrations = migrations.iter().map(|&(version, description, text)| {
        let kind = MigrationType::Simple;
        Migration::new(version, description.into(), kind, text.into_sql_str(), false)
    });
    let ran = Migrator::with_migrations(migrations.collect()).run(conn).await;
    ran.map_err(|error| match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
            Fault::from(source).while_("bringing the schema up to date")
        }
        // Written by a newer version, or by nobody we know.
        other => StoreError::Corrupt { what: "schema".to_owned(), detail: other.to_string() },
    })
}

async fn check_statements(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let listed = [
        rollouts::STATEMENTS,
        routes::STATEMENTS,
        plans::STATEMENTS,
        kills::STATEMENTS,
        looks::STATEMENTS,
        instances::STATEMENTS,
        outbox::STATEMENTS,
        pushed::STATEMENTS,
        push_users::STATEMENTS,
        tokens::STATEMENTS,
    ];
    for one in listed.into_iter().flatten() {
        sql::check(conn, one.name, one.text.to_owned(), one.count).await?;
    }
    transitions::HEADS.check("HEADS", conn).await?;
    transitions::UPDATE.check("UPDATE", conn).await?;
    transitions::JOURNAL.check("JOURNAL", conn).await?;
    transitions::ROUTES.check("ROUTES", conn).await?;
    transitions::PROGRAMS.check("PROGRAMS", conn).await?;
    transitions::OUTBOX.check("OUTBOX", conn).await?;
    looks::LOOKS.check("LOOKS", conn).await?;
    instances::SAVE.check("SAVE", conn).await?;
    pushed::ADD.check("ADD", conn).await?;
    pushed::NAME.check("NAME", conn).await?;
    push_users::SEE.check("SEE", conn).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::{Connection, Executor};

    use super::*;
    use crate::domain::Name;

    #[tokio::test]
    async fn counts_of_the_first_schema_are_carried_over() {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut conn = options.connect().await.expect("a database");
        migrate(&mut conn, &MIGRATIONS[..1]).await.expect("the first schema");
        let old = "INSERT INTO pushed VALUES ('shop', 'v1', 100, 2, 7000000)";
        conn.execute(old).await.expect("a row");
        migrate(&mut conn, &MIGRATIONS).await.expect("the schema of today");
        let arms = BTreeSet::from(["v1".to_owned(), "v2".to_owned()]);
        let route = Name::new("shop").expect("a name");
        let Ok(counts) = pushed::counts(&mut conn, route, arms).await else { panic!("no counts") };
        let told = counts.iter().map(|c| format!("{} {} {}", c.arm, c.series, c.value));
        assert_eq!(told.collect::<Vec<_>>(), ["v1 failures 2", "v1 requests 100"]);
        assert_eq!(counts[0].updated.micros(), 7_000_000);
        conn.close().await.expect("closed");
    }
}
