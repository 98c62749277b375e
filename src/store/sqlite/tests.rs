//! What needs a hand at the writer's connection.

use super::*;
use sqlx::Row;

async fn pragma(store: &SqliteStore, sql: &'static str) -> String {
    let row = store.write("asking", move |c| {
        Box::pin(async move { Ok(sqlx::query(sql).fetch_optional(c).await?) })
    });
    let row = row.await.expect("an answer");
    row.map_or_else(String::new, |r| {
        r.try_get::<i64, _>(0).map(|n| n.to_string()).unwrap_or_else(|_| r.get(0))
    })
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(dir.path()).await.expect("a store");
    assert_eq!(pragma(&store, "PRAGMA journal_mode").await, "wal");
    assert_eq!(pragma(&store, "PRAGMA synchronous").await, "2");
    assert_eq!(pragma(&store, "PRAGMA foreign_keys").await, "1");
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_answers_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(dir.path()).await.expect("a store");
    let answer = Answered { request: [0; 32], status: 200, body: "x".repeat(20_000) };
    let at = Timestamp::default();
    pragma(&store, "PRAGMA max_page_count = 100").await;
    let mut kept = 0;
    let refused = loop {
        match store.remember("s", &kept.to_string(), &answer, at).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    let StoreError::Unavailable { doing, source } = refused else { panic!("{refused:?}") };
    assert_eq!(doing, "keeping an answer");
    assert!(source.to_string().contains("database or disk is full"), "{source}");
    assert!(kept > 0, "some fitted");
    assert_eq!(store.answered("s", "0").await.expect("a read"), Some(answer.clone()));
    assert_eq!(store.answered("s", &kept.to_string()).await.expect("a read"), None);
    pragma(&store, "PRAGMA max_page_count = 100000").await;
    store.remember("s", "later", &answer, at).await.expect("room again");
}
#[tokio::test]
async fn a_transaction_that_failed_makes_room_for_the_next() {
    let store = SqliteStore::in_memory().await.expect("a store");
    let broken = store.write("breaking", |c| {
        Box::pin(async move {
            sqlx::query("RELEASE one").execute(c).await?;
            Err::<(), _>(Fault::Sql(sqlx::Error::RowNotFound))
        })
    });
    assert!(broken.await.is_err());
    assert_eq!(store.routes().await.expect("an answer"), []);
}
