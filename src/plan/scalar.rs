//! Single values: text -> what it means, or what to write instead.

use std::time::Duration;

use crate::domain::{Name, Weight, parse_duration};

use super::problem::quoted;

/// A finite decimal number written with digits only: no sign, exponent, `NaN` or `inf` can sneak a weight past a check.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let (whole, fine) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |s: &str| !s.is_empty() && s.len() <= 18 && s.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(fine) {
        text.parse().ok().filter(|x: &f64| x.is_finite())
    } else {
        None
    }
}

pub(super) fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|_| {
        "use 1 to 63 of A-Z a-z 0-9 . _ - and start with a letter or a digit".to_owned()
    })
}

pub(super) fn percent(text: &str) -> Result<Weight, String> {
    Weight::parse_percent(text).map_err(|e| match e {
        crate::domain::WeightError::NotAPercentage(_) if decimal(text).is_some() => {
            format!("write `{text}%`")
        }
        other => other.to_string(),
    })
}

/// A share of all requests, 0 to 1, written `0.5pp`.
pub(super) fn points(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix("pp").map(str::trim_end);
    let share = number.and_then(|n| Weight::parse_percent(&format!("{n}%")).ok());
    match share {
        Some(Weight::ZERO) => Err("must be above 0pp".to_owned()),
        Some(share) => Ok(share.fraction()),
        None => Err("write percentage points like `0.5pp`, from 0.0001pp to 100pp".to_owned()),
    }
}

/// More than any value in any unit that is worth comparing; still exact in sums.
const LARGEST_AMOUNT: f64 = 1e15;

/// A number in the unit of what it is compared with.
pub(super) fn amount(text: &str) -> Result<f64, String> {
    let number = decimal(text).filter(|x| *x <= LARGEST_AMOUNT);
    number.ok_or_else(|| "write a number like `1000` or `0.5`, up to 1000000000000000".to_owned())
}

/// What a value must not rise above: a number, or a multiple of what it was before the shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Above {
    Amount(f64),
    Before(f64),
}

/// `1000`, `2x before`.
pub(super) fn above(text: &str) -> Result<Above, String> {
    let Some(factor) = text.trim_end().strip_suffix("before") else {
        return amount(text).map(Above::Amount).map_err(|_| {
            "write a number like `1000`, or `2x before` for both arms together".to_owned()
        });
    };
    let number = factor.trim().strip_suffix('x').and_then(|n| decimal(n.trim_end()));
    number
        .filter(|n| (1.1..=1000.0).contains(n))
        .map(Above::Before)
        .ok_or_else(|| "write a multiple like `2x before`, from 1.1x to 1000x".to_owned())
}

pub(super) fn length(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let length = parse_duration(text)?;
    let bound = |s| humantime::format_duration(Duration::from_secs(s)).to_string().replace(' ', "");
    if length < Duration::from_secs(least) {
        return Err(format!("must be at least {}", bound(least)));
    }
    if length > Duration::from_secs(most) {
        return Err(format!("must be at most {}", bound(most)));
    }
    Ok(length)
}

pub(super) fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let mend = format!("write a whole number from {least} to {most}");
    let number = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
    number.filter(|n| (least..=most).contains(n)).ok_or(mend)
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number = decimal(text).filter(|x| *x > 0.0 && *x <= 1e9);
    number.ok_or_else(|| "write requests per second as a number like `120` or `0.5`".to_owned())
}

/// Only enough of a check to catch what can never be called.
pub(super) fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |rest: &str| {
        (1..=2000).contains(&rest.len())
            && !rest.starts_with(['/', ':', '?', '#'])
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    match rest {
        Some(rest) if fits(rest) => Ok(()),
        _ => Err("write an address like `https://host/path`".to_owned()),
    }
}

pub(super) fn label(text: &str) -> Result<(), String> {
    let fits = text.len() <= 100
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.as_bytes().first().is_none_or(u8::is_ascii_digit);
    if fits { Ok(()) } else { Err("use letters, digits and _, starting with a letter".to_owned()) }
}

pub(super) fn text(text: &str) -> Result<(), String> {
    match text {
        t if t.len() > 8192 => Err("at most 8192 bytes".to_owned()),
        t if t.trim().is_empty() => Err("write something here".to_owned()),
        t if t.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => {
            Err(format!("{} has control characters", quoted(t)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(got: Result<T, String>, expect: &str) {
        let got = got.map_or_else(|e| e, |v| format!("{v:?}"));
        assert!(got.contains(expect), "{got}, not {expect}");
    }

    #[test]
    fn a_threshold_is_a_number_or_a_multiple_of_before() {
        check(above("1000"), "Amount(1000.0)");
        check(above("0.5"), "Amount(0.5)");
        check(above("2x before"), "Before(2.0)");
        check(above("1.5 x  before"), "Before(1.5)");
        for bad in ["1x before", "0.9x before", "1001x before", "2 before", "before", "xbefore"] {
            check(above(bad), "from 1.1x to 1000x");
        }
        for bad in ["2x", "-1", "NaN", "inf", "1e3", "1000000000000001", "5%", ""] {
            check(above(bad), "write a number like `1000`, or `2x before`");
        }
    }

    #[test]
    fn numbers_have_no_signs_exponents_or_words() {
        check(rate("120"), "120.0");
        check(rate("0.5"), "0.5");
        for bad in ["0", "-1", "NaN", "inf", "1e309", "1.", ".5", "9999999999", ""] {
            check(rate(bad), "write requests per second");
        }
        check(whole("18446744073709551616", 1, 10), "from 1 to 10");
        check(whole("", 0, 10), "from 0 to 10");
        check(points("0.5pp"), "0.005");
        check(points("0pp"), "above 0pp");
        check(points("0.5%"), "like `0.5pp`");
        check(percent("5"), "write `5%`");
    }

    #[test]
    fn addresses_can_be_called() {
        check(url("https://replay.internal/orders"), "()");
        check(url("http://127.0.0.1:9000/$version"), "()");
        for bad in ["replay.internal", "https://", "ftp://x", "http:///x", "https://a b", ""] {
            check(url(bad), "https://host/path");
        }
    }
}
