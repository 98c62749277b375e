//! Users told apart by one attribute.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Generation, Share};

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

/// A segment's own share, whatever the route's is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Override {
    pub segment: Segment,
    /// Side B's.
    #[serde(rename = "share_ppm")]
    pub share: Share,
    /// The split that had it first: who carries an older one sends the segment elsewhere.
    pub since: Generation,
}
