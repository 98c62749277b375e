//! Plans: revisions that never change.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::sql::statements;
use crate::domain::{Name, Timestamp};
use crate::plan::Plan;
use crate::store::{PlanRow, Revision};

statements! {
    NEWEST[1] = "SELECT name, revision, parsed, text, by, at FROM plans WHERE name = $1 \
        ORDER BY revision DESC LIMIT 1";
    ONE[2] = "SELECT name, revision, parsed, text, by, at FROM plans \
        WHERE name = $1 AND revision = $2";
    ALL[0] = "SELECT name, revision, parsed, text, by, at FROM plans p WHERE revision = \
        (SELECT MAX(revision) FROM plans q WHERE q.name = p.name) ORDER BY name";
    REVISIONS[1] = "SELECT name, revision, parsed, text, by, at FROM plans WHERE name = $1 \
        ORDER BY revision DESC";
    LAST[1] = "SELECT name, revision, text FROM plans WHERE name = $1 \
        ORDER BY revision DESC LIMIT 1";
    INSERT[6] = "INSERT INTO plans (name, revision, parsed, text, by, at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
}

/// The text of the newest revision again is that revision; an older text is a new revision, for the newest is what starts.
pub(super) async fn apply(
    conn: &mut SqliteConnection,
    plan: Plan,
    text: String,
    by: String,
    at: Timestamp,
) -> Result<Revision, Fault> {
    let mut number = 1;
    if let Some(row) = LAST.first(conn, [plan.name.as_str().into()]).await? {
        let last: u32 = cells(&row).number("revision")?;
        if cells(&row).text("text")? == text {
            return Ok(Revision { number: last, created: false });
        }
        number = last + 1;
    }
    let parsed = to_json("plan", &plan)?;
    let args = [
        plan.name.as_str().into(),
        number.into(),
        parsed.into(),
        text.into(),
        by.into(),
        at.into(),
    ];
    INSERT.execute(conn, args).await?;
    Ok(Revision { number, created: true })
}

pub(super) async fn load(
    conn: &mut SqliteConnection,
    name: Name,
    revision: Option<u32>,
) -> Result<Option<PlanRow>, Fault> {
    let name = name.as_str().into();
    let row = match revision {
        Some(revision) => ONE.first(conn, [name, revision.into()]).await?,
        None => NEWEST.first(conn, [name]).await?,
    };
    row.map(|row| plan_row(&row)).transpose()
}

/// The newest revision of each.
pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<PlanRow>, Fault> {
    ALL.all(conn, []).await?.iter().map(plan_row).collect()
}

/// Newest first.
pub(super) async fn revisions(
    conn: &mut SqliteConnection,
    name: Name,
) -> Result<Vec<PlanRow>, Fault> {
    REVISIONS.all(conn, [name.as_str().into()]).await?.iter().map(plan_row).collect()
}

fn cells(row: &SqliteRow) -> Cells<'_> {
    Cells { row, table: "plan", key: &["name", "revision"] }
}

fn plan_row(row: &SqliteRow) -> Result<PlanRow, Fault> {
    let cells = cells(row);
    Ok(PlanRow {
        plan: cells.json("parsed")?,
        revision: cells.number("revision")?,
        text: cells.text("text")?,
        by: cells.text("by")?,
        at: cells.at("at")?,
    })
}
