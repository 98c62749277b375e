//! What every provider must keep to, on the real programs: one suite, run on each.

#[path = "../support/mod.rs"]
mod support;

mod laws;
mod subjects;
mod world;

use subjects::{FlagClients, HaproxyFollower, Observed, PullProgram};

/// Runs each law that applies on a subject, each in a world of its own.
macro_rules! conformance {
    ($module:ident: $subject:ident, $($law:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $law() {
                    super::laws::$law(super::world::World::<super::$subject>::start().await).await;
                }
            )+
        }
    };
}

conformance! {
    haproxy: HaproxyFollower,
    set_and_read_back
    saying_it_again_changes_nothing
    an_older_generation_is_refused
    a_replica_that_knows_less_is_not_believed
    unreachable_changes_nothing
    a_restarted_proxy_gets_its_split_back
    our_restart_is_not_noticed
    three_releases_in_a_row
    no_request_is_dropped_under_load
    a_hand_that_lowers_stands
    a_hand_that_raises_is_undone
    a_hand_beats_a_raise_on_its_way
    a_pause_respects_the_hand_and_its_end_overrules_it
    who_is_in_stays_in
}

conformance! {
    pull: PullProgram,
    set_and_read_back
    saying_it_again_changes_nothing
    an_older_generation_is_refused
    a_replica_that_knows_less_is_not_believed
    unreachable_changes_nothing
    a_restarted_proxy_gets_its_split_back
    our_restart_is_not_noticed
    three_releases_in_a_row
    a_hand_that_lowers_stands
    a_hand_that_raises_is_undone
    a_hand_beats_a_raise_on_its_way
    a_pause_respects_the_hand_and_its_end_overrules_it
}

// Flag clients keep no split: each answer is asked for, so there is nothing to restart, to acknowledge or to edit.
conformance! {
    flag: FlagClients,
    set_and_read_back
    saying_it_again_changes_nothing
    an_older_generation_is_refused
    our_restart_is_not_noticed
    three_releases_in_a_row
    who_is_in_stays_in
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_route_is_confirmed_and_told_to_nobody() {
    Observed::check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_told_to_finish_does() {
    HaproxyFollower::check_soft_stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_without_a_token_acknowledges_nothing() {
    HaproxyFollower::check_refused().await;
}
