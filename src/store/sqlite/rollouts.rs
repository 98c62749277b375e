//! Rollouts and their journals: starting, loading, listing. Transitions are written elsewhere.

use std::sync::Arc;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::kills;
use super::routes;
use super::sql::statements;
use super::transitions::{JOURNAL, journal_row};
use super::write::Marks;
use crate::domain::{Name, RolloutName, Timestamp};
use crate::engine::Entry;
use crate::store::{
    JournalEnd, JournalLine, ListFilter, NewRollout, Started, Stored, Summary, chain,
};

statements! {
    AHEAD[1] = "SELECT plan, number FROM rollouts WHERE route = $1 AND ended_at IS NULL \
        ORDER BY holds DESC, id LIMIT 1";
    NEXT_NUMBER[1] = "SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) AS number \
        FROM rollouts WHERE plan = $1";
    INSERT[13] = "INSERT INTO rollouts (plan, number, plan_revision, route, owner, version, phase, \
        holds, ended_at, return_until, seq, head, state, memory) \
        VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id";
    INSERT_PROGRAM[2] = "INSERT INTO programs (rollout, program) VALUES ($1, $2)";
    LOAD[2] = "SELECT r.plan, r.number, r.version, r.plan_revision, r.state, r.memory, p.program \
        FROM rollouts r JOIN programs p ON p.rollout = r.id WHERE r.plan = $1 AND r.number = $2";
    LIVE[1] = "SELECT r.plan, r.number, r.version, r.plan_revision, r.state, r.memory, p.program \
        FROM rollouts r JOIN programs p ON p.rollout = r.id \
        WHERE r.id IN (SELECT id FROM rollouts WHERE ended_at IS NULL \
            UNION SELECT id FROM rollouts WHERE return_until > $1) ORDER BY r.id";
    LINES[4] = "SELECT r.plan, r.number, j.seq, j.at, j.actor, j.kind, j.text, j.detail, j.prev, j.hash \
        FROM rollouts r JOIN journal j ON j.rollout = r.id \
        WHERE r.plan = $1 AND r.number = $2 AND j.seq > $3 ORDER BY j.seq LIMIT $4";
    ENDS[0] = "SELECT plan, number, seq, head FROM rollouts ORDER BY id";
}

pub(super) async fn start(conn: &mut SqliteConnection, new: NewRollout) -> Result<Started, Fault> {
    let route = &new.program.route;
    if let Some(kill) = kills::of_route(conn, &route.name).await? {
        return Ok(Started::Killed(kill));
    }
    let row = routes::load_or_create(conn, route, new.at).await?;
    let behind = match row.holder {
        Some(holder) => Some(holder),
        None => ahead(conn, &route.name).await?,
    };
    match behind {
        Some(holder) if !new.may_queue => Ok(Started::Busy(holder)),
        behind => Ok(Started::New { stored: Box::new(insert(conn, new).await?), behind }),
    }
}

/// Who holds the route, or waits for it the longest.
async fn ahead(conn: &mut SqliteConnection, route: &Name) -> Result<Option<RolloutName>, Fault> {
    let row = AHEAD.first(conn, [route.as_str().into()]).await?;
    row.map(|row| name(cells(&row))).transpose()
}

async fn insert(conn: &mut SqliteConnection, new: NewRollout) -> Result<Stored, Fault> {
    let name = next_name(conn, &new.program.plan.name).await?;
    let (mut line, head) = journal_row(0, &name, 1, chain::GENESIS.to_owned(), &new.entry)?;
    let marks = Marks::of(&new.state);
    let args = [
        name.plan.as_str().into(),
        name.number.into(),
        new.plan_revision.into(),
        new.program.route.name.as_str().into(),
        new.program.plan.owner.as_str().into(),
        marks.phase.into(),
        i64::from(marks.holds).into(),
        marks.ended_at.into(),
        marks.return_until.into(),
        1_i64.into(),
        head.into(),
        to_json("state", &new.state)?.into(),
        to_json("memory", &new.memory)?.into(),
    ];
    let row = INSERT.first(conn, args).await?.ok_or(sqlx::Error::RowNotFound)?;
    let id = cells(&row).int("id")?;
    line[0] = id.into();
    JOURNAL.execute(conn, vec![line]).await?;
    INSERT_PROGRAM.execute(conn, [id.into(), to_json("program", &new.program)?.into()]).await?;
    let NewRollout { program, plan_revision, state, memory, .. } = new;
    Ok(Stored { name, version: 1, plan_revision, program: Arc::new(program), state, memory })
}

