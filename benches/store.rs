//! Durable transitions a second through the store's port, beside the same rows written by bare sqlx and beside
//! the disk's own synced write, all in one run: compare the ratios, for the disk differs between machines and hours.
//!
//! `cargo bench --bench store`, about 20 s.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(clippy::print_stdout, reason = "its report is for the terminal")]
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a bench that fails should stop; fixtures are shared with tests"
)]

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tidegate::store::sqlite::SqliteStore;
use tidegate::store::{Committed, Store, Stored};

#[path = "../tests/store/fixtures.rs"]
mod fixtures;

const EACH: Duration = Duration::from_millis(1500);
const ROLLOUTS: usize = 256;
const ROUNDS: usize = 2;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).await.unwrap());
    let mut rollouts = Vec::new();
    for number in 0..ROLLOUTS {
        let text = format!("r{number}");
        rollouts.push(fixtures::started(&*store, &text, &fixtures::route(&text)).await);
    }
    let mut best = [0.0_f64; 5];
    for _ in 0..ROUNDS {
        let round = [
            synced_writes(dir.path()),
            bare(dir.path(), 1).await,
            bare(dir.path(), 100).await,
            through_port(&store, &mut rollouts, 1).await,
            through_port(&store, &mut rollouts, 64).await,
        ];
        best = std::array::from_fn(|i| best[i].max(round[i]));
    }
    report(best);
    store.close().await;
}

fn report([disk, bare_one, bare_many, port_one, port_many]: [f64; 5]) {
    println!("best of {ROUNDS} rounds, each {} ms", EACH.as_millis());
    println!("{disk:>10.0} /s  4 KiB synced write (O_DSYNC)");
    println!(
        "{bare_one:>10.0} /s  bare sqlx, 1 transition a commit      {:.2} of the disk",
        bare_one / disk
    );
    println!("{bare_many:>10.0} /s  bare sqlx, 100 transitions a commit");
    println!(
        "{port_one:>10.0} /s  port, 1 submitter                     {:.2} of bare, {:.2} of the disk",
        port_one / bare_one,
        port_one / disk
    );
    println!(
        "{port_many:>10.0} /s  port, 64 submitters                   {:.2} of bare 100, {:.1} of the disk",
        port_many / bare_many,
        port_many / disk
    );
}

fn rate(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

fn synced_writes(dir: &Path) -> f64 {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).custom_flags(libc::O_DSYNC);
    let mut file = options.open(dir.join("floor")).unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < EACH {
        file.rewind().unwrap();
        file.write_all(&[7; 4096]).unwrap();
        count += 1;
    }
    rate(count, start)
}

/// The rows of a transition, written by hand on a connection with the store's own settings, to a file of its own.
async fn bare(dir: &Path, per_commit: usize) -> f64 {
    let home = tempfile::tempdir_in(dir).unwrap();
    let store = SqliteStore::open(home.path()).await.unwrap();
    for number in 0..ROLLOUTS {
        let text = format!("r{number}");
        fixtures::started(&store, &text, &fixtures::route(&text)).await;
    }
    store.close().await;
    let options = SqliteConnectOptions::new()
        .filename(home.path().join("tidegate.db"))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut conn = options.connect().await.unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < EACH {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut conn).await.unwrap();
        for _ in 0..per_commit {
            bare_transition(&mut conn, count).await;
            count += 1;
        }
        sqlx::query("COMMIT").execute(&mut conn).await.unwrap();
    }
    let rate = rate(count, start);
    conn.close().await.unwrap();
    rate
}

async fn bare_transition(conn: &mut SqliteConnection, count: usize) {
    let id = i64::try_from(count % ROLLOUTS).unwrap() + 1;
    let version = i64::try_from(count / ROLLOUTS).unwrap() + 1;
    let hash = "0".repeat(64);
    let state = serde_json::to_string(&fixtures::state(fixtures::baking(1))).unwrap();
    let memory = serde_json::to_string(&fixtures::memory(1)).unwrap();
    let entry = fixtures::entry("bake", version);
    let done = sqlx::query(
        "UPDATE rollouts SET version = version + 1, phase = 'baking', holds = 1, seq = $1, head = $2, \
         state = $3, memory = $4 WHERE id = $5 AND version = $6",
    )
    .bind(version + 1)
    .bind(&hash)
    .bind(state)
    .bind(memory)
    .bind(id)
    .bind(version);
    assert_eq!(done.execute(&mut *conn).await.unwrap().rows_affected(), 1);
    let line = sqlx::query(
        "INSERT INTO journal (rollout, seq, at, actor, kind, text, detail, prev, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(version + 1)
    .bind(entry.at.micros())
    .bind(serde_json::to_string(&entry.by).unwrap())
    .bind(entry.kind)
    .bind(entry.text)
    .bind(entry.detail.to_string())
    .bind(&hash)
    .bind(&hash);
    line.execute(conn).await.unwrap();
}

/// Each submitter moves its own rollouts, one transition after the other is durable.
async fn through_port(
    store: &Arc<dyn Store>,
    rollouts: &mut Vec<Stored>,
    submitters: usize,
) -> f64 {
    let mut hands: Vec<Vec<Stored>> = vec![Vec::new(); submitters];
    for (i, rollout) in rollouts.drain(..).enumerate() {
        hands[i % submitters].push(rollout);
    }
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for hand in hands {
        tasks.spawn(submit(store.clone(), hand, start + EACH));
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        let (hand, submitted) = done.unwrap();
        count += submitted;
        rollouts.extend(hand);
    }
    rate(count, start)
}

async fn submit(
    store: Arc<dyn Store>,
    mut hand: Vec<Stored>,
    until: Instant,
) -> (Vec<Stored>, usize) {
    let mut count = 0;
    while Instant::now() < until {
        let next = count % hand.len();
        let rollout = &mut hand[next];
        let commit = fixtures::commit(rollout, fixtures::baking(1), "bake");
        let committed = store.commit(vec![commit]).await.unwrap();
        assert_eq!(committed, [Committed::Stored(rollout.version + 1)]);
        rollout.version += 1;
        count += 1;
    }
    (hand, count)
}
