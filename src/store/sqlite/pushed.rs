//! Pushed observations: cumulative counters, and the batches counted already.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::KEPT;
use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::push_users;
use super::sql::{Bulk, statements};
use crate::domain::{Name, Timestamp};
use crate::store::{Counted, MOST_NAMES, PushBatch, PushedCount, TooMany};

pub(super) static ADD: Bulk<5> = Bulk::new(
    "INSERT INTO push_counters (route, arm, series, value, updated) VALUES",
    "ON CONFLICT (route, arm, series) DO UPDATE SET value = push_counters.value + excluded.value, \
     updated = excluded.updated",
);

/// Of names seen a moment ago nothing need be written.
pub(super) static NAME: Bulk<4> = Bulk::new(
    "INSERT INTO push_names (route, attribute, name, seen) VALUES",
    "ON CONFLICT (route, attribute, name) DO UPDATE SET seen = excluded.seen \
     WHERE excluded.seen > push_names.seen + 3600000000",
);

statements! {
    BATCH[3] = "INSERT INTO push_batches (route, batch, at) VALUES ($1, $2, $3) \
        ON CONFLICT (route, batch) DO NOTHING";
    PRUNE[1] = "DELETE FROM push_batches WHERE (route, batch) IN \
        (SELECT route, batch FROM push_batches WHERE at < $1 LIMIT 100)";
    NAMES[2] = "SELECT name FROM push_names WHERE route = $1 AND attribute = $2";
    ATTRIBUTES[1] = "SELECT DISTINCT attribute FROM push_names WHERE route = $1 AND attribute <> ''";
    COUNTS[2] = "SELECT route, arm, series, value, updated FROM push_counters \
        WHERE route = $1 AND arm IN (SELECT value FROM json_each($2)) ORDER BY arm, series";
    FORGET_COUNTERS[1] = "DELETE FROM push_counters WHERE updated < $1";
    FORGET_NAMES[1] = "DELETE FROM push_names WHERE seen < $1";
}

pub(super) async fn push(conn: &mut SqliteConnection, batch: PushBatch) -> Result<Counted, Fault> {
    let route = batch.route.as_str();
    let names = batch.names();
    if let Some(many) = too_many(conn, route, &names).await? {
        return Ok(Counted::TooMany(many));
    }
    let id = [route.into(), batch.batch.as_str().into(), batch.at.into()];
    if BATCH.execute(conn, id).await? == 0 {
        return Ok(Counted::Before);
    }
    let names = names.iter().flat_map(|(a, names)| names.iter().map(move |name| (a, name)));
    let names = names
        .map(|(a, name)| [route.into(), a.as_str().into(), name.as_str().into(), batch.at.into()]);
    NAME.execute(conn, names.collect()).await?;
    let rows = batch.counts.iter().flat_map(|(arm, counts)| {
        counts.iter().map(|(series, more)| {
            let series = series.to_string();
            [route.into(), arm.as_str().into(), series.into(), (*more).into(), batch.at.into()]
        })
    });
    ADD.execute(conn, rows.collect()).await?;
    if !batch.users.is_empty() {
        push_users::see(conn, &batch).await?;
    }
    PRUNE.execute(conn, [batch.at.minus(KEPT).into()]).await?;
    Ok(Counted::New)
}

async fn too_many(
    conn: &mut SqliteConnection,
    route: &str,
    names: &BTreeMap<String, BTreeSet<String>>,
) -> Result<Option<TooMany>, Fault> {
    for (attribute, names) in names {
        let known = NAMES.all(conn, [route.into(), attribute.as_str().into()]).await?;
        if all(known, "name", names)?.len() > MOST_NAMES {
            let numbers = attribute.is_empty();
            let values = || TooMany::Values(attribute.clone());
            return Ok(Some(if numbers { TooMany::Numbers } else { values() }));
        }
    }
    let attributes: BTreeSet<String> =
        names.keys().filter(|attribute| !attribute.is_empty()).cloned().collect();
    if attributes.is_empty() {
        return Ok(None);
    }
    let known = ATTRIBUTES.all(conn, [route.into()]).await?;
    let many = all(known, "attribute", &attributes)?.len() > MOST_NAMES;
    Ok(many.then_some(TooMany::Attributes))
}

/// What is stored and what is new.
fn all(
    known: Vec<SqliteRow>,
    column: &str,
    new: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Fault> {
    let cells = |row| Cells { row, table: "pushed name", key: &[] };
    let known = known.iter().map(|row| cells(row).text(column));
    known.chain(new.iter().cloned().map(Ok)).collect()
}

pub(super) async fn counts(
    conn: &mut SqliteConnection,
    route: Name,
    arms: BTreeSet<String>,
) -> Result<Vec<PushedCount>, Fault> {
    let arms = to_json("list of arms", &arms)?;
    COUNTS.all(conn, [route.as_str().into(), arms.into()]).await?.iter().map(pushed_row).collect()
}

/// Counters of arms that nobody sends any more. One that comes back begins at zero, like a program that restarts.
pub(super) async fn forget(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    let before = now.minus(KEPT);
    FORGET_COUNTERS.execute(conn, [before.into()]).await?;
    FORGET_NAMES.execute(conn, [before.into()]).await?;
    push_users::forget(conn, before).await
}

fn pushed_row(row: &SqliteRow) -> Result<PushedCount, Fault> {
    let cells = Cells { row, table: "pushed count", key: &["route", "arm", "series"] };
    Ok(PushedCount {
        arm: cells.text("arm")?,
        series: cells.parsed("series")?,
        value: cells.real("value")?,
        updated: cells.at("updated")?,
    })
}
