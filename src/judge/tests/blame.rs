//! Whose harm it is: everybody's, or one segment's own.

use super::world::Chance;
use super::{at_half, counts, criterion, ratio};
use crate::judge::{Counts, Criterion, Evidence, LookInput, Rules, Verdict, look};

const RUNS: u64 = 200;
/// Looks before the harm: the dispersion of all is known by then, and that of a segment not yet.
const WELL: u64 = 30;
const BASE: f64 = 0.02;

/// Everybody, and three platforms with these shares of the traffic; the canary fails so many times as often in each.
fn blamed(shares: [f64; 3], harm: [f64; 3], seed: u64) -> String {
    let segment = |name| Criterion {
        weight: 0.2 / 3.0,
        part_of: Some("everybody".to_owned()),
        ..criterion(name, Some(ratio(1.1)))
    };
    let everybody = Criterion { weight: 0.8, ..criterion("everybody", Some(ratio(1.1))) };
    let criteria = [everybody, segment("first"), segment("second"), segment("third")];
    let (mut evidence, mut chance) = (Evidence::new(&criteria), Chance::new(seed));
    for at in 0..200 {
        let each: Vec<Counts> = shares
            .iter()
            .zip(harm)
            .map(|(share, times)| {
                let times = if at < WELL { 1.0 } else { times };
                let mut fails = |times| chance.poisson(150.0 * share * BASE * times);
                let requests = (150.0 * share) as u64;
                counts(fails(times), requests, fails(1.0), requests)
            })
            .collect();
        let all = each.iter().fold(Counts::default(), |mut sum, counts| {
            sum.add(counts);
            sum
        });
        let checks = [all].iter().chain(&each).map(|counts| Some((*counts).into())).collect();
        let input = LookInput { checks, ..at_half(all) };
        let (next, judgement) = look(&Rules::new(200.0), &criteria, &evidence, &input);
        if let Verdict::Regression { check, .. } = judgement.verdict {
            return check;
        }
        evidence = next;
    }
    "nobody".to_owned()
}

/// The share of runs in which this one is blamed.
fn share(shares: [f64; 3], harm: [f64; 3], name: &str) -> f64 {
    let runs = (0..RUNS).filter(|&seed| blamed(shares, harm, seed) == name).count();
    runs as f64 / RUNS as f64
}

/// Of a segment's own harm nearly all is told from everybody's, whatever the weights.
#[test]
fn harm_in_one_segment_is_its_own_and_harm_in_all_is_everybodys() {
    let (alike, large) = ([1.0 / 3.0; 3], [0.8, 0.1, 0.1]);
    for times in [3.0, 5.0, 15.0] {
        let found = [
            share(alike, [times, 1.0, 1.0], "first"),
            share(large, [1.0, times, 1.0], "second"),
            share(alike, [times; 3], "everybody"),
        ];
        assert!(found.iter().all(|share| *share > 0.9), "x{times}: {found:?}");
    }
}
