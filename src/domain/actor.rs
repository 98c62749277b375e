//! Who did something.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// Somebody with a token.
    Token,
    /// Somebody on the server's own host, through the local socket: no token was asked for.
    Local,
    /// The judge: evidence decided.
    Judge,
    /// The engine: time, a confirmation or a limit of the plan decided.
    Engine,
}

/// Who did something, as the journal names them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    pub kind: ActorKind,
    /// The token's name, or the system user at the local socket; empty for judge and engine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Actor {
    pub fn judge() -> Self {
        Self { kind: ActorKind::Judge, name: String::new() }
    }

    pub fn engine() -> Self {
        Self { kind: ActorKind::Engine, name: String::new() }
    }

    pub fn token(name: impl Into<String>) -> Self {
        Self { kind: ActorKind::Token, name: name.into() }
    }

    pub fn local(name: impl Into<String>) -> Self {
        Self { kind: ActorKind::Local, name: name.into() }
    }

    pub fn is_person(&self) -> bool {
        matches!(self.kind, ActorKind::Token | ActorKind::Local)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActorKind::Token => f.write_str(&self.name),
            ActorKind::Local => write!(f, "{} (on the server's own host, no token)", self.name),
            ActorKind::Judge => f.write_str("the judge"),
            ActorKind::Engine => f.write_str("the engine"),
        }
    }
}
