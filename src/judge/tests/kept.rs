//! Kept looks: small, whole, and whatever bytes there are an answer.

use std::time::Duration;

use proptest::prelude::*;

use super::{counts, criterion, ratio, weight};
use crate::domain::{Timestamp, Weight};
use crate::judge::{
    Chunk, Criterion, Evidence, Histogram, Kept, LookInput, Malformed, Moments, Numbers, Pair,
    Recomputed, Requests, Rules, Slower, Values, look,
};

fn any_moments() -> impl Strategy<Value = Moments> {
    (any::<u64>(), any::<f64>(), any::<f64>()).prop_map(|(events, sum, squares)| Moments {
        events,
        sum,
        squares,
    })
}

fn any_slower() -> impl Strategy<Value = Slower> {
    // Often the bound of the look before.
    let than = prop_oneof![Just(0.1), any::<f64>()];
    (than, any::<u64>(), any::<u64>()).prop_map(|(than, canary, baseline)| Slower {
        than,
        canary,
        baseline,
    })
}

fn any_numbers() -> impl Strategy<Value = Numbers> {
    let histogram = (any::<u64>(), any::<u64>(), proptest::collection::vec(any_slower(), 0..4))
        .prop_map(|(canary_requests, baseline_requests, slower)| {
            Numbers::Histogram(Histogram { canary_requests, baseline_requests, slower })
        });
    prop_oneof![
        any::<[u64; 4]>().prop_map(|[a, b, c, d]| Numbers::Counts(counts(a, b, c, d))),
        histogram,
        (any_moments(), any_moments())
            .prop_map(|(canary, baseline)| Numbers::Values(Values { canary, baseline })),
        any::<[f64; 2]>().prop_map(|[canary, baseline]| Numbers::Gauge(Pair { canary, baseline })),
        any::<f64>().prop_map(Numbers::Level),
    ]
}

fn any_weight() -> impl Strategy<Value = Weight> {
    (0..=1_000_000_u32).prop_filter_map("a share", Weight::from_ppm)
}

fn any_kept() -> impl Strategy<Value = Kept> {
    let flags = any::<[bool; 3]>();
    let plan = (any_weight(), proptest::collection::vec(any_weight(), 0..4), any::<f64>());
    let checks = proptest::collection::vec(proptest::option::of(any_numbers()), 0..4);
    let split = prop_oneof![
        Just(None),
        any::<[u64; 2]>().prop_map(|[canary, baseline]| Some(Requests { canary, baseline }))
    ];
    let compared = proptest::collection::vec(any::<bool>(), 0..20);
    let times = (any::<i64>(), any::<u64>(), 0..1_000_000_000_u32, any::<u32>(), any::<u16>());
    (flags, plan, checks, split, compared, times).prop_map(
        |(
            [control, history, sticky],
            (weight, ahead, harm),
            checks,
            split,
            compared,
            (at, secs, nanos, lives, mark),
        )| {
            // The route's requests are usually those of a check.
            let of_check = checks.first().cloned().flatten().and_then(|n: Numbers| n.requests());
            let split = if sticky { of_check } else { split };
            let lasting = Duration::new(secs, nanos);
            let input =
                LookInput { weight, control, history, harm, ahead, lasting, checks, split, sticky };
            Kept { at: Timestamp::from_micros(at), lives, compared, input, mark }
        },
    )
}

