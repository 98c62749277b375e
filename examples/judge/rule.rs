//! What every contender sees and answers.

/// Requests and failures of one arm in one look.
#[derive(Clone, Copy, Default)]
pub struct Arm {
    pub requests: u64,
    pub failures: u64,
}

impl Arm {
    /// `None` without requests.
    pub fn rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.failures as f64 / self.requests as f64)
    }

    pub fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.failures += more.failures;
    }
}

/// One look.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Of all traffic, 0 to 1: the canary's. At 1 there is no control.
    pub share: f64,
    /// Whether this is the last look before the weight changes.
    pub ends_step: bool,
    pub canary: Arm,
    pub baseline: Arm,
}

/// What is known when a rollout starts.
pub struct Past<'a> {
    /// Looks of the baseline alone, oldest first.
    pub looks: &'a [Arm],
    pub planned_looks: f64,
    pub look_seconds: u64,
}

/// A rule judging one rollout.
pub trait Rule {
    /// Takes one look in; true sends the canary back.
    fn reverts(&mut self, seen: &Seen) -> bool;
}

/// A rule by name.
pub struct Contender {
    /// At most eight characters: it heads a column.
    pub name: &'static str,
    /// Where the rule is documented, and what is special about its restatement.
    pub source: &'static str,
    pub start: fn(&Past<'_>) -> Box<dyn Rule>,
}