async fn next_name(conn: &mut SqliteConnection, plan: &Name) -> Result<RolloutName, Fault> {
    let row = NEXT_NUMBER.first(conn, [plan.as_str().into()]).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    let number = Cells { row: &row, table: "rollout", key: &["number"] }.number("number")?;
    Ok(RolloutName { plan: plan.clone(), number })
}

pub(super) async fn load(
    conn: &mut SqliteConnection,
    name: RolloutName,
) -> Result<Option<Stored>, Fault> {
    let row = LOAD.first(conn, [name.plan.as_str().into(), name.number.into()]).await?;
    row.map(|row| stored(&row)).transpose()
}

pub(super) async fn live(
    conn: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Vec<Stored>, Fault> {
    LIVE.all(conn, [now.into()]).await?.iter().map(stored).collect()
}

/// The only statement put together at run time; `push_bind` keeps text and values in step.
pub(super) async fn list(
    conn: &mut SqliteConnection,
    filter: ListFilter,
) -> Result<Vec<Summary>, Fault> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT r.id, r.plan, r.number, r.route, r.owner, r.state, r.ended_at, p.program \
         FROM rollouts r JOIN programs p ON p.rollout = r.id WHERE TRUE",
    );
    if let Some(plan) = filter.plan {
        query.push(" AND r.plan = ").push_bind(String::from(plan));
    }
    if let Some(route) = filter.route {
        query.push(" AND r.route = ").push_bind(String::from(route));
    }
    if let Some(phase) = filter.phase {
        query.push(" AND r.phase = ").push_bind(phase);
    }
    if let Some(before) = filter.before {
        query.push(" AND r.id < ").push_bind(before);
    }
    if filter.live {
        query.push(" AND r.ended_at IS NULL");
    }
    query.push(" ORDER BY r.id DESC LIMIT ").push_bind(i64::from(filter.limit));
    query.build().fetch_all(conn).await?.iter().map(summary).collect()
}

pub(super) async fn journal(
    conn: &mut SqliteConnection,
    name: RolloutName,
    after: i64,
    limit: u32,
) -> Result<Vec<JournalLine>, Fault> {
    let args = [name.plan.as_str().into(), name.number.into(), after.into(), limit.into()];
    LINES.all(conn, args).await?.iter().map(journal_line).collect()
}

pub(super) async fn ends(conn: &mut SqliteConnection) -> Result<Vec<JournalEnd>, Fault> {
    let end = |row| {
        let cells = cells(row);
        Ok(JournalEnd { name: name(cells)?, seq: cells.int("seq")?, hash: cells.text("head")? })
    };
    ENDS.all(conn, []).await?.iter().map(end).collect()
}

fn cells(row: &SqliteRow) -> Cells<'_> {
    Cells { row, table: "rollout", key: &["plan", "number"] }
}

fn name(cells: Cells<'_>) -> Result<RolloutName, Fault> {
    Ok(RolloutName { plan: cells.parsed("plan")?, number: cells.number("number")? })
}

fn stored(row: &SqliteRow) -> Result<Stored, Fault> {
    let cells = cells(row);
    Ok(Stored {
        name: name(cells)?,
        version: cells.int("version")?,
        plan_revision: cells.number("plan_revision")?,
        program: cells.json("program")?,
        state: cells.json("state")?,
        memory: cells.json("memory")?,
    })
}

fn summary(row: &SqliteRow) -> Result<Summary, Fault> {
    let cells = cells(row);
    Ok(Summary {
        id: cells.int("id")?,
        name: name(cells)?,
        route: cells.parsed("route")?,
        owner: cells.text("owner")?,
        program: cells.json("program")?,
        state: cells.json("state")?,
        ended_at: cells.maybe_at("ended_at")?,
    })
}

fn journal_line(row: &SqliteRow) -> Result<JournalLine, Fault> {
    let cells = Cells { row, table: "journal line", key: &["plan", "number", "seq"] };
    let entry = Entry {
        at: cells.at("at")?,
        by: cells.json("actor")?,
        kind: cells.text("kind")?,
        text: cells.text("text")?,
        detail: cells.json("detail")?,
    };
    Ok(JournalLine {
        seq: cells.int("seq")?,
        entry,
        prev: cells.text("prev")?,
        hash: cells.text("hash")?,
    })
}
