//! Journal lines, reduced to what is checked.

use serde_json::Value;
use tidegate::domain::Timestamp;

#[derive(Clone, Debug)]
pub struct Line {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: String,
    pub text: String,
    /// After the transition.
    pub after: Option<After>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    pub generation: u64,
    pub weight: u32,
}

pub fn line(view: &Value) -> Line {
    let text = |key: &str| view[key].as_str().expect("text").to_owned();
    let at = chrono::DateTime::parse_from_rfc3339(&text("at")).expect("a time");
    let after = &view["detail"]["after"];
    let number = |key: &str| after[key].as_u64();
    let after = number("generation").zip(number("weight_ppm")).map(|(generation, weight)| After {
        generation,
        weight: u32::try_from(weight).expect("parts per million"),
    });
    Line {
        seq: view["seq"].as_u64().expect("a number"),
        at: Timestamp::from_micros(at.timestamp_micros()),
        kind: text("kind"),
        text: text("text"),
        after,
    }
}
