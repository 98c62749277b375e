//! Why a command did not do what was asked, and what to do about it.

use std::io;

use serde::Deserialize;
use serde_json::json;

use super::exit::Exit;
use crate::api::views::ProblemView;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something in the command line; the mend says what to write.
    #[error("{what}")]
    Usage { what: String, mend: String },
    /// Mistakes in files.
    #[error("{what}")]
    Files { what: String, problems: Vec<ProblemView> },
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: String,
        #[source]
        source: io::Error,
    },
    /// The server understood and said no.
    #[error("{}", .0.sentence())]
    Refused(Box<Refusal>),
    #[error("no tidegate answers at {at}")]
    Unreachable {
        at: String,
        mend: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It answered, and not as a Tidegate of this version does.
    #[error("{at} answered in a way that cannot be understood: {detail}")]
    Strange { at: String, detail: String },
    /// The service that was to run here did not start or broke.
    #[error("the service {doing}")]
    Service {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The server's problem details (RFC 9457), as far as people read them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Refusal {
    pub status: u16,
    pub title: String,
    pub detail: String,
    pub problems: Vec<ProblemView>,
}

impl Refusal {
    fn sentence(&self) -> String {
        match (self.title.as_str(), self.detail.as_str()) {
            ("", "") => format!("the server said {}", self.status),
            (title, "") => title.to_owned(),
            ("", detail) => detail.to_owned(),
            (title, detail) if detail.starts_with(title) => detail.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        }
    }

    fn mend(&self) -> Option<&'static str> {
        match self.status {
            401 => Some(
                "give a token by --token or TIDEGATE_TOKEN; `tidegate token add` on the server's host makes one",
            ),
            403 => Some("this needs a token with another role; see `tidegate token add --help`"),
            _ => None,
        }
    }
}

impl Failure {
    pub fn usage(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), mend: mend.into() }
    }

    pub fn file(doing: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::File { doing, path: path.display().to_string(), source }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::Files { .. } | Self::File { .. } => Exit::Usage,
            Self::Refused(_) => Exit::Refused,
            Self::Unreachable { .. } | Self::Strange { .. } | Self::Service { .. } => {
                Exit::Unreachable
            }
        }
    }

    pub fn problems(&self) -> &[ProblemView] {
        match self {
            Self::Files { problems, .. } => problems,
            Self::Refused(refusal) => &refusal.problems,
            _ => &[],
        }
    }

    /// What to do now, where the sentence does not say it already.
    pub fn mend(&self) -> Option<&str> {
        match self {
            Self::Usage { mend, .. } | Self::Unreachable { mend, .. } => {
                Some(mend.as_str()).filter(|m| !m.is_empty())
            }
            Self::Refused(refusal) => refusal.mend(),
            Self::Strange { .. } => {
                Some("is it a tidegate of this version? see `tidegate --version`")
            }
            _ => None,
        }
    }

    /// For `--json`.
    pub fn json(&self) -> serde_json::Value {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        json!({ "error": {
            "message": self.to_string(),
            "causes": causes,
            "mend": self.mend(),
            "problems": self.problems(),
            "exit_code": self.exit().code(),
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_sentence() {
        let refusal = |title: &str, detail: &str| {
            let refusal = Refusal {
                status: 409,
                title: title.into(),
                detail: detail.into(),
                ..Refusal::default()
            };
            Failure::Refused(Box::new(refusal)).to_string()
        };
        assert_eq!(
            refusal("Refused", "checkout#1: it is paused"),
            "Refused: checkout#1: it is paused"
        );
        assert_eq!(refusal("Not found", ""), "Not found");
        assert_eq!(refusal("", ""), "the server said 409");
    }

    #[test]
    fn every_failure_has_its_exit_code() {
        assert_eq!(Failure::usage("x", "y").exit().code(), 1);
        assert_eq!(Failure::Refused(Box::default()).exit().code(), 2);
        let unreachable = Failure::Unreachable { at: "x".into(), mend: "y".into(), source: None };
        assert_eq!(unreachable.exit().code(), 5);
        assert_eq!(unreachable.json()["error"]["mend"], "y");
    }
}
