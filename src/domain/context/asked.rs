//! How much computing a call asks for. Owns counting processors and accelerators from what a record says.

use crate::domain::event::Event;
use crate::domain::event::instance_type::spec;
use crate::domain::json::{Json, object};

/// Calls whose request names instance types.
const ASKS: [&str; 10] = [
    "RunInstances",
    "CreateFleet",
    "RequestSpotInstances",
    "RequestSpotFleet",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
    "CreateLaunchConfiguration",
    "ModifyInstanceAttribute",
    "CreateNotebookInstance",
    "CreateAutoScalingGroup",
];

/// Members of requests that say how many.
const COUNTS: [&str; 5] = ["maxCount", "instanceCount", "targetCapacity", "TotalTargetCapacity", "maxSize"];

/// The instance types that a call asks for. Of a fleet, which names many to choose from, those that it was given, once the answer says.
pub(super) fn types(event: &Event) -> Vec<String> {
    let mut types = Vec::new();
    let Some(name) = event.detail.text("eventName").filter(|name| ASKS.contains(name)) else { return types };
    for side in ["responseElements", "requestParameters"] {
        event.detail.get(side).into_iter().for_each(|side| collect(side, &mut types));
        if name == "CreateFleet" && !types.is_empty() {
            break;
        }
    }
    types.sort();
    types.dedup();
    types
}

fn collect(value: &Json, types: &mut Vec<String>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| collect(item, types)),
        Json::Object(members) => {
            for (name, member) in members {
                // `ModifyInstanceAttribute` has `{"instanceType": {"value": …}}`.
                match member.as_str().or_else(|| member.text("value")) {
                    Some(one) if name.eq_ignore_ascii_case("instanceType") => {
                        types.push(one.trim_start_matches("ml.").to_owned());
                    }
                    _ => collect(member, types),
                }
            }
        }
        _ => {}
    }
}

fn count(value: &Json) -> Option<i64> {
    match value {
        Json::Object(members) => members
            .iter()
            .filter_map(|(name, member)| match member {
                Json::Number(number) if COUNTS.contains(&name.as_str()) => number.as_str().parse().ok(),
                other => count(other),
            })
            .max(),
        Json::Array(items) => items.iter().filter_map(count).max(),
        _ => None,
    }
}

/// More than anybody launches at once: what is assumed of a launch that the record does not show.
const ANYTHING: i64 = 1_000_000;

/// What is asked for, as facts: of several types the greatest counts. Of a launch whose types AWS left out, anything.
pub(super) fn asked(event: &Event, types: &[String], left_out: bool) -> Option<Json> {
    let launches = || event.detail.text("eventName").is_some_and(|name| ASKS.contains(&name));
    if types.is_empty() && left_out && launches() {
        return Some(object([
            ("vcpus", ANYTHING.into()),
            ("accelerators", 1i64.into()),
            ("guessed", true.into()),
        ]));
    }
    let known = types.iter().map(|name| (name, spec(name)));
    let (name, greatest) = known.max_by_key(|(_, one)| (one.accelerators, one.vcpus))?;
    let count = event.detail.get("requestParameters").and_then(count).unwrap_or(1).max(1);
    let mut asked = vec![
        ("instance-type", name.as_str().into()),
        ("count", count.into()),
        ("vcpus", i64::from(greatest.vcpus).saturating_mul(count).into()),
        ("accelerators", i64::from(greatest.accelerators).saturating_mul(count).into()),
    ];
    asked.extend(greatest.guessed.then_some(("guessed", true.into())));
    Some(Json::Object(asked.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}
