//! Users told apart by one attribute.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everybody whose attribute has this value: "platform is ios".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    pub attribute: String,
    pub value: String,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attribute, self.value)
    }
}
