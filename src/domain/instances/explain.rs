//! Why an instance is hidden or alerted on: each exclusion, each of its conditions, and what it met. Owns the answer as
//! data; how it looks is its reader's.

use crate::domain::event::instance::State;
use crate::domain::instances::exclusion::{Checked, Exclusion, Fit, Missing};
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::Usage;
use crate::domain::json::{Json, object};

/// Whose story is explained, and how it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: &'a str,
    /// The region, such as `eu-west-1`; empty for what belongs to none.
    pub region: &'a str,
    /// The state that the instance comes into.
    pub state: State,
    /// Whether tags that are not there may still come.
    pub tags_may_come: bool,
    /// Whether a launch that is not known may still be read.
    pub launch_may_come: bool,
    /// Whether trailnoti's own principal launched it.
    pub is_own: bool,
}

/// Explains a story, as JSON: what is known of the instance, and each exclusion with each condition.
pub fn explain(
    exclusions: &[Exclusion],
    story: &Story,
    place: Place<'_>,
    usage: impl Fn(&str) -> Option<Usage>,
) -> Json {
    let launchers = story.launchers();
    let facts =
        story.facts((place.account, place.region), place.state, place.tags_may_come, launchers.as_deref());
    let exclusions = exclusions.iter().map(|exclusion| {
        let mut conditions: Vec<Json> = exclusion.explain(&facts).iter().map(condition).collect();
        let ceiling = exclusion.at_most.map(|at_most| ceiling(exclusion, at_most, story, &usage));
        let is_full = ceiling.as_ref().is_some_and(|ceiling| ceiling.text("holds") == Some("no"));
        conditions.extend(ceiling);
        if place.is_own {
            conditions.push(object([
                ("wanted", "not launched by trailnoti's own principal".into()),
                ("found", launchers.as_ref().map(|names| names.join(", ")).unwrap_or_default().into()),
                ("holds", "no".into()),
            ]));
        }
        let verdict = match exclusion.fit(&facts) {
            _ if is_full || place.is_own => "no",
            Fit::Undecided(missing) if missing.launch && !place.launch_may_come => "no",
            fit => verdict(fit),
        };
        object([
            ("name", exclusion.name.as_str().into()),
            ("verdict", verdict.into()),
            ("conditions", Json::Array(conditions)),
        ])
    });
    let exclusions = Json::Array(exclusions.collect());
    let launch = story.launch.as_ref().map_or(Json::Null, |launch| {
        object([
            ("call", launch.call.as_str().into()),
            ("time", launch.time.to_string().into()),
            ("principal", launch.principal.as_str().into()),
            ("address", launch.address.as_str().into()),
            ("person", launch.person.as_str().into()),
        ])
    });
    object([
        ("instance", story.instance.id.as_str().into()),
        ("account", place.account.into()),
        ("region", place.region.into()),
        ("state", place.state.name().into()),
        ("size", story.instance.size().into()),
        ("launch", launch),
        ("alerted", story.alerted.into()),
        ("held", (!story.held.is_empty()).into()),
        ("exclusions", exclusions),
    ])
}

fn condition(checked: &Checked) -> Json {
    object([
        ("wanted", checked.wanted.as_str().into()),
        ("found", checked.found.as_str().into()),
        ("holds", verdict(checked.fit).into()),
    ])
}

fn ceiling(
    exclusion: &Exclusion,
    at_most: usize,
    story: &Story,
    usage: impl Fn(&str) -> Option<Usage>,
) -> Json {
    let recent = usage(&exclusion.name).map_or(0, |usage| usage.recent.len());
    let admitted = story.admitted.contains_key(&exclusion.name);
    object([
        ("wanted", format!("at most {at_most} new instances per hour").into()),
        ("found", format!("{recent}{}", if admitted { ", including this one" } else { "" }).into()),
        ("holds", if admitted || recent < at_most { "yes" } else { "no" }.into()),
    ])
}

fn verdict(fit: Fit) -> &'static str {
    match fit {
        Fit::Yes => "yes",
        Fit::No => "no",
        Fit::Undecided(Missing { tags: true, launch: true }) => "waiting for its tags and launch record",
        Fit::Undecided(Missing { launch: true, .. }) => "waiting for its launch record",
        Fit::Undecided(_) => "waiting for its tags",
    }
}
