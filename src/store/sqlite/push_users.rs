//! Users behind observations: each counted once, with the worst of their first ten minutes.
//!
//! Owns: who was seen when, under a keyed hash; handing them over to the counters when their time is up.
//! Does not: keep an id.

use sqlx::SqliteConnection;

use super::cells::Cells;
use super::fault::Fault;
use super::pushed::ADD;
use super::sql::{Bulk, statements};
use crate::domain::{Segment, Timestamp};
use crate::store::{PushBatch, PushedCounter, PushedSeries, USER_WINDOW};

/// A failure within ten minutes (in microseconds) of the first observation is the user's; a later one is not.
pub(super) static SEE: Bulk<7> = Bulk::new(
    "INSERT INTO push_users (route, arm, segment, user, first, failed, counted) VALUES",
    "ON CONFLICT (route, arm, segment, user) DO UPDATE SET failed = 1 \
     WHERE excluded.failed = 1 AND push_users.counted = 0 \
     AND excluded.first <= push_users.first + 600000000",
);

statements! {
    KEY[0] = "SELECT key FROM push_key";
    RIPE[1] = "SELECT route, arm, segment, COUNT(*) AS users, SUM(failed) AS failed FROM push_users \
        WHERE counted = 0 AND first < $1 GROUP BY route, arm, segment";
    COUNT[1] = "UPDATE push_users SET counted = 1 WHERE counted = 0 AND first < $1";
    ANY_RIPE[1] = "SELECT 1 FROM push_users WHERE counted = 0 AND first < $1 LIMIT 1";
    FORGET[1] = "DELETE FROM push_users WHERE counted = 1 AND first < $1";
}

/// Takes in the users of a batch. Those whose time is up are counted first: what happens now is not theirs any more.
pub(super) async fn see(conn: &mut SqliteConnection, batch: &PushBatch) -> Result<(), Fault> {
    mature(conn, batch.at).await?;
    let key = key(conn).await?;
    let route = batch.route.as_str();
    let rows = batch.users.iter().map(|user| {
        [
            route.into(),
            user.arm.as_str().into(),
            written(user.segment.as_ref()).into(),
            hash(&key, route, &user.user).into(),
            batch.at.into(),
            i64::from(user.failed).into(),
            0_i64.into(),
        ]
    });
    SEE.execute(conn, rows.collect()).await?;
    Ok(())
}

/// Counts the users whose ten minutes are over.
pub(super) async fn mature(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    let before = now.minus(USER_WINDOW);
    let mut rows = Vec::new();
    for row in &RIPE.all(conn, [before.into()]).await? {
        let cells = Cells { row, table: "group of users", key: &["route", "arm", "segment"] };
        let segment = read(cells)?;
        let counts = [(PushedCounter::Users, "users"), (PushedCounter::UsersFailed, "failed")];
        for (counter, column) in counts {
            let series = PushedSeries::of(counter, segment.clone()).to_string();
            let more = cells.number::<u32>(column)?;
            let (route, arm) = (cells.text("route")?, cells.text("arm")?);
            rows.push([
                route.into(),
                arm.into(),
                series.into(),
                f64::from(more).into(),
                now.into(),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    ADD.execute(conn, rows).await?;
    COUNT.execute(conn, [before.into()]).await?;
    Ok(())
}

/// Whether [`mature`] would count anybody.
pub(super) async fn any_ripe(conn: &mut SqliteConnection, now: Timestamp) -> Result<bool, Fault> {
    Ok(ANY_RIPE.first(conn, [now.minus(USER_WINDOW).into()]).await?.is_some())
}

pub(super) async fn forget(conn: &mut SqliteConnection, before: Timestamp) -> Result<(), Fault> {
    FORGET.execute(conn, [before.into()]).await?;
    Ok(())
}

async fn key(conn: &mut SqliteConnection) -> Result<[u8; 32], Fault> {
    let row = KEY.first(conn, []).await?.ok_or(sqlx::Error::RowNotFound)?;
    Cells { row: &row, table: "key for users", key: &[] }.hash("key")
}

/// A name cannot hold the zero byte, so that no two pairs of route and user read alike.
fn hash(key: &[u8; 32], route: &str, user: &str) -> i64 {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(route.as_bytes()).update(&[0]).update(user.as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    i64::from_le_bytes(first)
}

/// `platform=ios`; empty for everybody.
fn written(segment: Option<&Segment>) -> String {
    segment.map_or(String::new(), |s| format!("{}={}", s.attribute, s.value))
}

fn read(cells: Cells<'_>) -> Result<Option<Segment>, Fault> {
    let text = cells.text("segment")?;
    if text.is_empty() {
        return Ok(None);
    }
    let (attribute, value) =
        text.split_once('=').ok_or_else(|| cells.corrupt("segment", "it has no `=`"))?;
    Ok(Some(Segment { attribute: attribute.to_owned(), value: value.to_owned() }))
}
