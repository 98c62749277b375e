//! Tokens, and answers kept under the callers' keys: what the API needs besides rollouts.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::KEPT;
use super::cells::{Cells, to_json};
use super::fault::Fault;
use super::sql::statements;
use crate::domain::Timestamp;
use crate::store::{Answered, Role, StoreError, TokenRow};

statements! {
    INSERT[6] = "INSERT INTO tokens (hash, name, role, groups, created, revoked) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_HASH[1] = "SELECT hash, name, role, groups, created, revoked FROM tokens \
        WHERE hash = $1 AND revoked IS NULL";
    ALL[0] = "SELECT hash, name, role, groups, created, revoked FROM tokens \
        ORDER BY name, created";
    REVOKE[2] = "UPDATE tokens SET revoked = $1 WHERE name = $2 AND revoked IS NULL";
    ANSWERED[2] = "SELECT scope, key, request, status, body FROM answers \
        WHERE scope = $1 AND key = $2";
    REMEMBER[6] = "INSERT INTO answers (scope, key, request, status, body, at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, key) DO NOTHING";
    PRUNE[1] = "DELETE FROM answers WHERE (scope, key) IN \
        (SELECT scope, key FROM answers WHERE at < $1 LIMIT 100)";
}

/// Two tokens in force never share a name: the journal names people by it.
pub(super) async fn add(conn: &mut SqliteConnection, token: TokenRow) -> Result<(), Fault> {
    let args = [
        (&token.hash).into(),
        token.name.as_str().into(),
        to_json("role", &token.role)?.into(),
        to_json("groups", &token.groups)?.into(),
        token.created.into(),
        token.revoked.into(),
    ];
    match INSERT.execute(conn, args).await {
        Err(fault) if fault.is_unique_violation() => {
            Err(StoreError::Taken { what: format!("token `{}`", token.name) }.into())
        }
        other => other.map(|_| ()),
    }
}

pub(super) async fn by_hash(
    conn: &mut SqliteConnection,
    hash: [u8; 32],
) -> Result<Option<TokenRow>, Fault> {
    let row = BY_HASH.first(conn, [(&hash).into()]).await?;
    row.map(|row| token_row(&row)).transpose()
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<TokenRow>, Fault> {
    ALL.all(conn, []).await?.iter().map(token_row).collect()
}

pub(super) async fn revoke(
    conn: &mut SqliteConnection,
    name: String,
    at: Timestamp,
) -> Result<bool, Fault> {
    Ok(REVOKE.execute(conn, [at.into(), name.into()]).await? > 0)
}

pub(super) async fn answered(
    conn: &mut SqliteConnection,
    scope: String,
    key: String,
) -> Result<Option<Answered>, Fault> {
    let row = ANSWERED.first(conn, [scope.into(), key.into()]).await?;
    row.map(|row| answered_row(&row)).transpose()
}

/// The first answer stays.
pub(super) async fn remember(
    conn: &mut SqliteConnection,
    scope: String,
    key: String,
    answer: Answered,
    at: Timestamp,
) -> Result<(), Fault> {
    let status = i64::from(answer.status).into();
    let args =
        [scope.into(), key.into(), (&answer.request).into(), status, answer.body.into(), at.into()];
    REMEMBER.execute(conn, args).await?;
    PRUNE.execute(conn, [at.minus(KEPT).into()]).await?;
    Ok(())
}

fn token_row(row: &SqliteRow) -> Result<TokenRow, Fault> {
    let cells = Cells { row, table: "token", key: &["name"] };
    Ok(TokenRow {
        name: cells.text("name")?,
        hash: cells.hash("hash")?,
        role: cells.json::<Role>("role")?,
        groups: cells.json("groups")?,
        created: cells.at("created")?,
        revoked: cells.maybe_at("revoked")?,
    })
}

fn answered_row(row: &SqliteRow) -> Result<Answered, Fault> {
    let cells = Cells { row, table: "answer", key: &["scope", "key"] };
    Ok(Answered {
        request: cells.hash("request")?,
        status: cells.number("status")?,
        body: cells.text("body")?,
    })
}
