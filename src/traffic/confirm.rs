//! When a split is in force.
//!
//! Owns: the one answer to "may the rollout count on generation g?", from what is known of each instance.
//! Does not: look at request counts: those raise doubt, they never gate (L12).

use std::time::Duration;

use crate::domain::{Generation, Weight, human};

/// An instance that has not polled for this long no longer holds up a raise.
pub const SILENT_AFTER: Duration = Duration::from_secs(60);

/// What is known of one instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follower<'a> {
    pub(super) node: &'a str,
    pub(super) acknowledged: Generation,
    /// Whether it has polled since we started and within [`SILENT_AFTER`].
    pub(super) live: bool,
    /// Since its last poll; since our own start where it has not polled yet.
    pub(super) silent: Duration,
    /// The highest weight it was told, or was seen at, in the rollout that holds the route.
    pub(super) served: Weight,
}

/// The split that is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) generation: Generation,
    /// The idle side's share: what the canary there gets.
    pub(super) weight: Weight,
    /// How many instances the route says there are.
    pub(super) expected: u32,
    /// The split that first kept a segment apart: an older one gives it the canary.
    pub(super) apart_since: Option<Generation>,
}

/// How far a split has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    pub generation: Generation,
    pub confirmed: bool,
    /// Known instances that carry this generation or a newer one.
    pub following: u32,
    /// Instances that polled lately, or carried canary traffic in this rollout.
    pub known: u32,
    /// What the route says there are; 0 where nobody is waited for.
    pub expected: u32,
    /// What is missing, in words for people; empty once confirmed.
    pub waiting_for: Vec<String>,
}

impl Confirmation {
    /// Of a split nobody has to fetch: in force as soon as it is published here.
    pub(super) fn at_once(generation: Generation) -> Self {
        let waiting_for = Vec::new();
        Self { generation, confirmed: true, following: 0, known: 0, expected: 0, waiting_for }
    }
}

impl Follower<'_> {
    fn recent(&self) -> bool {
        self.silent < SILENT_AFTER
    }

    fn known(&self) -> bool {
        self.recent() || self.served > Weight::ZERO
    }

    /// Silence excuses nobody who may still send users to the canary more often than wished.
    fn blocks(&self, asked: Asked) -> bool {
        self.acknowledged < asked.generation && (self.recent() || self.carries_more(asked))
    }

    fn carries_more(&self, asked: Asked) -> bool {
        let mixes = asked.apart_since.is_some_and(|since| self.acknowledged < since);
        self.served > asked.weight || (mixes && self.served > Weight::ZERO)
    }

    fn lag(&self, asked: Asked, route: &str) -> String {
        let Self { node, acknowledged, silent, served, .. } = *self;
        if self.recent() {
            return format!("{node} is at split {acknowledged}, {} is wished", asked.generation);
        }
        format!(
            "{node} has been silent for {} and may carry up to {served}; if it is gone for good: \
             tidegate provider forget {route} {node}",
            human(silent)
        )
    }
}

