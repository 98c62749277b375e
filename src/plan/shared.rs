//! The checks for harm that no comparison of the arms can see: put into every plan whose route counts.
//!
//! Does not: judge them (`judge`).

use std::time::Duration;

use crate::domain::Name;
use crate::judge::{Limit, LimitAction, LimitKind};

use super::model::{Check, Numbers, Of, Plan, Route, Used};

/// Both arms together, against the hour before the shift.
pub(super) const WHOLE_ROUTE: &str = "whole-route";
/// Before the name of a route that this one can hurt.
pub(super) const USED_BY: &str = "used-by-";

/// Those of a route's `used_by` that are known and count, each once, in the order written.
pub(super) fn uses(route: &Route, known: &[Used]) -> Vec<Used> {
    let mut uses: Vec<Used> = Vec::new();
    for name in route.used_by.iter().filter(|name| **name != route.name) {
        let found = known.iter().find(|used| used.route.name == *name);
        if let Some(used) = found.filter(|used| used.route.count.is_some())
            && uses.iter().all(|other| other.route.name != *name)
        {
            uses.push(used.clone());
        }
    }
    uses
}

/// What the plan neither turns off nor has as a check of its own.
pub(super) fn shared_checks(plan: &Plan, route: &Route, uses: &[Used]) -> Vec<Check> {
    let of_route = |check: &Check| check.of == Of::Both && check.numbers == Numbers::Route;
    let counts = route.count.is_some() && !plan.checks.iter().any(of_route);
    let whole = counts.then(|| (WHOLE_ROUTE.to_owned(), Of::Both));
    let used = uses.iter().map(|used| {
        let name = &used.route.name;
        (format!("{USED_BY}{name}"), Of::Route(name.clone()))
    });
    let named = whole.into_iter().chain(used);
    let checks = named.filter_map(|(name, of)| Some(check(Name::new(&name).ok()?, of)));
    let wanted = |check: &Check| {
        !plan.off.contains(&check.name) && plan.checks.iter().all(|own| own.name != check.name)
    };
    checks.filter(wanted).collect()
}

/// Twice as many failures as before, for two minutes: days and deploys of others move a route by less, or for less
/// long. A person is asked, for the canary may well be innocent.
fn check(name: Name, of: Of) -> Check {
    let limit = Limit {
        kind: LimitKind::AboveBefore(2.0),
        min_requests: 20,
        lasting: Duration::from_secs(120),
        then: LimitAction::Pause,
    };
    Check { of, ..Check::of_requests(name, Numbers::Route, None, vec![limit]) }
}
