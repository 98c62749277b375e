//! Why something happened or waits, worded once for journal, terminal, page and notice.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Actor, RolloutName, Weight, human};

/// What keeps us from knowing. Only [`Doubt::Thin`] may ever advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "doubt", content = "detail")]
pub enum Doubt {
    /// Too little data to say; the text names what is missing.
    Thin(String),
    /// The source is down, stale or senseless; the text names which and how.
    Blind(String),
    /// The canary should be getting requests and is not.
    Silent(String),
    /// Both arms are worse than before the shift.
    Shared(String),
}

impl Doubt {
    /// The one word people see in lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Thin(_) => "thin",
            Self::Blind(_) => "blind",
            Self::Silent(_) => "silent",
            Self::Shared(_) => "shared",
        }
    }

    pub fn detail(&self) -> &str {
        match self {
            Self::Thin(d) | Self::Blind(d) | Self::Silent(d) | Self::Shared(d) => d,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.detail())
    }
}

/// Why traffic goes back, a rollout pauses, or it stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// The judge: evidence of harm crossed its limit, or a plain limit was broken.
    Regression {
        check: String,
        sentence: String,
    },
    /// Both arms are worse than before the shift: a limit on both together was broken.
    Shared {
        check: String,
        sentence: String,
    },
    /// The canary should have been getting requests and was not.
    Silence {
        lasted: Duration,
    },
    /// Doubt outlasted `bake_at_most`, and the plan says what then.
    Doubted {
        doubt: Doubt,
    },
    Person {
        by: Actor,
        because: String,
    },
    Kill {
        by: Actor,
        because: String,
    },
    Superseded {
        by: RolloutName,
    },
    GateTimedOut {
        step: usize,
        after: Duration,
    },
    HookFailed {
        hook: String,
        detail: String,
    },
    /// `give_up`: nothing stays half-way unnoticed.
    GaveUp {
        after: Duration,
    },
    /// A hand at the proxy lowered the canary's share.
    HandEdit {
        instance: String,
        seen: Weight,
        wish: Weight,
    },
    /// The share users really get differs from the wish beyond chance.
    Mismatch {
        detail: String,
    },
    /// The engine broke one of its own laws; raising is frozen.
    Violation {
        law: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regression { check, sentence } | Self::Shared { check, sentence } => {
                write!(f, "{check}: {sentence}")
            }
            Self::Silence { lasted } => {
                write!(f, "the canary was silent for {} while the baseline was not", human(*lasted))
            }
            Self::Doubted { doubt } => write!(f, "in doubt for too long: {doubt}"),
            Self::Person { by, because } => {
                f.write_str(&reasoned(&format!("asked by {by}"), because))
            }
            Self::Kill { by, because } => {
                f.write_str(&reasoned(&format!("kill switch pulled by {by}"), because))
            }
            Self::Superseded { by } => write!(f, "superseded by {by}"),
            Self::GateTimedOut { step, after } => {
                write!(f, "nobody approved step {} within {}", step + 1, human(*after))
            }
            Self::HookFailed { hook, detail } => write!(f, "hook `{hook}` failed: {detail}"),
            Self::GaveUp { after } => write!(f, "not finished within {}", human(*after)),
            Self::HandEdit { instance, seen, wish } => {
                write!(f, "a hand at {instance} lowered the canary to {seen} (the wish is {wish})")
            }
            Self::Mismatch { detail } => f.write_str(detail),
            Self::Violation { law } => {
                write!(f, "law {law}; nothing is raised until a person looks")
            }
        }
    }
}

/// What happened, and a person's own words for why, if they gave any.
pub fn reasoned(what: &str, because: &str) -> String {
    if because.is_empty() { what.to_owned() } else { format!("{what}: {because}") }
}
