//! The grid that pushed latencies are counted on. Pure.
//!
//! Bounds stand at 1 ms · 2^(i/4), from 1 ms to 2^17 ms (131 s): each 19 % above the one before. Whatever is read back
//! from a cell's middle (geometric) is off by at most 2^(1/8) - 1, about 9 %. All arms, routes and versions share
//! the grid, so that any two can be compared bound by bound; a sketch with bounds of its own could not.

/// Powers of the fourth root of two.
const QUARTERS: [f64; 4] =
    [1.0, 1.189_207_115_002_721, std::f64::consts::SQRT_2, 1.681_792_830_507_429];
const LAST: u8 = 68;

/// Cells by upper bound, and one for what is slower than all of them.
pub(super) const CELLS: u8 = LAST + 2;

/// Seconds; infinite for the last cell.
pub(super) fn bound(cell: u8) -> f64 {
    if cell > LAST {
        return f64::INFINITY;
    }
    let (octave, quarter) = (u32::from(cell / 4), usize::from(cell % 4));
    QUARTERS[quarter] * f64::from(1_u32 << octave) / 1e3
}

/// The cell of a latency: the first whose bound is not below it.
pub(super) fn cell(milliseconds: f64) -> u8 {
    let seconds = milliseconds / 1e3;
    (0..=LAST).find(|cell| seconds <= bound(*cell)).unwrap_or(LAST + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_by_the_fourth_root_of_two() {
        assert_eq!((bound(0), bound(4), bound(LAST)), (0.001, 0.002, 131.072));
        assert_eq!(bound(CELLS - 1), f64::INFINITY);
        let widest = (1..=LAST).map(|c| bound(c) / bound(c - 1));
        assert!(widest.into_iter().all(|w| (w - 2_f64.powf(0.25)).abs() < 1e-12));
    }

    #[test]
    fn a_latency_is_in_the_first_cell_that_reaches_it() {
        let rows = [
            (0.0, 0),
            (0.3, 0),
            (1.0, 0),
            (1.1, 1),
            (2.0, 4),
            (2.000_001, 5),
            (131_072.0, LAST),
            (131_072.1, LAST + 1),
            (f64::MAX, LAST + 1),
        ];
        for (ms, expect) in rows {
            assert_eq!(cell(ms), expect, "{ms} ms");
        }
    }

    #[test]
    fn the_middle_of_a_cell_is_nine_percent_off_at_most() {
        for ms in [1.01, 3.0, 47.0, 500.0, 99_999.0] {
            let cell = cell(ms);
            let middle = (bound(cell) * bound(cell - 1)).sqrt() * 1e3;
            assert!((middle / ms - 1.0).abs() < 0.091, "{ms} ms: {middle}");
        }
    }
}
