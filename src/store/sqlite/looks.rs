//! Looks as they were judged. They come in with a transition.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::sql::{Arg, Bulk, statements};
use crate::domain::{RolloutName, Timestamp};
use crate::engine::Memory;
use crate::judge::Chunk;
use crate::store::{KeptLooks, StoreError};

/// A look stored twice stays what it was.
pub(super) static LOOKS: Bulk<7> = Bulk::new(
    "INSERT INTO looks (rollout, seq, first, last, looks, start, chunk) VALUES",
    "ON CONFLICT (rollout, seq) DO NOTHING",
);

statements! {
    PAGE[4] = "SELECT r.plan, r.number, l.seq, l.first, l.last, l.looks, l.start, l.chunk \
        FROM rollouts r JOIN looks l ON l.rollout = r.id \
        WHERE r.plan = $1 AND r.number = $2 AND l.seq > $3 ORDER BY l.seq LIMIT $4";
    DROP_ONE[1] = "DELETE FROM looks WHERE rollout IN \
        (SELECT l.rollout FROM looks l JOIN rollouts r ON r.id = l.rollout \
        WHERE l.seq = 1 AND r.ended_at < $1 LIMIT 1)";
}

/// A chunk on its way to the writer.
#[derive(Debug)]
pub(super) struct LookRow {
    seq: i64,
    start: Option<String>,
    chunk: Chunk,
}

impl LookRow {
    pub(super) fn of(memory: &Memory) -> Result<Option<Self>, StoreError> {
        let Some(KeptLooks { number, start, chunk }) = KeptLooks::of(memory) else {
            return Ok(None);
        };
        let start = start.map(|evidence| to_json("evidence", &evidence)).transpose()?;
        Ok(Some(Self { seq: number.cast_signed(), start, chunk }))
    }

    pub(super) fn args(&self, rollout: i64) -> [Arg; 7] {
        [
            rollout.into(),
            self.seq.into(),
            self.chunk.first.into(),
            self.chunk.last.into(),
            self.chunk.looks.into(),
            self.start.as_deref().into(),
            Arg::Blob(self.chunk.bytes.clone()),
        ]
    }
}

pub(super) async fn page(
    conn: &mut SqliteConnection,
    name: RolloutName,
    after: u64,
    limit: u32,
) -> Result<Vec<KeptLooks>, Fault> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let args = [name.plan.as_str().into(), name.number.into(), after.into(), limit.into()];
    PAGE.all(conn, args).await?.iter().map(kept).collect()
}

pub(super) async fn drop_one(
    conn: &mut SqliteConnection,
    ended_before: Timestamp,
) -> Result<bool, Fault> {
    Ok(DROP_ONE.execute(conn, [ended_before.into()]).await? > 0)
}

fn kept(row: &SqliteRow) -> Result<KeptLooks, Fault> {
    let cells = Cells { row, table: "look", key: &["plan", "number", "seq"] };
    let bytes: Vec<u8> = row.try_get("chunk").map_err(|e| cells.corrupt("chunk", e))?;
    let start = cells.maybe_text("start")?;
    let start = start.map(|text| serde_json::from_str(&text)).transpose();
    Ok(KeptLooks {
        number: cells.number("seq")?,
        start: start.map_err(|e| cells.corrupt("start", e))?,
        chunk: Chunk {
            looks: cells.number("looks")?,
            first: cells.at("first")?,
            last: cells.at("last")?,
            bytes,
        },
    })
}
