//! The numbers of one check as bytes, written against the last there were.

use super::counts::Counts;
use super::numbers::{Histogram, Numbers, Slower};
use super::pack::{Malformed, Reader, Writer};
use super::{Moments, Pair, Values};

/// What stands before the numbers of a check.
const NONE: u8 = 0;
const COUNTS: u8 = 1;
const HISTOGRAM: u8 = 2;
/// With the bounds of the last one.
const SAME_BOUNDS: u8 = 3;
const VALUES: u8 = 4;
const GAUGE: u8 = 5;
const LEVEL: u8 = 6;

pub(super) fn write_numbers(out: &mut Writer, numbers: Option<&Numbers>, before: Option<&Numbers>) {
    match numbers {
        None => out.byte(NONE),
        Some(Numbers::Counts(now)) => {
            out.byte(COUNTS);
            let before = counts_before(before);
            out.delta(now.canary_requests, before.canary_requests);
            out.delta(now.canary_failures, before.canary_failures);
            out.delta(now.baseline_requests, before.baseline_requests);
            out.delta(now.baseline_failures, before.baseline_failures);
        }
        Some(Numbers::Histogram(now)) => write_histogram(out, now, &histogram_before(before)),
        Some(Numbers::Values(now)) => {
            out.byte(VALUES);
            let before = values_before(before);
            write_moments(out, &now.canary, &before.canary);
            write_moments(out, &now.baseline, &before.baseline);
        }
        Some(Numbers::Gauge(now)) => {
            out.byte(GAUGE);
            out.float(now.canary);
            out.float(now.baseline);
        }
        Some(Numbers::Level(now)) => {
            out.byte(LEVEL);
            out.float(*now);
        }
    }
}

pub(super) fn read_numbers(
    bytes: &mut Reader<'_>,
    before: Option<&Numbers>,
) -> Result<Option<Numbers>, Malformed> {
    Ok(Some(match bytes.byte()? {
        NONE => return Ok(None),
        COUNTS => {
            let before = counts_before(before);
            Numbers::Counts(Counts {
                canary_requests: bytes.delta(before.canary_requests)?,
                canary_failures: bytes.delta(before.canary_failures)?,
                baseline_requests: bytes.delta(before.baseline_requests)?,
                baseline_failures: bytes.delta(before.baseline_failures)?,
            })
        }
        HISTOGRAM => Numbers::Histogram(read_histogram(bytes, &Histogram::default(), true)?),
        SAME_BOUNDS => Numbers::Histogram(read_histogram(bytes, &histogram_before(before), false)?),
        VALUES => {
            let before = values_before(before);
            Numbers::Values(Values {
                canary: read_moments(bytes, &before.canary)?,
                baseline: read_moments(bytes, &before.baseline)?,
            })
        }
        GAUGE => Numbers::Gauge(Pair { canary: bytes.float()?, baseline: bytes.float()? }),
        LEVEL => Numbers::Level(bytes.float()?),
        _ => return Err(Malformed),
    }))
}

fn counts_before(before: Option<&Numbers>) -> Counts {
    before.and_then(Numbers::counts).copied().unwrap_or_default()
}

fn histogram_before(before: Option<&Numbers>) -> Histogram {
    match before {
        Some(Numbers::Histogram(before)) => before.clone(),
        _ => Histogram::default(),
    }
}

fn values_before(before: Option<&Numbers>) -> Values {
    match before {
        Some(Numbers::Values(before)) => *before,
        _ => Values::default(),
    }
}

fn write_histogram(out: &mut Writer, now: &Histogram, before: &Histogram) {
    let bounds = |h: &Histogram| h.slower.iter().map(|s| s.than.to_bits()).collect::<Vec<_>>();
    let same = bounds(now) == bounds(before);
    let none = Histogram::default();
    let before = if same { before } else { &none };
    out.byte(if same { SAME_BOUNDS } else { HISTOGRAM });
    if !same {
        out.length(now.slower.len());
    }
    out.delta(now.canary_requests, before.canary_requests);
    out.delta(now.baseline_requests, before.baseline_requests);
    for (at, slower) in now.slower.iter().enumerate() {
        let before = before.slower.get(at);
        if !same {
            out.float(slower.than);
        }
        out.delta(slower.canary, before.map_or(0, |b| b.canary));
        out.delta(slower.baseline, before.map_or(0, |b| b.baseline));
    }
}

fn read_histogram(
    bytes: &mut Reader<'_>,
    before: &Histogram,
    with_bounds: bool,
) -> Result<Histogram, Malformed> {
    let length = if with_bounds { bytes.length()? } else { before.slower.len() };
    let canary_requests = bytes.delta(before.canary_requests)?;
    let baseline_requests = bytes.delta(before.baseline_requests)?;
    let slower = (0..length).map(|at| {
        let none = Slower { than: 0.0, canary: 0, baseline: 0 };
        let before = before.slower.get(at).copied().unwrap_or(none);
        let than = if with_bounds { bytes.float()? } else { before.than };
        let canary = bytes.delta(before.canary)?;
        Ok(Slower { than, canary, baseline: bytes.delta(before.baseline)? })
    });
    let slower = slower.collect::<Result<_, _>>()?;
    Ok(Histogram { canary_requests, baseline_requests, slower })
}

fn write_moments(out: &mut Writer, now: &Moments, before: &Moments) {
    out.delta(now.events, before.events);
    out.float(now.sum);
    out.float(now.squares);
}

fn read_moments(bytes: &mut Reader<'_>, before: &Moments) -> Result<Moments, Malformed> {
    Ok(Moments {
        events: bytes.delta(before.events)?,
        sum: bytes.float()?,
        squares: bytes.float()?,
    })
}
