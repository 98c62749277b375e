//! Shares of traffic in parts per million.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The canary's share of a route's traffic, in parts per million.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub struct Weight(u32);

/// Side B's share of a route's traffic: what a proxy is told. Same unit as [`Weight`], another meaning.
pub type Share = Weight;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightError {
    #[error("`{0}` is not a percentage; write one like `5%` or `0.25%`")]
    NotAPercentage(String),
    #[error("`{0}` is outside 0% to 100%")]
    OutOfRange(String),
    #[error("`{0}` is finer than 0.0001%, the smallest share there is")]
    TooFine(String),
}

impl Weight {
    pub const ZERO: Self = Self(0);
    pub const FULL: Self = Self(1_000_000);

    /// `None` above 100 %.
    pub const fn from_ppm(value: u32) -> Option<Self> {
        if value <= Self::FULL.0 { Some(Self(value)) } else { None }
    }

    /// Parts per million, 0 to 1,000,000.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// What is left for the other side.
    pub const fn complement(self) -> Self {
        Self(Self::FULL.0 - self.0)
    }

    /// Reads `5%`, `0.25 %` exactly, digit by digit: no float is involved, so `0.0001%` is 1 ppm.
    ///
    /// # Errors
    /// When the text is no percentage, is above 100 %, or has more than four decimals that count.
    pub fn parse_percent(text: &str) -> Result<Self, WeightError> {
        let not = || WeightError::NotAPercentage(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(not)?.trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || number.ends_with('.') {
            return Err(not());
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 4 {
            return Err(WeightError::TooFine(text.to_owned()));
        }
        let out = || WeightError::OutOfRange(text.to_owned());
        let whole: u32 = whole.parse().map_err(|_| out())?;
        let fine: u32 = format!("{decimals:0<4}").parse().map_err(|_| not())?;
        let ppm = whole.checked_mul(10_000).and_then(|w| w.checked_add(fine));
        ppm.and_then(Self::from_ppm).ok_or_else(out)
    }
}

impl TryFrom<u32> for Weight {
    type Error = WeightError;
    fn try_from(ppm: u32) -> Result<Self, WeightError> {
        Self::from_ppm(ppm).ok_or_else(|| WeightError::OutOfRange(format!("{ppm} ppm")))
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// In percent, with as many decimals as it needs: `25 %`, `0.0001 %`.
impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fine) = (self.0 / 10_000, self.0 % 10_000);
        if fine == 0 {
            return write!(f, "{whole} %");
        }
        let decimals = format!("{fine:04}");
        write!(f, "{whole}.{} %", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let got = Weight::parse_percent(text).map_or_else(|e| e.to_string(), |w| w.to_string());
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn percentages_are_read_exactly() {
        check("5%", "5 %");
        check("100 %", "100 %");
        check("0.0001%", "0.0001 %");
        check("12.5000%", "12.5 %");
        check("0%", "0 %");
    }

    #[test]
    fn what_is_no_share_is_named() {
        check("5", "`5` is not a percentage; write one like `5%` or `0.25%`");
        check("-1%", "`-1%` is not a percentage; write one like `5%` or `0.25%`");
        check("NaN%", "`NaN%` is not a percentage; write one like `5%` or `0.25%`");
        check("100.0001%", "`100.0001%` is outside 0% to 100%");
        check("99999999999%", "`99999999999%` is outside 0% to 100%");
        check("0.00001%", "`0.00001%` is finer than 0.0001%, the smallest share there is");
    }
}
