//! Routes: their definitions, and who serves. The split itself changes with a transition only.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::sql::statements;
use crate::domain::{Generation, Name, Side, Timestamp};
use crate::plan::Route;
use crate::store::{Applied, RouteRow};

statements! {
    LOAD[1] = "SELECT name, definition, generation, share, overrides, serving, label_a, label_b, holder, \
        last_completed, learned, changed_at FROM routes WHERE name = $1";
    ALL[0] = "SELECT name, definition, generation, share, overrides, serving, label_a, label_b, holder, \
        last_completed, learned, changed_at FROM routes ORDER BY name";
    INSERT[4] = "INSERT INTO routes (name, definition, generation, share, serving, label_a, changed_at) \
        VALUES ($1, $2, 0, 0, 'a', $3, $4)";
    REDEFINE[5] = "UPDATE routes SET definition = $1, label_a = $2, label_b = $3, changed_at = $4 \
        WHERE name = $5";
}

pub(super) async fn apply(
    conn: &mut SqliteConnection,
    route: Route,
    at: Timestamp,
) -> Result<Applied, Fault> {
    let Some(old) = load(conn, route.name.clone()).await? else {
        insert(conn, &route, at).await?;
        return Ok(Applied::Created);
    };
    if old.route == route {
        return Ok(Applied::Unchanged);
    }
    if let Some(holder) = old.holder {
        return Ok(Applied::Held(holder));
    }
    let [mut a, mut b] = old.labels;
    let serving = if old.serving == Side::A { &mut a } else { &mut b };
    // What a rollout made of the label counts more than what the file says.
    *serving = serving.take().or_else(|| route.serves.clone());
    let definition = to_json("route", &route)?;
    let args = [definition.into(), a.into(), b.into(), at.into(), route.name.as_str().into()];
    REDEFINE.execute(conn, args).await?;
    Ok(Applied::Changed)
}

pub(super) async fn load(
    conn: &mut SqliteConnection,
    name: Name,
) -> Result<Option<RouteRow>, Fault> {
    let row = LOAD.first(conn, [name.as_str().into()]).await?;
    row.map(|row| route_row(&row)).transpose()
}

/// The stored route; a plan's inline route is stored with its first rollout.
pub(super) async fn load_or_create(
    conn: &mut SqliteConnection,
    route: &Route,
    at: Timestamp,
) -> Result<RouteRow, Fault> {
    if let Some(row) = load(conn, route.name.clone()).await? {
        return Ok(row);
    }
    insert(conn, route, at).await?;
    let row = load(conn, route.name.clone()).await?;
    row.ok_or(Fault::Sql(sqlx::Error::RowNotFound))
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<RouteRow>, Fault> {
    ALL.all(conn, []).await?.iter().map(route_row).collect()
}

/// Side A serves all until a rollout says otherwise.
async fn insert(conn: &mut SqliteConnection, route: &Route, at: Timestamp) -> Result<(), Fault> {
    let definition = to_json("route", route)?;
    let args =
        [route.name.as_str().into(), definition.into(), route.serves.clone().into(), at.into()];
    INSERT.execute(conn, args).await?;
    Ok(())
}

fn route_row(row: &SqliteRow) -> Result<RouteRow, Fault> {
    let cells = Cells { row, table: "route", key: &["name"] };
    let serving = match cells.text("serving")?.as_str() {
        "a" => Side::A,
        "b" => Side::B,
        other => return Err(cells.corrupt("serving", format!("`{other}` is no side"))),
    };
    Ok(RouteRow {
        route: cells.json("definition")?,
        generation: Generation(cells.int("generation")?),
        share: cells.weight("share")?,
        overrides: cells.json("overrides")?,
        serving,
        labels: [cells.maybe_text("label_a")?, cells.maybe_text("label_b")?],
        holder: cells.maybe_parsed("holder")?,
        last_completed: cells.maybe_parsed("last_completed")?,
        learned: cells.maybe_json("learned")?.unwrap_or_default(),
        changed_at: cells.at("changed_at")?,
    })
}
