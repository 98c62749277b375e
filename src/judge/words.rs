//! Numbers as the judge's sentences write them.

/// `22,045`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number of something estimated: two digits that count, `7,400`, `31`, `0`.
pub fn about(number: f64) -> String {
    let number = number.max(0.0).ceil();
    if number < 100.0 {
        return thousands(number as u64);
    }
    let unit = libm::pow(10.0, libm::floor(libm::log10(number)) - 1.0);
    thousands(((number / unit).ceil() * unit).round() as u64)
}

/// A share, 0 to 1, in percent with three digits that count: `0.153 %`, `3.04 %`, `50 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", digits(share * 100.0, 3))
}

/// `3.8x`, `12x`.
pub fn times(ratio: f64) -> String {
    format!("{}x", digits(ratio, 2))
}

/// Evidence from its natural logarithm: `111 : 1`, `0.36 : 1`. Rounded down, so that 100 : 1 is never said too soon.
pub fn odds(log_evidence: f64) -> String {
    const MOST: f64 = 1e9;
    // The logarithm of a limit and back again may come out a hair below it.
    let evidence = libm::exp(log_evidence.min(50.0)) * (1.0 + 1e-9);
    match evidence {
        e if e >= MOST => "over 1,000,000,000 : 1".to_owned(),
        e if e >= 10.0 => format!("{} : 1", thousands(e as u64)),
        e if e >= 0.01 => format!("{} : 1", digits(e, 2)),
        _ => "under 0.01 : 1".to_owned(),
    }
}

/// A mean or a level, with three digits that count: `24.1`, `1,900,000`, `-3`.
pub fn value(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "" };
    let size = number.abs();
    if (1000.0..1e15).contains(&size) {
        return format!("{sign}{}", thousands(size.round() as u64));
    }
    format!("{sign}{}", digits(size, 3))
}

/// `250 ms`, `2.5 s`.
pub fn seconds_of(seconds: f64) -> String {
    if seconds < 1.0 {
        return format!("{} ms", digits(seconds * 1000.0, 3));
    }
    format!("{} s", digits(seconds, 3))
}

/// At most `count` digits that count, no trailing zeros; whole numbers are written whole.
fn digits(number: f64, count: usize) -> String {
    if number <= 0.0 || !number.is_finite() {
        return "0".to_owned();
    }
    let before = libm::floor(libm::log10(number)) as i64 + 1;
    let decimals = usize::try_from(count as i64 - before).unwrap_or(0).min(12);
    let text = format!("{number:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let rows = [(0, "0"), (999, "999"), (7_486, "7,486"), (1_234_567, "1,234,567")];
        for (number, expect) in rows {
            assert_eq!(thousands(number), expect);
        }
    }

    #[test]
    fn estimates_keep_two_digits_and_round_up() {
        let rows =
            [(0.0, "0"), (30.2, "31"), (7_311.0, "7,400"), (100.0, "100"), (1e6, "1,000,000")];
        for (number, expect) in rows {
            assert_eq!(about(number), expect, "{number}");
        }
    }

    #[test]
    fn shares_ratios_and_odds_keep_the_digits_that_count() {
        assert_eq!(percent(0.001_529), "0.153 %");
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1e-9), "0.0000001 %");
        assert_eq!(times(3.83), "3.8x");
        assert_eq!(times(12.4), "12x");
        assert_eq!(times(100.0), "100x");
        assert_eq!(odds(libm::log(100.0)), "100 : 1");
        assert_eq!(odds(libm::log(99.99)), "99 : 1");
        assert_eq!(odds(libm::log(0.361)), "0.36 : 1");
        assert_eq!(odds(-900.0), "under 0.01 : 1");
        assert_eq!(odds(900.0), "over 1,000,000,000 : 1");
    }
}
