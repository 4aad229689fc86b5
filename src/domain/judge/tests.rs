use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::context::launch::Launch;
use crate::domain::event::instance::{Instance, Tags};
use crate::domain::instances::exclusion::{Condition, Exclusion, Wanted};
use crate::domain::instances::glob::Glob;
use crate::domain::instances::inventory;
use crate::domain::json::{Json, object};
use crate::domain::judge::inputs::Waits;
use crate::domain::judge::list::{List, Listing};
use crate::domain::pattern::Pattern;
use crate::domain::rules::rule::{Rule, Rules};
use crate::domain::severity::Severity;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const RESERVATION: &str = "r-1";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000).expect("a time") + SignedDuration::from_secs(second)
}

fn ruleset() -> Ruleset {
    let glob = |text: &str| vec![Glob::parse(text).expect("a glob")];
    let rule = |id: &str, pattern: &str| {
        let pattern = Pattern::compile(&Json::parse(pattern).expect("json")).expect("a pattern");
        Rule::plain(id, Severity::Low, pattern)
    };
    let rules = [
        rule("seen", r#"{"detail-type":["EC2 Instance State-change Notification"]}"#),
        rule("launched", r#"{"detail":{"eventName":["RunInstances"]}}"#),
    ];
    let ci = Exclusion {
        name: "ci".to_owned(),
        conditions: vec![
            Condition::Tag("team".to_owned(), Wanted::Like(glob("ci"))),
            Condition::LaunchedBy(glob("arn:aws:iam::*:user/ci")),
        ],
        at_most: None,
    };
    let waits = Waits {
        tags: Duration::from_secs(20),
        launch: Duration::from_secs(600),
        lateness: Duration::from_secs(1800),
    };
    Ruleset { rules: Rules::new(rules.into()), exclusions: vec![ci], waits, ..Ruleset::default() }
}

/// What arrives, in some order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Listed,
    Read,
    Tagged,
}

#[derive(Debug, Clone)]
struct World {
    by: &'static str,
    tags_at_launch: bool,
    tags_by_call: bool,
}

impl World {
    fn tags(&self) -> Vec<(&'static str, &'static str)> {
        if self.tags_at_launch || self.tags_by_call { vec![("team", "ci")] } else { Vec::new() }
    }

    fn listed(&self) -> Instance {
        Instance {
            id: "i-1".to_owned(),
            instance_type: "t3.large".to_owned(),
            reservation: Some(RESERVATION.to_owned()),
            tags: self.tags().iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Instance::default()
        }
    }

    fn record(&self, name: &str, id: &str, request: Json, response: Json) -> Event {
        let identity = object([
            ("type", "IAMUser".into()),
            ("arn", format!("arn:aws:iam::{ACCOUNT}:user/{}", self.by).into()),
            ("userName", self.by.into()),
        ]);
        let record = object([
            ("eventID", id.into()),
            ("eventTime", at(0).to_string().into()),
            ("eventSource", "ec2.amazonaws.com".into()),
            ("eventName", name.into()),
            ("awsRegion", REGION.into()),
            ("eventType", "AwsApiCall".into()),
            ("userIdentity", identity),
            ("requestParameters", request),
            ("responseElements", response),
        ]);
        Event::from_record(record, ACCOUNT).expect("an event")
    }

    fn event(&self, half: Half) -> Option<Event> {
        let tag = object([("key", "team".into()), ("value", "ci".into())]);
        let items = |items: Vec<Json>| object([("items", Json::Array(items))]);
        match half {
            Half::Listed => None,
            Half::Read => {
                let tags = if self.tags_at_launch { vec![tag] } else { Vec::new() };
                let item = object([
                    ("instanceId", "i-1".into()),
                    ("instanceType", "t3.large".into()),
                    ("tagSet", items(tags)),
                ]);
                let answer =
                    object([("reservationId", RESERVATION.into()), ("instancesSet", items(vec![item]))]);
                Some(self.record("RunInstances", "00000000-0000-0000-0000-000000000001", Json::Null, answer))
            }
            Half::Tagged => {
                let tags = if self.tags_by_call { vec![tag] } else { Vec::new() };
                let asked = object([
                    ("resourcesSet", items(vec![object([("resourceId", "i-1".into())])])),
                    ("tagSet", items(tags)),
                ]);
                Some(self.record("CreateTags", "00000000-0000-0000-0000-000000000002", asked, Json::Null))
            }
        }
    }
}

/// The final story, and what was alerted on and hidden of it. When each half came is not part of it.
type Ending = (Instance, Tags, Option<Launch>, Vec<String>, usize);

fn ending(world: &World, order: &[Half]) -> Ending {
    let ruleset = ruleset();
    let mut known = BTreeMap::new();
    let mut usage = BTreeMap::new();
    let (mut alerted, mut hidden) = (Vec::new(), 0);
    let mut turns: Vec<(i64, Option<Half>)> = (0..).zip(order.iter().copied().map(Some)).collect();
    turns.extend([(30, None), (700, None)]);
    for (second, half) in turns {
        let inputs = Inputs {
            ruleset: &ruleset,
            routes: &[],
            not_to: None,
            scope: Scope::region_of(ACCOUNT, REGION),
            account_name: "",
            own: None,
            now: at(second),
        };
        let view = StateView {
            stories: &known,
            usage: &usage,
            used_elsewhere: &BTreeSet::new(),
            memory: &Memory::default(),
            learned: Learned::default(),
            thresholds: &ThresholdCounts::new(),
        };
        let judgement = match half {
            Some(Half::Listed) => {
                let listing = Listing {
                    instances: &[world.listed()],
                    known: inventory::Known::Stories,
                    grace: ruleset.waits.tags,
                    regular: true,
                    heard: Heard::default(),
                    first: false,
                };
                List::compare(inputs, view, listing).judge(&Known::new())
            }
            half => {
                let record = half.and_then(|half| world.event(half)).map(|event| Received {
                    id: event.id.clone(),
                    name: String::new(),
                    time: Some(event.time),
                    record: Ok(event.detail.to_string()),
                });
                page(inputs, view, record.as_slice(), When::Now, &Known::new())
            }
        };
        hidden += judgement.excluded.len();
        alerted.extend(judgement.alerts.into_iter().map(|alert| alert.rule));
        for (id, story) in judgement.stories {
            known.insert(id, story.expect("no story ends here"));
        }
        usage.extend(judgement.usage);
    }
    alerted.sort();
    let story = known.remove("i-1").expect("a story");
    assert!(story.held.is_empty(), "{:?}", story.held);
    (story.instance, story.began_with, story.launch, alerted, hidden)
}

fn worlds() -> impl Strategy<Value = World> {
    (prop::sample::select(vec!["ci", "mallory"]), any::<bool>(), any::<bool>())
        .prop_map(|(by, tags_at_launch, tags_by_call)| World { by, tags_at_launch, tags_by_call })
}

proptest! {
    /// In whichever order the list, the launch and the call that tags arrive, the story ends the same.
    #[test]
    fn the_order_of_arrival_does_not_change_the_final_story(
        world in worlds(),
        order in Just(vec![Half::Listed, Half::Read, Half::Tagged]).prop_shuffle(),
    ) {
        // A call that tags an instance which nobody named yet says nothing: the list or the launch says it again.
        let usual = ending(&world, &[Half::Listed, Half::Read, Half::Tagged]);
        prop_assert_eq!(ending(&world, &order), usual.clone());
        let hides = world.by == "ci" && !world.tags().is_empty();
        prop_assert_eq!(usual.4, if hides { 2 } else { 0 });
    }
}
