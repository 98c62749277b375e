//! Kill switches: a row per route while it stands.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::sql::statements;
use crate::domain::Name;
use crate::store::Kill;

statements! {
    INSERT[4] = "INSERT INTO kills (route, actor, because, at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (route) DO NOTHING";
    DELETE[1] = "DELETE FROM kills WHERE route = $1";
    ONE[1] = "SELECT route, actor, because, at FROM kills WHERE route = $1";
    ALL[0] = "SELECT route, actor, because, at FROM kills ORDER BY route";
}

/// The first kill stays, with its who and why.
pub(super) async fn kill(conn: &mut SqliteConnection, kill: Kill) -> Result<(), Fault> {
    let actor = to_json("actor", &kill.by)?;
    let args = [kill.route.as_str().into(), actor.into(), kill.because.into(), kill.at.into()];
    INSERT.execute(conn, args).await?;
    Ok(())
}

pub(super) async fn unkill(conn: &mut SqliteConnection, route: Name) -> Result<bool, Fault> {
    Ok(DELETE.execute(conn, [route.as_str().into()]).await? > 0)
}

pub(super) async fn of_route(
    conn: &mut SqliteConnection,
    route: &Name,
) -> Result<Option<Kill>, Fault> {
    let row = ONE.first(conn, [route.as_str().into()]).await?;
    row.map(|row| kill_row(&row)).transpose()
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<Kill>, Fault> {
    ALL.all(conn, []).await?.iter().map(kill_row).collect()
}

fn kill_row(row: &SqliteRow) -> Result<Kill, Fault> {
    let cells = Cells { row, table: "kill", key: &["route"] };
    Ok(Kill {
        route: cells.parsed("route")?,
        by: cells.json("actor")?,
        because: cells.text("because")?,
        at: cells.at("at")?,
    })
}
