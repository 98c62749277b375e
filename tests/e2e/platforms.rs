//! An app by flag: a version that is ill on one platform is taken from that one alone.

use std::collections::BTreeMap;

use crate::support::apps::{Apps, Got};
use crate::world::{FLAG, USUAL, World, measured};

/// So many users are asked what they get.
const ASKED: u64 = 100;

fn plan(steps: &str) -> String {
    format!(
        "plan: {FLAG}\n\
         route: {FLAG}\n\
         owner: team-search\n\
         inputs: [version]\n\
         canary: $version\n\
         harm: 3pp\n\
         look: 1s\n\
         bake: 2s\n\
         steps: [{steps}]\n\
         segments: {{ platform: [ios, android, web] }}\n\
         on_regression: revert segment\n"
    )
}

fn all(version: &str, reason: &str) -> BTreeMap<Got, u64> {
    let got = Got { version: version.to_owned(), reason: reason.to_owned() };
    BTreeMap::from([(got, ASKED)])
}

/// Both versions, spread by the hash.
fn are_split(answers: &BTreeMap<Got, u64>) -> bool {
    answers.len() == 2 && answers.keys().all(|got| got.reason == "SPLIT")
}

async fn is_cut(world: &World, apps: &Apps, name: &str, versions: [&str; 2]) {
    let [old, new] = versions;
    apps.fails(new, "ios", 0.3);
    let began = world.now();
    let told = world.tells(name, "cut", "platform ios → 0 %, the others stay at 50 %").await.text;
    measured("cut, from the fault on", world.since(began));
    assert!(told.contains("errors in platform ios: the canary fails"), "{told}");
    assert_eq!(apps.ask("ios", ASKED).await, all(old, "TARGETING_MATCH"));
    for platform in ["android", "web"] {
        let answers = apps.ask(platform, ASKED).await;
        assert!(are_split(&answers), "{platform}: {answers:?}");
    }
    let view = world.tidegate.rollout(name).await;
    let cuts: Vec<_> = view.cuts.iter().map(|cut| cut.value.as_str()).collect();
    assert_eq!((cuts, view.needs_person), (vec!["ios"], false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_platform_is_cut_and_a_second_one_reverts_everybody() {
    let world = World::start().await;
    let apps = world.flag();
    let ladder = "{ shift: 50%, bake: 10s }, { shift: 100% }";
    let name = world.starts(FLAG, &plan(ladder), "v2").await;
    world.tells(&name, "verdict", "pass").await;
    assert!(are_split(&apps.ask("ios", ASKED).await));
    is_cut(&world, &apps, &name, ["v1", "v2"]).await;
    world.recomputed(&name);
    world.completes(&name).await;
    assert_eq!(apps.ask("ios", ASKED).await, all("v1", "TARGETING_MATCH"));
    assert_eq!(apps.ask("web", ASKED).await, all("v2", "STATIC"));

    // v2 is well on all but ios, which gets the next version like everybody.
    apps.fails("v2", "ios", USUAL);
    let ladder = "{ shift: 50%, bake: 10m }, { shift: 100% }";
    let name = world.starts(FLAG, &plan(ladder), "v3").await;
    world.tells(&name, "verdict", "pass").await;
    assert!(are_split(&apps.ask("ios", ASKED).await));
    is_cut(&world, &apps, &name, ["v2", "v3"]).await;
    apps.fails("v3", "android", 0.3);
    let view = world.reverts(&name).await;
    let why = view.reason.expect("a reason").sentence;
    assert!(why.contains("platform ios was cut before"), "{why}");
    for platform in ["ios", "android", "web"] {
        assert_eq!(apps.ask(platform, ASKED).await, all("v2", "STATIC"), "{platform}");
    }
    world.recomputed(&name);
    world.end().await;
}
