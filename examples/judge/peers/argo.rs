//! Argo Rollouts: a measurement fails, succeeds or is an error; more than so many failures in all, or errors in a row,
//! end the analysis.

use crate::rule::{Rule, Seen};

const FAILURE_LIMIT: u32 = 3;
const CONSECUTIVE_ERROR_LIMIT: u32 = 4;

struct Argo {
    least_success: f64,
    failed: u32,
    errors_in_a_row: u32,
}

pub fn start(least_success: f64) -> Box<dyn Rule> {
    Box::new(Argo { least_success, failed: 0, errors_in_a_row: 0 })
}

impl Rule for Argo {
    fn reverts(&mut self, seen: &Seen) -> bool {
        match seen.canary.rate() {
            None => self.errors_in_a_row += 1,
            Some(rate) => {
                self.errors_in_a_row = 0;
                self.failed += u32::from(1.0 - rate < self.least_success);
            }
        }
        self.failed > FAILURE_LIMIT || self.errors_in_a_row > CONSECUTIVE_ERROR_LIMIT
    }
}
