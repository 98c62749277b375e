//! The only reader of time.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Monotonic time since an arbitrary start. Means nothing after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mono(Duration);

impl Mono {
    pub const fn from_start(since: Duration) -> Self {
        Self(since)
    }

    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}

pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall time: journal, windows, sources. May jump.
    fn wall(&self) -> Timestamp;
    /// Monotonic time: bakes, deadlines. Never jumps.
    fn mono(&self) -> Mono;
}

#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since)
    }

    fn mono(&self) -> Mono {
        Mono(self.start.elapsed())
    }
}

/// A clock that tests move.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(Timestamp, Mono)>,
}

impl ManualClock {
    pub fn new(wall: Timestamp) -> Self {
        Self { now: Mutex::new((wall, Mono::default())) }
    }

    /// Both clocks go on by `length`.
    pub fn advance(&self, length: Duration) {
        let mut now = self.lock();
        *now = (now.0.plus(length), now.1.plus(length));
    }

    /// Only the wall clock jumps.
    pub fn jump_to(&self, wall: Timestamp) {
        self.lock().0 = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Mono)> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        self.lock().0
    }

    fn mono(&self) -> Mono {
        self.lock().1
    }
}
