//! Names of plans and routes, and of one rollout.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A plan, route, check or step name: `[A-Za-z0-9._-]`, 1 to 63 characters, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or a digit")]
pub struct NameError(String);

impl Name {
    /// # Errors
    /// When the text has other characters or another length than a name may have.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && text.as_bytes()[0].is_ascii_alphanumeric();
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.chars().take(80).collect()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One execution of a plan: `checkout#42`. Numbers rise from 1 per plan and are never used again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RolloutName {
    pub plan: Name,
    pub number: u32,
}

impl TryFrom<String> for RolloutName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<RolloutName> for String {
    fn from(name: RolloutName) -> Self {
        name.to_string()
    }
}

impl FromStr for RolloutName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts = text.split_once('#').and_then(|(plan, number)| {
            let number = number.parse().ok().filter(|n| *n > 0)?;
            Some(Self { plan: Name::new(plan).ok()?, number })
        });
        parts.ok_or_else(|| NameError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for RolloutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.plan, self.number)
    }
}
