//! Effects that leave through the outbox. They come in with a transition.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::KEPT;
use super::cells::Cells;
use super::fault::Fault;
use super::sql::statements;
use crate::domain::{RolloutName, Timestamp};
use crate::store::OutboxRow;

statements! {
    OPEN[0] = "SELECT o.id, r.plan, r.number, o.effect, o.tries, o.next \
        FROM outbox o JOIN rollouts r ON r.id = o.rollout WHERE o.done_at IS NULL ORDER BY o.id";
    DONE[2] = "UPDATE outbox SET done_at = $1 WHERE id = $2 AND done_at IS NULL";
    FAILED[3] = "UPDATE outbox SET tries = $1, next = $2 WHERE id = $3";
    PRUNE[1] = "DELETE FROM outbox WHERE id IN \
        (SELECT id FROM outbox WHERE done_at < $1 LIMIT 100)";
}

pub(super) async fn open(conn: &mut SqliteConnection) -> Result<Vec<OutboxRow>, Fault> {
    OPEN.all(conn, []).await?.iter().map(outbox_row).collect()
}

pub(super) async fn done(conn: &mut SqliteConnection, id: i64, at: Timestamp) -> Result<(), Fault> {
    DONE.execute(conn, [at.into(), id.into()]).await?;
    PRUNE.execute(conn, [at.minus(KEPT).into()]).await?;
    Ok(())
}

pub(super) async fn failed(
    conn: &mut SqliteConnection,
    id: i64,
    tries: u32,
    next: Timestamp,
) -> Result<(), Fault> {
    FAILED.execute(conn, [tries.into(), next.into(), id.into()]).await?;
    Ok(())
}

fn outbox_row(row: &SqliteRow) -> Result<OutboxRow, Fault> {
    let cells = Cells { row, table: "outbox row", key: &["id"] };
    Ok(OutboxRow {
        id: cells.int("id")?,
        rollout: RolloutName { plan: cells.parsed("plan")?, number: cells.number("number")? },
        effect: cells.json("effect")?,
        tries: cells.number("tries")?,
        next: cells.at("next")?,
    })
}
