//! What only the SQLite adapter promises: the file, its lock, its one writer, rows changed behind its back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tidegate::domain::RolloutName;
use tidegate::store::sqlite::SqliteStore;
use tidegate::store::{Committed, ListFilter, Store, StoreError, Stored, chain};

use crate::fixtures::*;

async fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir).await.expect("a store")
}

/// Runs SQL past the store, as a hand at the file would.
async fn by_hand(dir: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(dir.join("tidegate.db"));
    let mut conn = options.connect().await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await;
    conn.close().await?;
    done.map(|_| ())
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    let store = open(&data).await;
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let second = SqliteStore::open(&data).await;
    let Err(StoreError::InUse { path, pid }) = second else { panic!("{second:?}") };
    assert_eq!((path, pid), (data.display().to_string(), std::process::id().to_string()));
    store.close().await;
    open(&data).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let failed = SqliteStore::open(Path::new("/dev/null/data")).await;
    assert!(matches!(&failed, Err(StoreError::Open { path, .. }) if path == "/dev/null/data"));
}

#[tokio::test]
async fn a_closed_store_is_whole_in_one_file_and_refuses_calls() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let one = started(&store, "shop", &route("road")).await;
    tokio::join!(store.close(), store.close());
    assert!(!dir.path().join("tidegate.db-wal").exists(), "the log is folded in");
    assert!(matches!(store.kills().await, Err(StoreError::Unavailable { .. })));
    let late = store.commit(vec![commit(&one, baking(1), "bake")]).await;
    assert!(matches!(late, Err(StoreError::Unavailable { doing: "storing a transition", .. })));
    assert_eq!(open(dir.path()).await.live(at(0)).await.unwrap(), [one]);
}

/// The nearest to a kill that fits in a test: the runtime goes away, nothing is closed.
#[test]
fn what_was_answered_is_there_after_an_abrupt_end() {
    let dir = tempfile::tempdir().unwrap();
    let run = || tokio::runtime::Runtime::new().unwrap();
    let one = run().block_on(async {
        let store = open(dir.path()).await;
        let one = started(&store, "shop", &route("road")).await;
        let committed = store.commit(vec![commit(&one, baking(1), "bake")]).await.unwrap();
        assert_eq!(committed, [Committed::Stored(2)]);
        one
    });
    run().block_on(async {
        let store = open(dir.path()).await;
        assert_eq!(store.rollout(&one.name).await.unwrap().expect("it").version, 2);
        verify(&store, &one.name, 2).await;
    });
}

async fn verify(store: &dyn Store, name: &RolloutName, count: usize) {
    let lines = store.journal(name, 0, 10_000).await.unwrap();
    assert_eq!((lines.len(), chain::verify(name, &lines)), (count, Ok(())), "{name}");
}

/// After any number of polls a call may be dropped: it happened whole or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut happened = 0;
    for polls in 0..40 {
        let text = format!("p{polls}");
        let one = started(&store, &text, &route(&text)).await;
        {
            let mut call = pin!(store.commit(vec![commit(&one, baking(1), "bake")]));
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
            }
        }
        // Goes through the same queue, so that the dropped call is behind us.
        store.unkill(&name("none")).await.unwrap();
        let version = store.rollout(&one.name).await.unwrap().expect("it").version;
        assert_eq!(version == 2, polls > 0, "asked once, it is the writer's");
        verify(&store, &one.name, usize::try_from(version).unwrap()).await;
        happened += version - 1;
    }
    assert_eq!(happened, 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_and_their_readers_never_find_it_locked() {
    const COMMITS: i64 = 10;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(dir.path()).await);
    let mut all = Vec::new();
    for number in 0..64 {
        let text = format!("r{number}");
        all.push(started(&*store, &text, &route(&text)).await);
    }
    let tasks = all.into_iter().map(|one| write_and_read(store.clone(), one, COMMITS));
    let mut tasks: tokio::task::JoinSet<_> = tasks.collect();
    while let Some(done) = tasks.join_next().await {
        let name = done.expect("a task that never failed");
        verify(&*store, &name, 1 + usize::try_from(COMMITS).unwrap()).await;
    }
}

