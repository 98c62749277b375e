//! The bucket of a unit.
//!
//! The function is a promise: changing it moves every user of every running rollout at once. Another one needs
//! another name in [`HASH`], and the old one stays.

use xxhash_rust::xxh3::Xxh3;

use crate::domain::Weight;

/// The name of the function, sent with every answer and split so that others can compute the same bucket.
pub const HASH: &str = "xxh3-v1";

/// 0 to 999,999: XXH3-64 with seed 0 over salt, a zero byte and unit, scaled to the range by multiplication
/// (`hash * 1,000,000 / 2^64`), so that no bucket is preferred.
///
/// A unit is in the canary when its bucket is below the canary's weight: who is in at 10 % stays in at 25 %.
pub fn bucket(salt: &str, unit: &str) -> u32 {
    let mut hasher = Xxh3::new();
    hasher.update(salt.as_bytes());
    hasher.update(&[0]);
    hasher.update(unit.as_bytes());
    let scaled = u128::from(hasher.digest()) * u128::from(Weight::FULL.ppm());
    u32::try_from(scaled >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Who is below `weight` of `units` numbered units.
    fn share(salt: &str, units: u32, weight: u32) -> f64 {
        let inside = (0..units).filter(|i| bucket(salt, &format!("user-{i}")) < weight).count();
        inside as f64 / f64::from(units)
    }

    /// How far a share of `units` may be off by chance: four standard deviations.
    fn slack(p: f64, units: u32) -> f64 {
        4.0 * (p * (1.0 - p) / f64::from(units)).sqrt()
    }

    #[test]
    fn buckets_are_kept_for_ever() {
        let rows = [("checkout", "user-1"), ("checkout", "user-2"), ("search", "user-1"), ("", "")];
        let buckets = rows.map(|(salt, unit)| bucket(salt, unit));
        assert_eq!(buckets, [670_510, 935_568, 114_834, 766_782]);
    }

    #[test]
    fn the_zero_byte_keeps_salt_and_unit_apart() {
        assert_ne!(bucket("shop", "1x"), bucket("shop1", "x"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn every_share_is_met(salt in "[a-z]{1,12}(-v[0-9])?", weight in 1_000_u32..999_000) {
            let (units, wished) = (20_000, f64::from(weight) / 1e6);
            let off = (share(&salt, units, weight) - wished).abs();
            prop_assert!(off < slack(wished, units), "{salt} {weight}: off by {off}");
        }

        #[test]
        fn two_salts_draw_independently(number in 0_u32..10_000, weight in 50_000_u32..500_000) {
            let (units, p) = (20_000, f64::from(weight) / 1e6);
            let (one, two) = (format!("checkout-{number}"), format!("checkout-{}", number + 1));
            let in_both = (0..units).map(|i| format!("{i}")).filter(|unit| {
                bucket(&one, unit) < weight && bucket(&two, unit) < weight
            });
            let off = (in_both.count() as f64 / f64::from(units) - p * p).abs();
            prop_assert!(off < slack(p * p, units), "{one} {weight}: off by {off}");
        }
    }
}
