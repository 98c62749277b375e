//! What several views share: instants, problems, pages, the journal.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Timestamp;
use crate::plan::Problem;

/// An instant, in JSON as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime, example = "2026-11-25T14:30:20.412000Z")]
pub struct At(pub Timestamp);

impl From<Timestamp> for At {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<At> for String {
    fn from(At(at): At) -> Self {
        // Beyond chrono's years there is only "never".
        let utc = at.utc().unwrap_or(DateTime::<Utc>::MAX_UTC);
        utc.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }
}

impl TryFrom<String> for At {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let at = DateTime::parse_from_rfc3339(text.trim_start_matches('+'));
        match at {
            Ok(at) => Ok(Self(Timestamp::from_utc(at.to_utc()))),
            // What was too late to write as a date is too late to read as one.
            Err(_) if text.starts_with('+') => Ok(Self(Timestamp::from_micros(i64::MAX))),
            Err(_) => Err("not an instant like 2026-11-25T14:30:20Z".to_owned()),
        }
    }
}

/// An error, as RFC 9457 has it (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// A stable word for programs behind `/problems/`: `not-found`, `refused`, `invalid-plan`, `busy`, `killed`,
    /// `unauthenticated`, `forbidden`, `unavailable`, `conflict`, `bad-request`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// A sentence: what is wrong and what to do instead.
    pub detail: String,
    /// Of a plan text that was sent: every problem with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemView>,
}

/// One problem of a plan text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemView {
    /// `error` or `warn`.
    pub severity: String,
    /// The file's name as the sender gave it.
    pub path: String,
    /// From 1; 0 when the problem is the file as a whole.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The whole problem as a terminal shows it, its source line underlined.
    pub text: String,
}

impl From<&Problem> for ProblemView {
    fn from(problem: &Problem) -> Self {
        let severity = match problem.severity {
            crate::plan::Severity::Error => "error",
            crate::plan::Severity::Warn => "warn",
        };
        Self {
            severity: severity.to_owned(),
            path: problem.path.clone(),
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            mend: problem.mend.clone(),
            notes: problem.notes.clone(),
            text: problem.to_string(),
        }
    }
}

/// One line of a rollout's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalLineView {
    /// From 1.
    pub seq: i64,
    pub at: At,
    /// Who did it, in words: a person's name, `the judge`, `the engine`.
    pub by: String,
    /// A stable word: `started`, `shift`, `confirmed`, `verdict`, `paused`, `reverting`, ...
    pub kind: String,
    pub text: String,
    /// Before, after, and the numbers behind it.
    pub detail: serde_json::Value,
    /// BLAKE3 of this line and the one before, in hex.
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalPage {
    pub lines: Vec<JournalLineView>,
    /// Send it as `after` for the lines that follow; absent on the last page.
    pub next: Option<i64>,
}

/// One thing that happened; the `data` of a server-sent event named `change`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    pub rollout: String,
    pub route: String,
    /// The journal line's kind, or `look` for new numbers that changed nothing else.
    pub kind: String,
    pub text: String,
    pub at: At,
    /// The phase's word afterwards.
    pub phase: String,
}

/// Whether the hash chains of the journals hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditAnswer {
    pub intact: bool,
    pub journals: u64,
    pub lines: u64,
    /// What is wrong, a sentence each.
    pub broken: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub name: String,
    /// `viewer`, `provider`, `operator`, `approver` or `admin`.
    pub role: String,
    /// What its holder belongs to, for gates.
    pub groups: Vec<String>,
    pub created_at: At,
    pub revoked_at: Option<At>,
}

/// The only answer that has a token's text in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewTokenAnswer {
    /// To be kept by its owner; it cannot be shown again.
    pub token: String,
    pub view: TokenView,
}

/// Who asks, as the server sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    pub name: String,
    pub role: String,
    pub groups: Vec<String>,
    /// Through the local socket, without a token.
    pub local: bool,
    /// The server's version.
    pub version: String,
}
