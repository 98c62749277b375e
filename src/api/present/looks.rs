//! The kept looks, judged again: what each came to, and whether all of them come to what is stored.

use std::ops::Range;

use crate::api::views::{At, LookCheckView, LookView, RecomputedView};
use crate::domain::Timestamp;
use crate::engine::{Memory, criteria, rules};
use crate::judge::words::{odds, thousands, value};
use crate::judge::{Criterion, Evidence, Judgement, Kept, Moments, Numbers, Recomputed, What};
use crate::store::{KeptLooks, Stored};

/// Looks times checks that are judged again for one question: a few seconds.
const MOST: u64 = 1_000_000;

/// Looks judged again.
#[derive(Clone, Debug)]
pub struct Retold {
    /// Those that were wanted.
    pub looks: Vec<LookView>,
    pub recomputed: RecomputedView,
}

/// Too many to judge them again while somebody waits.
pub fn are_many(stored: &Stored) -> bool {
    let checks = stored.program.plan.items().len().max(1) as u64;
    stored.memory.judged.saturating_mul(checks) > MOST
}

/// Judges everything again and shows the looks whose numbers are `wanted`. `kept`: all that is stored, oldest first.
pub fn retold(stored: &Stored, kept: &[KeptLooks], wanted: Range<u64>) -> Retold {
    let mut looks = Vec::new();
    let told = outcome(stored, kept, |number, look, criteria, judged| {
        if wanted.contains(&number) {
            looks.push(view(number, look, criteria, judged));
        }
    });
    let recomputed = RecomputedView { outcome: told.word().to_owned(), text: told.text() };
    Retold { looks, recomputed }
}

/// The evidence as far as kept looks have led.
struct Retelling<'a, F> {
    again: Recomputed<'a>,
    criteria: &'a [Criterion],
    /// Of the last look taken in.
    number: u64,
    differs: Option<(u64, Timestamp)>,
    tell: F,
}

impl<F: FnMut(u64, &Kept, &[Criterion], &Judgement)> Retelling<'_, F> {
    fn take(&mut self, look: &Kept) {
        self.number += 1;
        let (judged, same) = self.again.take(look);
        if !same {
            self.differs.get_or_insert((self.number, look.at));
        }
        (self.tell)(self.number, look, self.criteria, &judged);
    }

    /// What is newer than the memory at hand is left alone: the store may be a little ahead of it.
    fn stored(&mut self, kept: &[KeptLooks], judged: u64) -> Option<Outcome> {
        for some in kept {
            if some.number != self.number + 1 {
                return Some(Outcome::Missing(self.number + 1));
            }
            let Ok(looks) = some.chunk.looks() else {
                return Some(Outcome::Unreadable(some.number));
            };
            for look in &looks {
                if self.number == judged {
                    return None;
                }
                self.take(look);
            }
        }
        None
    }

    fn unkept(&mut self, memory: &Memory) {
        for (number, look) in (memory.first_unkept()..).zip(memory.unkept.looks()) {
            if number == self.number + 1 {
                self.take(look);
            }
        }
    }

    fn end(mut self, memory: &Memory) -> Outcome {
        match self.differs {
            Some((number, at)) => Outcome::Different { number, at: Some(at) },
            None if self.number < memory.judged => Outcome::Missing(self.number + 1),
            None if self.again.is(&memory.evidence) => Outcome::Same,
            None => Outcome::Different { number: self.number, at: None },
        }
    }
}

fn outcome(
    stored: &Stored,
    kept: &[KeptLooks],
    tell: impl FnMut(u64, &Kept, &[Criterion], &Judgement),
) -> Outcome {
    let memory = &stored.memory;
    if memory.judged == 0 {
        return Outcome::None;
    }
    if memory.evidence.version() != Evidence::VERSION {
        return Outcome::Older;
    }
    if are_many(stored) {
        return Outcome::Many(memory.judged);
    }
    let start = match kept.first() {
        Some(first) => first.start.as_ref(),
        None => memory.unkept.start(),
    };
    let Some(start) = start else {
        return if kept.is_empty() { Outcome::Gone } else { Outcome::Missing(1) };
    };
    let (rules, criteria) = (rules(&stored.program), criteria(&stored.program.plan));
    let again = Recomputed::new(&rules, &criteria, start.clone());
    let mut all = Retelling { again, criteria: &criteria, number: 0, differs: None, tell };
    if let Some(wrong) = all.stored(kept, memory.judged) {
        return wrong;
    }
    all.unkept(memory);
    all.end(memory)
}