/// Decides whether `asked` is in force.
///
/// A raise waits for everybody who polls, and for as many as the route says there are. A lowering waits for everybody
/// who ever carried more than is wished now, however silent; if nobody ever carried any, zero is in force already.
pub(super) fn confirm(asked: Asked, route: &str, followers: &[Follower<'_>]) -> Confirmation {
    let known: Vec<_> = followers.iter().filter(|f| f.known()).collect();
    let following = known.iter().filter(|f| f.acknowledged >= asked.generation).count();
    let exposed = followers.iter().any(|f| f.served > Weight::ZERO);
    let lowers = asked.weight == Weight::ZERO || followers.iter().any(|f| f.served > asked.weight);
    let mut waiting_for = Vec::new();
    if exposed || !lowers {
        waiting_for.extend(known.iter().filter(|f| f.blocks(asked)).map(|f| f.lag(asked, route)));
    }
    if !lowers {
        waiting_for.extend(missing(asked.expected, followers));
    }
    Confirmation {
        generation: asked.generation,
        confirmed: waiting_for.is_empty(),
        following: count(following),
        known: count(known.len()),
        expected: asked.expected,
        waiting_for,
    }
}

fn missing(expected: u32, followers: &[Follower<'_>]) -> Option<String> {
    let live = count(followers.iter().filter(|f| f.live).count());
    (live < expected).then(|| format!("{live} of {expected} instances poll; a raise waits for all"))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `node acknowledged silent-seconds served-%`, `-` before the seconds: not polled since our start.
    fn follower(text: &str) -> Follower<'_> {
        let parts: Vec<&str> = text.split(' ').collect();
        let silent = Duration::from_secs(parts[2].trim_start_matches('-').parse().unwrap());
        Follower {
            node: parts[0],
            acknowledged: Generation(parts[1].parse().unwrap()),
            live: !parts[2].starts_with('-') && silent < SILENT_AFTER,
            silent,
            served: Weight::parse_percent(parts[3]).unwrap(),
        }
    }

    /// Generation 5 is asked about, of a route that says it has two instances.
    #[track_caller]
    fn check(weight: &str, followers: &[&str], expect: &str) {
        check_apart(None, weight, followers, expect);
    }

    /// `apart_since`: the split that first kept a segment apart.
    #[track_caller]
    fn check_apart(apart_since: Option<i64>, weight: &str, followers: &[&str], expect: &str) {
        let weight = Weight::parse_percent(weight).unwrap();
        let apart_since = apart_since.map(Generation);
        let asked = Asked { generation: Generation(5), weight, expected: 2, apart_since };
        let followers: Vec<_> = followers.iter().map(|f| follower(f)).collect();
        let got = confirm(asked, "shop", &followers);
        let words = match got.confirmed {
            true => "confirmed".to_owned(),
            false => got.waiting_for.join("; "),
        };
        assert_eq!(format!("{} of {}: {words}", got.following, got.known), expect);
    }

    #[test]
    fn a_raise_waits_for_everybody_who_polls() {
        check("25%", &["a 5 0 25%", "b 5 9 25%"], "2 of 2: confirmed");
        check("25%", &["a 6 0 25%", "b 5 59 25%"], "2 of 2: confirmed");
        check("25%", &["a 5 0 25%", "b 4 9 5%"], "1 of 2: b is at split 4, 5 is wished");
        check("25%", &["a 5 0 25%", "b 0 9 0%"], "1 of 2: b is at split 0, 5 is wished");
    }

    #[test]
    fn a_raise_waits_for_as_many_as_the_route_says() {
        let few = "1 of 2 instances poll; a raise waits for all";
        check("25%", &["a 5 0 25%"], &format!("1 of 1: {few}"));
        check("25%", &[], "0 of 0: 0 of 2 instances poll; a raise waits for all");
        check("25%", &["a 5 0 25%", "b 4 70 5%"], &format!("1 of 2: {few}"));
        check("25%", &["a 5 0 25%", "b 4 70 0%"], &format!("1 of 1: {few}"));
        check("25%", &["a 5 0 25%", "b 5 -3 25%"], &format!("2 of 2: {few}"));
    }

    #[test]
    fn silence_holds_up_no_raise_when_enough_others_poll() {
        let others = ["a 5 0 25%", "b 5 1 25%"];
        check("25%", &[others[0], others[1], "gone 4 61 5%"], "2 of 3: confirmed");
        check("25%", &[others[0], others[1], "new 0 61 0%"], "2 of 2: confirmed");
        check("25%", &[others[0], others[1], "c 4 59 5%"], "2 of 3: c is at split 4, 5 is wished");
    }

    #[test]
    fn a_revert_waits_for_the_silent_who_carried_the_canary() {
        check(
            "0%",
            &["a 5 0 50%", "b 4 70 50%"],
            "1 of 2: b has been silent for 70 s and may carry up to 50 %; if it is gone for good: \
             tidegate provider forget shop b",
        );
        check("0%", &["a 5 0 50%", "b 5 4000 50%"], "2 of 2: confirmed");
        check("0%", &["a 5 0 50%", "b 4 70 0%"], "1 of 1: confirmed");
        check("0%", &["a 5 0 50%", "b 4 5 0%"], "1 of 2: b is at split 4, 5 is wished");
    }

    #[test]
    fn a_revert_asks_for_no_instance_that_never_was_there() {
        check("0%", &["a 5 0 50%"], "1 of 1: confirmed");
        check("0%", &[], "0 of 0: confirmed");
        check("0%", &["a 4 0 0%"], "0 of 1: confirmed");
    }

    #[test]
    fn a_cut_waits_for_the_silent_who_may_still_mix_the_segment_in() {
        let gone = "2 of 3: gone has been silent for 70 s and may carry up to 5 %; if it is gone for \
                    good: tidegate provider forget shop gone";
        let all = ["a 5 0 5%", "b 5 1 5%", "gone 4 70 5%"];
        check("5%", &all, "2 of 3: confirmed");
        check_apart(Some(5), "5%", &all, gone);
        check_apart(Some(5), "25%", &all, gone);
        // It has left the segment out since the split before.
        check_apart(Some(4), "25%", &all, "2 of 3: confirmed");
        check_apart(Some(5), "5%", &[all[0], all[1], "new 0 70 0%"], "2 of 2: confirmed");
    }

    #[test]
    fn a_step_back_is_a_lowering_too() {
        check(
            "5%",
            &["a 5 0 25%", "b 4 3600 25%"],
            "1 of 2: b has been silent for 60m and may carry up to 25 %; if it is gone for good: \
             tidegate provider forget shop b",
        );
        check("5%", &["a 5 0 25%", "b 5 1 25%"], "2 of 2: confirmed");
    }
}
