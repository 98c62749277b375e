//! Instances that carry a route's traffic, and what they acknowledged.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::cells::Cells;
use super::fault::Fault;
use super::sql::{Arg, Bulk, statements};
use crate::domain::{Generation, Name};
use crate::store::InstanceRow;

pub(super) static SAVE: Bulk<8> = Bulk::new(
    "INSERT INTO instances \
     (route, node, boot, acknowledged, served, served_for, seen, metrics) VALUES",
    "ON CONFLICT (route, node) DO UPDATE SET boot = excluded.boot, \
     acknowledged = excluded.acknowledged, served = excluded.served, \
     served_for = excluded.served_for, seen = excluded.seen, metrics = excluded.metrics",
);

statements! {
    ALL[0] = "SELECT route, node, boot, acknowledged, served, served_for, seen, metrics \
        FROM instances ORDER BY route, node";
    FORGET[2] = "DELETE FROM instances WHERE route = $1 AND node = $2";
}

pub(super) async fn save(conn: &mut SqliteConnection, rows: Vec<InstanceRow>) -> Result<(), Fault> {
    SAVE.execute(conn, rows.into_iter().map(args).collect()).await?;
    Ok(())
}

fn args(row: InstanceRow) -> [Arg; 8] {
    [
        row.route.as_str().into(),
        row.node.into(),
        row.boot.into(),
        row.acknowledged.0.into(),
        row.served.into(),
        row.served_for.map(|r| r.to_string()).into(),
        row.seen.into(),
        row.metrics.into(),
    ]
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<InstanceRow>, Fault> {
    ALL.all(conn, []).await?.iter().map(instance_row).collect()
}

pub(super) async fn forget(
    conn: &mut SqliteConnection,
    route: Name,
    node: String,
) -> Result<bool, Fault> {
    Ok(FORGET.execute(conn, [route.as_str().into(), node.into()]).await? > 0)
}

fn instance_row(row: &SqliteRow) -> Result<InstanceRow, Fault> {
    let cells = Cells { row, table: "instance", key: &["route", "node"] };
    Ok(InstanceRow {
        route: cells.parsed("route")?,
        node: cells.text("node")?,
        boot: cells.text("boot")?,
        acknowledged: Generation(cells.int("acknowledged")?),
        served: cells.weight("served")?,
        served_for: cells.maybe_parsed("served_for")?,
        seen: cells.at("seen")?,
        metrics: cells.maybe_text("metrics")?,
    })
}