async fn write_and_read(store: Arc<dyn Store>, mut one: Stored, commits: i64) -> RolloutName {
    for _ in 0..commits {
        let committed = store.commit(vec![commit(&one, baking(1), "bake")]).await.unwrap();
        assert_eq!(committed, [Committed::Stored(one.version + 1)]);
        one = store.rollout(&one.name).await.unwrap().expect("it");
        let filter = ListFilter { limit: 3, ..ListFilter::default() };
        assert_eq!(store.list(&filter).await.unwrap().len(), 3);
    }
    one.name
}

#[tokio::test]
async fn the_journal_refuses_a_hand() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    started(&store, "shop", &route("road")).await;
    for sql in ["UPDATE journal SET text = 'x'", "DELETE FROM journal"] {
        let refused = by_hand(dir.path(), sql).await.unwrap_err().to_string();
        assert!(refused.contains("the journal is append-only"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn a_line_changed_past_the_triggers_is_found() {
    let free = "DROP TRIGGER journal_keeps_its_lines; DROP TRIGGER journal_loses_no_line;";
    let rows = [
        ("UPDATE journal SET text = 'nothing to see' WHERE seq = 2", "line 2 was changed"),
        ("UPDATE journal SET at = at + 1 WHERE seq = 3", "line 3 was changed"),
        ("UPDATE journal SET detail = '{}' WHERE seq = 1", "line 1 was changed"),
        ("DELETE FROM journal WHERE seq = 2", "line 2 is missing"),
    ];
    for (sql, expect) in rows {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        let one = started(&store, "shop", &route("road")).await;
        let mut two = commit(&one, baking(1), "bake");
        two.entries.push(entry("verdict", 3));
        store.commit(vec![two]).await.unwrap();
        verify(&store, &one.name, 3).await;
        by_hand(dir.path(), &format!("{free} {sql}")).await.unwrap();
        let lines = store.journal(&one.name, 0, 9).await.unwrap();
        let found = chain::verify(&one.name, &lines).unwrap_err();
        assert!(found.contains(expect), "{sql}: {found}");
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_named() {
    let rows = [
        ("rollouts SET state = '{\"phase\": 7}'", "a stored rollout shop 1 cannot be read"),
        ("rollouts SET memory = 'x'", "a stored rollout shop 1 cannot be read"),
        ("programs SET program = ''", "a stored rollout shop 1 cannot be read"),
        ("rollouts SET number = -1", "a stored rollout shop -1 cannot be read"),
        ("routes SET share = 1000001", "a stored route road cannot be read"),
        ("routes SET serving = 'c'", "a stored route road cannot be read"),
        ("routes SET holder = 'shop'", "a stored route road cannot be read"),
        ("kills SET actor = '\"me\"'", "a stored kill road cannot be read"),
    ];
    for (sql, expect) in rows {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        started(&store, "shop", &route("road")).await;
        let by = tidegate::domain::Actor::judge();
        let kill =
            tidegate::store::Kill { route: name("road"), by, because: String::new(), at: at(0) };
        store.kill(&kill).await.unwrap();
        by_hand(dir.path(), &format!("PRAGMA ignore_check_constraints = 1; UPDATE {sql}"))
            .await
            .unwrap();
        let errors =
            [store.live(at(0)).await.err(), store.routes().await.err(), store.kills().await.err()];
        let texts: Vec<String> = errors.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{sql}: {texts:?}");
        assert!(texts[0].starts_with(expect), "{sql}: {texts:?}");
    }
}

#[tokio::test]
async fn a_schema_from_elsewhere_is_refused() {
    let rows = [
        "INSERT INTO _sqlx_migrations VALUES (99, 'later', 'now', TRUE, X'00', 0)",
        "UPDATE _sqlx_migrations SET checksum = X'00'",
        "ALTER TABLE kills DROP COLUMN because",
    ];
    for sql in rows {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).await.close().await;
        by_hand(dir.path(), sql).await.unwrap();
        let refused = SqliteStore::open(dir.path()).await;
        let Err(StoreError::Corrupt { what, .. }) = &refused else { panic!("{sql}: {refused:?}") };
        assert!(what.starts_with("schema"), "{sql}: {what}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tidegate.db"), "not a database at all, but long enough")
        .unwrap();
    let refused = SqliteStore::open(dir.path()).await;
    assert!(matches!(&refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
}
