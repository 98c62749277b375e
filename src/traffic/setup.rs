//! What to paste so that a route follows Tidegate.

use super::haproxy;
use crate::plan::{Route, Splitter};

/// The text of `tidegate provider setup`. `base_url`: where the provider listener is reached, without a slash at its end.
pub fn setup(route: &Route, base_url: &str) -> String {
    let name = &route.name;
    match &route.split {
        Splitter::Haproxy { sides, .. } => haproxy::setup(name.as_str(), sides, base_url),
        Splitter::Pull { unit, .. } => {
            let unit = unit.as_deref().unwrap_or("unit");
            pull(name.as_str(), unit, base_url)
        }
        Splitter::Flag { flag, unit } => flag_clients(flag.as_str(), unit, base_url),
        Splitter::Observe => format!(
            "# Route `{name}` is observed: somebody else moves its traffic, and there is nothing to paste.\n\
             # Its arms are told apart by the label `{}`.\n",
            route.arm.label
        ),
    }
}

fn pull(route: &str, unit: &str, base_url: &str) -> String {
    format!(
        "\
# Route `{route}` followed by a program of yours. Ask for ever; each answer is held up to 20 s:
#
#   have = \"\"                                  # nothing is in force yet
#   loop:
#     answer = GET {base_url}/pull/v1/splits/{route}?node=HOST&boot=START&have={{have}}
#     200: put canary_ppm, segments, baseline, canary and salt in force, then have = answer.generation
#     304: nothing new.   Anything else, or no answer: keep what you have, wait 1 s
#   for each {unit}:
#     canary if xxh3_64(salt + \"\\0\" + {unit}) * 1000000 / 2^64 < canary_ppm, else baseline
#     where one of segments is {unit}'s (its attribute has that value), its canary_ppm counts instead
#
# HOST outlives a restart, START differs after each; the poll with the new `have` is the acknowledgement.
curl -H \"Authorization: Bearer $TIDEGATE_TOKEN\" \\
  '{base_url}/pull/v1/splits/{route}?node='\"$(hostname)\"'&boot=1&have='
"
    )
}

fn flag_clients(flag: &str, unit: &str, base_url: &str) -> String {
    let (drawn_by, context) = match unit {
        "targetingKey" => (String::from("its targeting key"), String::new()),
        unit => (
            format!("`{unit}`, or by the targeting key where the context has none"),
            format!(",\"{unit}\":\"u1\""),
        ),
    };
    format!(
        "\
# Flag `{flag}`: any OpenFeature client with an OFREP provider. Its value is the version's label, a string;
# who gets which is drawn by {drawn_by}.
OFREP_ENDPOINT={base_url}
# Try it:
curl -H 'Content-Type: application/json' -d '{{\"context\":{{\"targetingKey\":\"u1\"{context}}}}}' \\
  {base_url}/ofrep/v1/evaluate/flags/{flag}
"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::Name;
    use crate::plan::ArmLabel;

    /// Every text names the route's own words; that HAProxy's works is shown by tests/providers.
    #[track_caller]
    fn check(split: Splitter, expect: &[&str]) {
        let arm = ArmLabel { label: "version".to_owned(), baseline: None, canary: None };
        let route = Route {
            name: Name::new("shop").unwrap(),
            labels: BTreeMap::new(),
            split,
            arm,
            count: None,
            serves: None,
            used_by: Vec::new(),
            dashboard: None,
            traffic: None,
        };
        let text = setup(&route, "http://tidegate:7402");
        for word in expect {
            assert!(text.contains(word), "no `{word}` in:\n{text}");
        }
    }

    #[test]
    fn each_splitter_is_told_how_to_follow() {
        let sides = ["be_old".to_owned(), "be_new".to_owned()];
        check(
            Splitter::Haproxy { instances: 3, sides },
            &["setenv TIDEGATE_URL http://tidegate:7402\n", "use_backend be_new if", "str(shop)"],
        );
        let unit = Some("order_id".to_owned());
        check(
            Splitter::Pull { instances: 3, unit },
            &["http://tidegate:7402/pull/v1/splits/shop?node=", "for each order_id:"],
        );
        let flag = Name::new("search-v2").unwrap();
        check(
            Splitter::Flag { flag, unit: "user_id".to_owned() },
            &[
                "OFREP_ENDPOINT=http://tidegate:7402\n",
                "/ofrep/v1/evaluate/flags/search-v2",
                "{\"targetingKey\":\"u1\",\"user_id\":\"u1\"}",
            ],
        );
        let flag = Name::new("search-v2").unwrap();
        check(
            Splitter::Flag { flag, unit: "targetingKey".to_owned() },
            &["drawn by its targeting key.", "{\"targetingKey\":\"u1\"}"],
        );
        check(Splitter::Observe, &["somebody else moves its traffic", "`version`"]);
    }
}
