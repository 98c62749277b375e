//! Flagger: failed checks are counted over the whole analysis, and never forgiven.

use crate::rule::{Rule, Seen};

const LEAST_SUCCESS: f64 = 0.99;

struct Flagger {
    threshold: u32,
    failed: u32,
}

pub fn start(threshold: u32) -> Box<dyn Rule> {
    Box::new(Flagger { threshold, failed: 0 })
}

impl Rule for Flagger {
    fn reverts(&mut self, seen: &Seen) -> bool {
        let passed = seen.canary.rate().is_some_and(|rate| 1.0 - rate >= LEAST_SUCCESS);
        self.failed += u32::from(!passed);
        self.failed >= self.threshold
    }
}