/// What comes of judging again.
enum Outcome {
    None,
    Same,
    Gone,
    Missing(u64),
    Older,
    Many(u64),
    Unreadable(u64),
    /// `at`: of the first look that comes out otherwise; `None` where every look says what it said, and the evidence
    /// behind the last one is another all the same.
    Different {
        number: u64,
        at: Option<Timestamp>,
    },
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Same => "same",
            Self::Gone => "gone",
            Self::Missing(_) => "missing",
            Self::Older => "older",
            Self::Many(_) => "many",
            Self::Unreadable(_) => "unreadable",
            Self::Different { .. } => "different",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::None => "no look has been judged yet".to_owned(),
            Self::Same => "recomputed from the kept looks: same bits".to_owned(),
            Self::Gone => {
                "not recomputed: its looks are kept no longer (the server's --looks-kept)"
                    .to_owned()
            }
            Self::Missing(number) => {
                format!("not recomputed: look {} is not among those kept", thousands(*number))
            }
            Self::Older => {
                "not recomputed: an earlier version of the formulas judged it".to_owned()
            }
            Self::Many(looks) => {
                format!("not recomputed: {} looks are too many to wait for", thousands(*looks))
            }
            Self::Unreadable(number) => {
                format!(
                    "NOT RECOMPUTED: the bytes kept from look {} on are spoilt",
                    thousands(*number)
                )
            }
            Self::Different { number, at } => {
                let number = thousands(*number);
                let which = at.map_or_else(
                    || format!("what is stored after look {number} is not what the looks lead to"),
                    |at| format!("look {number} of {} comes out otherwise", at.clock()),
                );
                format!(
                    "NOT THE SAME BITS: {which}; what was decided may rest on a defect: keep the data and report it"
                )
            }
        }
    }
}

fn view(number: u64, look: &Kept, criteria: &[Criterion], judged: &Judgement) -> LookView {
    let checks = look.input.checks.iter().zip(criteria).zip(&judged.readings).enumerate();
    let check = |(index, ((numbers, criterion), reading)): (usize, ((&Option<Numbers>, _), _))| {
        let criterion: &Criterion = criterion;
        let reading: &crate::judge::Reading = reading;
        let [canary, baseline] = numbers.as_ref().map_or_else(unknown, |n| arms(n, reading.what));
        LookCheckView {
            name: criterion.name.clone(),
            compared: look.compared.get(index).copied().unwrap_or_default(),
            numbers: serde_json::to_value(numbers).unwrap_or_default(),
            canary,
            baseline,
            log_evidence: reading.log_evidence,
        }
    };
    LookView {
        number,
        at: At(look.at),
        lasting_seconds: look.input.lasting.as_secs_f64(),
        weight_ppm: look.input.weight.ppm(),
        checks: checks.map(check).collect(),
        log_evidence: judged.log_evidence,
        log_limit: judged.log_limit,
        evidence: judged.log_evidence.map_or_else(|| "limits only".to_owned(), odds),
        sentence: judged.sentence(),
    }
}

fn unknown() -> [String; 2] {
    ["?".to_owned(), "?".to_owned()]
}

/// Of canary and baseline; of a histogram the requests slower than the bound that is told of.
fn arms(numbers: &Numbers, what: What) -> [String; 2] {
    let of = |part: u64, whole: u64| format!("{}/{}", thousands(part), thousands(whole));
    let mean = |m: &Moments| match m.events {
        0 => "none".to_owned(),
        n => format!("{} of {}", value(m.sum / n as f64), thousands(n)),
    };
    match numbers {
        Numbers::Counts(c) => {
            [of(c.canary_failures, c.canary_requests), of(c.baseline_failures, c.baseline_requests)]
        }
        Numbers::Histogram(h) => {
            let told = h.slower.iter().find(|slower| What::SlowerThan(slower.than) == what);
            match told {
                Some(slow) => {
                    [of(slow.canary, h.canary_requests), of(slow.baseline, h.baseline_requests)]
                }
                None => [thousands(h.canary_requests), thousands(h.baseline_requests)],
            }
        }
        Numbers::Values(v) => [mean(&v.canary), mean(&v.baseline)],
        Numbers::Gauge(pair) => [value(pair.canary), value(pair.baseline)],
        Numbers::Level(level) => [value(*level), "shared".to_owned()],
    }
}

#[cfg(test)]
mod tests;
