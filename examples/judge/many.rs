//! Many seeded rollouts on all cores, and what they say together. The answer does not depend on the number of cores.

use std::thread::{available_parallelism, scope};

use crate::world::End;

/// `play` of each seed below `rollouts`, in the order of the seeds.
pub fn each<T: Send>(rollouts: u64, play: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let workers = available_parallelism().map_or(1, |n| n.get() as u64);
    let play = &play;
    scope(|scope| {
        let pieces: Vec<_> = (0..workers)
            .map(|w| (rollouts * w / workers, rollouts * (w + 1) / workers))
            .map(|(from, to)| scope.spawn(move || (from..to).map(play).collect::<Vec<T>>()))
            .collect();
        pieces.into_iter().flat_map(|piece| piece.join().expect("a worker panicked")).collect()
    })
}

/// A mean with its Monte-Carlo standard error.
#[derive(Clone, Copy)]
pub struct Mean {
    pub value: f64,
    pub error: f64,
}

impl Mean {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for value in values {
            (n, sum, squares) = (n + 1.0, sum + value, squares + value * value);
        }
        let value = sum / n;
        Self { value, error: ((squares / n - value * value).max(0.0) / n).sqrt() }
    }
}

/// What many rollouts of one world say about one rule.
#[derive(Clone, Copy)]
pub struct Summary {
    pub rollouts: u64,
    pub reverted: u64,
    pub excess: Mean,
    pub minutes: f64,
}

impl Summary {
    /// Of each contender: rows are rollouts, columns contenders.
    pub fn all(ends: &[Vec<End>]) -> Vec<Self> {
        let contenders = ends.first().map_or(0, Vec::len);
        (0..contenders).map(|c| Self::of(ends.iter().map(|row| row[c]))).collect()
    }

    pub fn of(ends: impl Iterator<Item = End> + Clone) -> Self {
        Self {
            rollouts: ends.clone().count() as u64,
            reverted: ends.clone().filter(|end| end.reverted).count() as u64,
            excess: Mean::of(ends.clone().map(|end| end.excess)),
            minutes: Mean::of(ends.map(|end| end.minutes)).value,
        }
    }

    /// Reverted, in percent.
    pub fn percent(&self) -> Mean {
        let share = self.reverted as f64 / self.rollouts as f64;
        let error = (share * (1.0 - share) / self.rollouts as f64).sqrt();
        Mean { value: 100.0 * share, error: 100.0 * error }
    }
}
