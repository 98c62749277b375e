//! The rule many teams write first: so many looks worse than a multiple of the baseline.

use crate::rule::{Rule, Seen};

const WORSE: f64 = 1.5;
const HITS: u32 = 3;

struct Threshold {
    hits: u32,
}

pub fn start() -> Box<dyn Rule> {
    Box::new(Threshold { hits: 0 })
}

impl Rule for Threshold {
    fn reverts(&mut self, seen: &Seen) -> bool {
        let both = seen.canary.rate().zip(seen.baseline.rate());
        self.hits += u32::from(both.is_some_and(|(canary, baseline)| canary > WORSE * baseline));
        self.hits >= HITS
    }
}
