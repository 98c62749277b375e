//! `checks:` -> what is compared, and what is forbidden outright.

use std::time::Duration;

use crate::domain::Name;
use crate::judge::{Limit, Tolerance, Worse};

use super::family::Family;
use super::fields::Fields;
use super::model::{Check, Numbers, Of, Unit};
use super::problem::{Place, Sink, quoted};
use super::read_limits::limits;
use super::read_numbers::numbers;
use super::shared::{USED_BY, WHOLE_ROUTE};
use super::yaml::Pair;
use super::{scalar, tolerance};

/// The written checks.
pub(super) fn checks(f: Fields<'_>, sink: &mut Sink<'_>) -> Vec<Check> {
    f.pairs("checks").iter().filter_map(|pair| check(pair, sink)).collect()
}

/// The checks that Tidegate puts in by itself and this plan does not want.
pub(super) fn off(f: Fields<'_>, sink: &mut Sink<'_>) -> Vec<Name> {
    let off = f.pairs("checks").iter().filter(|pair| pair.value.text() == Some("off"));
    let named = off.filter_map(|pair| {
        if pair.key != WHOLE_ROUTE && !pair.key.starts_with(USED_BY) {
            let message = format!("check {} is not put in by itself", quoted(&pair.key));
            let mend = format!("leave it out; `off` is for `{WHOLE_ROUTE}` and `{USED_BY}ROUTE`");
            sink.error(pair.value.at, message, mend);
        }
        scalar::name(&pair.key).ok()
    });
    named.collect()
}

/// What a plan without checks is judged by where its route counts.
pub(super) fn default_check() -> Option<Check> {
    let name = Name::new("errors").ok()?;
    Some(Check::of_requests(
        name,
        Numbers::Route,
        Some(Tolerance::default()),
        vec![Limit::half_fails()],
    ))
}

fn check(pair: &Pair, sink: &mut Sink<'_>) -> Option<Check> {
    pair.value.map()?;
    let f = Fields(&pair.value);
    let of = if f.str("of") == Some("both") { Of::Both } else { Of::Arms };
    check_name(pair, &of, sink);
    let numbers = numbers(f, &of, sink)?;
    let family = numbers.family();
    let written = Written { f, at: pair.key_at, family, of: &of };
    let mut limits = limits(f, family, &of, sink);
    let tolerate = written.tolerate(&pair.key, sink);
    if tolerate.is_some() && family == Family::Failures {
        limits.push(Limit::half_fails());
    }
    let unit = written.unit(&numbers, sink);
    let worse = written.worse(sink);
    let late = written.late(sink);
    Some(Check {
        name: scalar::name(&pair.key).ok()?,
        numbers,
        tolerate,
        limits,
        of,
        unit,
        worse,
        late,
    })
}

/// Names that Tidegate gives to checks of its own mean the same everywhere.
fn check_name(pair: &Pair, of: &Of, sink: &mut Sink<'_>) {
    if pair.key.starts_with(USED_BY) {
        let message = format!("{} is what Tidegate calls a check of its own", quoted(&pair.key));
        sink.error(pair.key_at, message, "give it another name, or write `off`");
    } else if pair.key == WHOLE_ROUTE && *of != Of::Both {
        let message = format!("`{WHOLE_ROUTE}` is about both arms together");
        sink.error(pair.key_at, message, "add `of: both`, or give it another name");
    }
}

/// A check whose numbers are known: what its other keys may say.
struct Written<'a> {
    f: Fields<'a>,
    at: Place,
    family: Family,
    of: &'a Of,
}

impl Written<'_> {
    fn tolerate(&self, name: &str, sink: &mut Sink<'_>) -> Option<Tolerance> {
        if *self.of == Of::Both {
            self.of_both(sink);
            return None;
        }
        let Some(text) = self.f.str("tolerate") else { return self.usual(name, sink) };
        match tolerance::parse(text).ok()?.of(self.family) {
            Ok(tolerance) => Some(tolerance),
            Err(mend) => {
                let message = format!("{} cannot tolerate {}", self.family.words(), quoted(text));
                sink.error(self.f.at("tolerate"), message, mend);
                None
            }
        }
    }

    fn usual(&self, name: &str, sink: &mut Sink<'_>) -> Option<Tolerance> {
        if self.f.node("limit").is_some() || self.f.node("tolerate").is_some() {
            return None;
        }
        let (tolerance, text) = tolerance::usual(self.family);
        let message = format!("check `{name}` without a tolerance: {text} is taken");
        let mend = format!("add `tolerate: {text}` to say that it is meant");
        sink.warn(self.at, message, mend);
        Some(tolerance)
    }

    /// Nothing is left to compare both arms with but themselves an hour ago, and that is a limit.
    fn of_both(&self, sink: &mut Sink<'_>) {
        const LIMIT: &str = "limit: { above: 2x before, for: 1m, then: pause }";
        if matches!(self.family, Family::Slowness | Family::Values) {
            let message = format!("{} of both arms have no before", self.family.words());
            let mend = "leave `of` out, or write the `value` of a PromQL query without `{$arm}`";
            sink.error(self.f.key_at("of"), message, mend);
        } else if self.f.node("tolerate").is_some() {
            let message = "both arms together are held to a limit, not compared";
            sink.error(self.f.key_at("tolerate"), message, format!("write `{LIMIT}`"));
        } else if self.f.node("limit").is_none() {
            let message = "both arms together need a limit";
            sink.error(self.f.key_at("of"), message, format!("add `{LIMIT}`"));
        }
    }

    /// Only observations say whose they are, and only of failures there is a worst.
    fn unit(&self, numbers: &Numbers, sink: &mut Sink<'_>) -> Unit {
        let words = [("request", Unit::Request), ("user", Unit::User)];
        let unit = self.f.word("unit", &words).unwrap_or_default();
        let refused = match (unit, numbers, self.of) {
            (Unit::Request, ..) | (Unit::User, Numbers::Push, Of::Arms) => return unit,
            (_, Numbers::Latency | Numbers::Values { .. }, _) => {
                ("`unit: user` counts users who met a failure", "write a check of its own for it")
            }
            (_, Numbers::Push, _) => {
                ("`unit: user` compares the arms", "leave it out: requests of both are counted")
            }
            _ => (
                "counters do not say whose requests they count",
                "add `source: push`, or leave it out",
            ),
        };
        sink.error(self.f.at("unit"), refused.0, refused.1);
        unit
    }

    fn worse(&self, sink: &mut Sink<'_>) -> Worse {
        let words = [("higher", Worse::Higher), ("lower", Worse::Lower)];
        let Some(worse) = self.f.word("worse", &words) else { return Worse::default() };
        let compares = *self.of != Of::Both
            && (self.f.node("tolerate").is_some() || self.f.node("limit").is_none());
        if matches!(self.family, Family::Failures | Family::Slowness) {
            let message = format!("more {} are always worse", self.family.words());
            sink.error(self.f.key_at("worse"), message, "leave it out");
        } else if !compares {
            let message = "`worse` says which direction a comparison minds, and this is none";
            let mend = "leave it out: `above` and `below` say theirs";
            sink.error(self.f.key_at("worse"), message, mend);
        }
        worse
    }

    fn late(&self, sink: &mut Sink<'_>) -> Duration {
        let late = self.f.length("late").unwrap_or_default();
        if self.family == Family::Level && self.f.node("late").is_some() {
            sink.error(self.f.key_at("late"), "a level is read as it is now", "leave it out");
        }
        late
    }
}
