//! Pushed observations: cumulative counters, and the batches counted already.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::KEPT;
use super::cells::Cells;
use super::fault::Fault;
use super::sql::{Arg, Bulk, statements};
use crate::domain::Name;
use crate::store::{PushBatch, PushedCount};

pub(super) static ADD: Bulk<5> = Bulk::new(
    "INSERT INTO pushed (route, arm, requests, failures, updated) VALUES",
    "ON CONFLICT (route, arm) DO UPDATE SET requests = pushed.requests + excluded.requests, \
     failures = pushed.failures + excluded.failures, updated = excluded.updated",
);

statements! {
    BATCH[3] = "INSERT INTO push_batches (route, batch, at) VALUES ($1, $2, $3) \
        ON CONFLICT (route, batch) DO NOTHING";
    PRUNE[1] = "DELETE FROM push_batches WHERE (route, batch) IN \
        (SELECT route, batch FROM push_batches WHERE at < $1 LIMIT 100)";
    COUNTS[1] = "SELECT route, arm, requests, failures, updated FROM pushed WHERE route = $1 \
        ORDER BY arm";
}

pub(super) async fn push(conn: &mut SqliteConnection, batch: PushBatch) -> Result<bool, Fault> {
    let route = batch.route.as_str();
    let id = [route.into(), batch.batch.into(), batch.at.into()];
    if BATCH.execute(conn, id).await? == 0 {
        return Ok(false);
    }
    let rows = batch.counts.into_iter().map(|(arm, delta)| {
        [route.into(), arm.into(), count(delta.requests), count(delta.failures), batch.at.into()]
    });
    ADD.execute(conn, rows.collect()).await?;
    PRUNE.execute(conn, [batch.at.minus(KEPT).into()]).await?;
    Ok(true)
}

/// Saturates: nobody sends 2^63 requests in a batch. A sum beyond is refused by the column's type.
fn count(value: u64) -> Arg {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

pub(super) async fn counts(
    conn: &mut SqliteConnection,
    route: Name,
) -> Result<Vec<PushedCount>, Fault> {
    COUNTS.all(conn, [route.as_str().into()]).await?.iter().map(pushed_row).collect()
}

fn pushed_row(row: &SqliteRow) -> Result<PushedCount, Fault> {
    let cells = Cells { row, table: "pushed count", key: &["route", "arm"] };
    Ok(PushedCount {
        arm: cells.text("arm")?,
        requests: cells.number("requests")?,
        failures: cells.number("failures")?,
        updated: cells.at("updated")?,
    })
}
