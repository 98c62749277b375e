//! The course of the evidence: one row of blocks a check, from the picture that pages draw as a curve.

use super::Layout;
use crate::api::views::{CheckView, PointView, RolloutView};
use crate::cli::paint::left;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Base-10 logarithm of the odds at and below which the lowest block stands: evidence for the canary looks all alike.
const LOWEST: f64 = -1.0;
/// Fewer points are no course.
const FEWEST: usize = 3;

pub(super) fn lines(view: &RolloutView, layout: &Layout) -> Vec<String> {
    let drawn = |check: &&CheckView| check.evidence.is_some() && check.picture.len() >= FEWEST;
    let checks: Vec<&CheckView> = view.checks.iter().filter(drawn).collect();
    let Some(limit) = view.evidence.as_ref().filter(|_| !checks.is_empty()) else {
        return Vec::new();
    };
    let head = format!("  course of the evidence, up to {}", limit.limit_text);
    let widest = checks.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    let top = limit.limit.max(10.0).log10();
    let row = |check: &&CheckView| {
        let blocks: String = check.picture.iter().map(|point| block(point, top)).collect();
        format!("    {}  {blocks}  {}", left(&check.name, widest), span(&check.picture, layout))
    };
    std::iter::once(layout.paint.dim(&head)).chain(checks.iter().map(row)).collect()
}

fn block(point: &PointView, top: f64) -> char {
    let part = ((point.log10_odds - LOWEST) / (top - LOWEST)).clamp(0.0, 1.0);
    BLOCKS[((part * BLOCKS.len() as f64) as usize).min(BLOCKS.len() - 1)]
}

fn span(points: &[PointView], layout: &Layout) -> String {
    match points {
        [first, .., last] => format!("{} to {}", layout.time(first.at), layout.time(last.at)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::views::At;
    use crate::domain::Timestamp;

    #[test]
    fn the_highest_block_is_the_limit_and_the_lowest_no_evidence() {
        let at = |log10_odds| {
            let at = At(Timestamp::default());
            block(&PointView { at, log10_odds, ratio: None, low: None, high: None }, 2.0)
        };
        assert_eq!([-300.0, -1.0, 0.5, 1.9, 2.0, 9.0].map(at), ['▁', '▁', '▅', '█', '█', '█']);
    }
}
