//! The rules of other tools, each restated here from its documentation. None of their code is used.

mod argo;
mod flagger;
pub mod kayenta;
mod pooled;
mod threshold;

use crate::rule::Contender;

/// In the order of the columns.
pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "Flagger",
            source: "fluxcd/flagger @15bd6ad, README example: success rate >= 99 %, back at the 10th failed check; \
                     a look without requests is a failed check (the ladder goes on, which there a failed check holds)",
            start: |_| flagger::start(10),
        },
        Contender {
            name: "Flagger1",
            source: "the same with threshold 1, the default when none is set",
            start: |_| flagger::start(1),
        },
        Contender {
            name: "Argo .95",
            source: "argoproj/argo-rollouts @9f8d111, docs/features/analysis.md: success rate >= 0.95, failureLimit 3; \
                     five looks in a row without data end it as well (consecutiveErrorLimit 4)",
            start: |_| argo::start(0.95),
        },
        Contender {
            name: "Argo .99",
            source: "the same with success rate >= 0.99",
            start: |_| argo::start(0.99),
        },
        Contender {
            name: ">1.5x",
            source: "home-made: a look with more than 1.5 times the baseline's failure rate is a hit, back at the third",
            start: |_| threshold::start(),
        },
        Contender {
            name: "Kayenta",
            source: "spinnaker/kayenta @a69573b: Mann-Whitney, 98 % interval of the shift, fails when its lower end is \
                     above 0.25 of the estimate; judged at the end of each step on that step's looks (normal \
                     approximation, one metric, direction increase)",
            start: |_| kayenta::per_step(),
        },
        Contender {
            name: "Kay.grow",
            source: "the same on all looks so far, judged at every look from the tenth on",
            start: |_| kayenta::growing(),
        },
        Contender {
            name: "z 1 %",
            source: "textbook: one-sided two-proportion z-test at 1 % of all counts so far, peeked at each look",
            start: |_| pooled::z_test(),
        },
        Contender {
            name: "GrowthB.",
            source: "growthbook/growthbook @8f1db44: one-sided asymptotic sequential interval on pooled arms, \
                     tuning 5000, at our alpha (5 % is usual there) and on this ladder (its own monitored ramp splits \
                     each step 50/50, which spares it the change of the split)",
            start: |_| pooled::sequential_interval(),
        },
    ]
}