/// Debug text tells zeros apart, and one text is one float; what is no number has one text, too.
fn text(looks: &[Kept]) -> String {
    format!("{looks:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_looks_come_back(looks in proptest::collection::vec(any_kept(), 1..5)) {
        let chunk = Chunk::of(&looks).expect("a chunk");
        prop_assert_eq!(chunk.looks as usize, looks.len());
        let back = chunk.looks().expect("our own bytes");
        prop_assert_eq!(text(&back), text(&looks));
        let cut = chunk.bytes.len() - 1;
        let short = Chunk { bytes: chunk.bytes[..cut].to_vec(), ..chunk };
        prop_assert_eq!(short.looks(), Err(Malformed));
    }

    #[test]
    fn any_bytes_have_an_answer(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        looks in 0..20_u32,
        ours in any::<bool>(),
    ) {
        if let (true, Some(version)) = (ours, bytes.first_mut()) {
            *version = 1;
        }
        let at = Timestamp::default();
        let chunk = Chunk { looks, first: at, last: at, bytes };
        if let Ok(kept) = chunk.looks() {
            prop_assert_eq!(kept.len(), looks as usize);
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        looks in proptest::collection::vec(any_kept(), 1..5),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut chunk = Chunk::of(&looks).expect("a chunk");
        let at = at.index(chunk.bytes.len());
        chunk.bytes[at] = byte;
        let _ = chunk.looks();
    }
}

/// Ten minutes of 200 requests a second, read a little early or late, by looks of ten seconds.
fn watched(checks: usize) -> (Vec<Criterion>, Vec<(Timestamp, LookInput)>) {
    let noise = |seed: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 1000;
    let input = |n: u64| {
        let check = |c: u64| {
            let (canary, baseline) = (980 + noise(n * 7 + c) / 20, 970 + noise(n * 11 + c) / 20);
            let failures = counts(noise(n) / 250, canary, noise(n * 3) / 200, baseline);
            Some(Numbers::Counts(failures))
        };
        let checks: Vec<_> = (0..checks as u64).map(check).collect();
        let late = noise(n * 13) * 20;
        let look = LookInput {
            weight: weight(if n < 30 { 0.1 } else { 0.5 }),
            control: true,
            history: false,
            harm: 0.0005,
            ahead: if n < 30 { vec![weight(0.5), Weight::FULL] } else { vec![Weight::FULL] },
            lasting: Duration::from_micros(10_000_000 + late) + Duration::from_nanos(noise(n * 17)),
            split: checks[0].as_ref().and_then(Numbers::requests),
            checks,
            sticky: true,
        };
        let end = 1_800_000_000_000_000 + n * 10_000_000 + late;
        (Timestamp::from_micros(end.cast_signed()), look)
    };
    let tolerance = |c| criterion(&format!("check {c}"), Some(ratio(1.1)));
    ((0..checks).map(tolerance).collect(), (0..60).map(input).collect())
}

/// Judges them; the evidence before and after, and the looks as kept.
fn judged(rules: &Rules, checks: usize) -> (Evidence, Evidence, Vec<Kept>, Vec<Criterion>) {
    let (criteria, looks) = watched(checks);
    let start = Evidence::new(&criteria);
    let (mut evidence, mut kept) = (start.clone(), Vec::new());
    for (number, (at, input)) in looks.into_iter().enumerate() {
        let mut criteria = criteria.clone();
        if number < 3 {
            criteria.iter_mut().for_each(|c| c.tolerate = None);
        }
        if number == 40 {
            evidence.next_life();
        }
        let (next, judgement) = look(rules, &criteria, &evidence, &input);
        kept.push(Kept::new(at, &evidence, &criteria, input, &judgement));
        evidence = next;
    }
    (start, evidence, kept, criteria)
}

#[test]
fn a_minute_of_looks_is_small() {
    let rules = Rules::new(100.0);
    let bytes = |checks: usize| {
        let (_, _, kept, _) = judged(&rules, checks);
        let bytes = kept.chunks(6).filter_map(Chunk::of).map(|chunk| chunk.bytes.len());
        bytes.sum::<usize>().div_ceil(kept.len() * checks)
    };
    assert_eq!([1, 3, 20].map(bytes), [21, 11, 7], "bytes a look and check, rounded up");
}

#[test]
fn kept_looks_lead_to_the_same_bits() {
    let rules = Rules::new(100.0);
    let (start, end, kept, criteria) = judged(&rules, 3);
    let mut again = Recomputed::new(&rules, &criteria, start.clone());
    for chunk in kept.chunks(6).filter_map(Chunk::of) {
        for look in chunk.looks().expect("our own bytes") {
            assert!(again.take(&look).1, "{look:?}");
        }
    }
    assert!(again.is(&end));
    let mut living = end.clone();
    living.next_life();
    assert!(again.is(&living), "a life begun after the last look is begun");
    assert!(!again.is(&end), "and is not the end of the one before");

    let mut other = Recomputed::new(&rules, &criteria, start);
    let mut changed = kept;
    if let Some(Some(Numbers::Counts(counts))) = changed[20].input.checks.get_mut(1) {
        counts.canary_failures += 1;
    }
    let first = changed.iter().position(|look| !other.take(look).1);
    assert_eq!(first, Some(20), "the changed look is the one that is named");
    assert!(!other.is(&end));
}

/// Two looks of every kind of check; of the second, one check is not known.
fn every_kind() -> Vec<Kept> {
    let slower = |canary, baseline| vec![Slower { than: 0.25, canary, baseline }];
    let histogram = |requests: u64, slower| {
        Numbers::Histogram(Histogram {
            canary_requests: requests,
            baseline_requests: 9 * requests,
            slower,
        })
    };
    let moments = |events| Moments { events, sum: 31.5, squares: 0.1 + 0.2 };
    let look = |n: u64| LookInput {
        weight: weight(0.1),
        control: true,
        history: true,
        harm: 0.0005,
        ahead: vec![weight(0.5), Weight::FULL],
        lasting: Duration::new(10, 3_000_017),
        checks: vec![
            (n == 1).then(|| Numbers::Counts(counts(2, 400, 20, 3600 + n))),
            Some(histogram(500 + n, slower(7, 80))),
            Some(Numbers::Values(Values { canary: moments(12), baseline: moments(99) })),
            Some(Numbers::Gauge(Pair { canary: 3.0, baseline: -0.1 })),
            Some(Numbers::Level(f64::MAX)),
        ],
        split: Some(Requests { canary: 400, baseline: 3601 }),
        sticky: n == 1,
    };
    let kept = |n: u64| Kept {
        at: Timestamp::from_micros(1_800_000_000_000_000 + n.cast_signed() * 10_000_123),
        lives: 1,
        compared: vec![true, true, false, true, true],
        input: look(n),
        mark: 0xbeef,
    };
    vec![kept(1), kept(2)]
}

#[test]
fn what_the_first_version_wrote_is_read_for_ever() {
    const WRITTEN: &str = "\
        01050307a08d06bf8089eba4bafcd4fc0102a0c21ec0843d01051b05f6db8893e5c5b206a2abcdc34aefbe01a00604a23828\
        0201ea07ba46bfa0030ea0010418c0fe8004bfa6cf99b3e6cc9934c601c0fe8004bfa6cf99b3e6cc993405c010bff3e6cc99\
        b3e6cc9a0106ffdeffffffffffffff01030303a08d06bf8089eba4bafcd4fc0102a0c21ec0843d01051b05f6dbc409b299df\
        02efbe0003021200000400c0fe8004bfa6cf99b3e6cc993400c0fe8004bfa6cf99b3e6cc993405c010bff3e6cc99b3e6cc9a\
        0106ffdeffffffffffffff019003911c";
    let byte = |at: usize| u8::from_str_radix(&WRITTEN[at..at + 2], 16).expect("hex");
    let looks = every_kind();
    let now = Chunk::of(&looks).expect("a chunk");
    let hex: String = now.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, WRITTEN);
    let bytes = (0..WRITTEN.len()).step_by(2).map(byte).collect();
    let then = Chunk { bytes, ..now };
    assert_eq!(then.looks(), Ok(looks));
}
