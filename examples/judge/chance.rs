//! Seeded draws from the distributions a world needs. Exact ones: a validity table must not rest on an approximation.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub struct Chance(StdRng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Above 0, at most 1.
    fn uniform(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }

    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean < 10.0 { self.small_poisson(mean) } else { self.large_poisson(mean) }
    }

    /// By inversion.
    fn small_poisson(&mut self, mean: f64) -> u64 {
        let (mut count, mut left) = (0, self.uniform());
        let mut chance = libm::exp(-mean);
        while left > chance && count < 200 {
            left -= chance;
            count += 1;
            chance *= mean / count as f64;
        }
        count
    }

    /// Transformed rejection with squeeze (Hörmann 1993, PTRS).
    fn large_poisson(&mut self, mean: f64) -> u64 {
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.024_83 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let squeeze = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let (u, v) = (self.uniform() - 0.5, self.uniform());
            let edge = 0.5 - u.abs();
            let k = libm::floor((2.0 * a / edge + b) * u + mean + 0.43);
            if edge >= 0.07 && v <= squeeze {
                return k as u64;
            }
            if k < 0.0 || (edge < 0.013 && v > edge) {
                continue;
            }
            let density = k * libm::log(mean) - mean - libm::lgamma(k + 1.0);
            if libm::log(v * inverse_alpha / (a / (edge * edge) + b)) <= density {
                return k as u64;
            }
        }
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)
    }

    /// 1, 2, ..., with mean `1/p`.
    pub fn geometric(&mut self, p: f64) -> u64 {
        1 + (libm::log(self.uniform()) / libm::log1p(-p)) as u64
    }

    /// Mean 1 and this coefficient of variation, below 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, variation: f64) -> f64 {
        let shape = 1.0 / (variation * variation);
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            let accepted = 0.5 * x * x + d - d * v + d * libm::log(v.max(f64::MIN_POSITIVE));
            if v > 0.0 && libm::log(self.uniform()) < accepted {
                return d * v / shape;
            }
        }
    }
}
