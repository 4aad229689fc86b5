//! A report as an event. Owns its words and facts: the type by which rules know it, and what it says of what.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::event::Event;
use crate::domain::event::scope::Scope;
use crate::domain::health::places::{names, regions, unseen};
use crate::domain::health::report::Report;
use crate::domain::health::subject::Place;
use crate::domain::json::{Json, object};
use crate::domain::language::Language;
use crate::domain::text::{FACT, clean};

impl Report {
    /// The event that says it. What rules compare stays in English; what its title says is in the language.
    pub fn event(&self, scope: Scope<'_>, language: Language, now: Timestamp) -> Event {
        let words = language.words();
        let text = |text: &str| Json::from(clean(text, FACT * 2));
        let (kind, detail) = match self {
            Report::Blind { places, reason, unseen_too, since } => {
                let also = unseen_too.map(|also| ("unseen too", also.to_owned()));
                let facts = [("reason", reason.clone()), ("since", shown(*since))].into_iter().chain(also);
                ("trailnoti Blind", of_places(unseen(places, language), places, facts))
            }
            Report::SeesAgain { places, since } => (
                "trailnoti Sees Again",
                of_places(unseen(places, language), places, [("since", shown(*since))]),
            ),
            Report::Behind { places, reason } => (
                "trailnoti Behind",
                of_places(regions(places, language), places, [("reason", reason.clone())]),
            ),
            Report::CaughtUp { places } => {
                let facts = [("reason", words.up_to_date().to_owned())];
                ("trailnoti Caught Up", of_places(regions(places, language), places, facts))
            }
            Report::Withheld { places, reason } => (
                "trailnoti Withheld",
                of_places(regions(places, language), places, [("reason", reason.clone())]),
            ),
            Report::Shown { places, since } => {
                ("trailnoti Shown", of_places(regions(places, language), places, [("since", shown(*since))]))
            }
            Report::ReadBack { places, stopped, events, alerts } => {
                let read = words.read_back(*events, *alerts);
                let lasted = stopped.map(|lasted| ("lasted", minutes(lasted)));
                let kind = if stopped.is_some() { "trailnoti Was Down" } else { "trailnoti Read Back" };
                (
                    kind,
                    of_places(regions(places, language), places, lasted.into_iter().chain([("read", read)])),
                )
            }
            Report::Gap { places, from, until } => {
                let facts = [("from", shown(*from)), ("until", shown(*until))];
                ("trailnoti Gap", of_places(regions(places, language), places, facts))
            }
            Report::Flooded { subject, reason, principal } => (
                "trailnoti Flooded",
                object([
                    ("subject", text(subject)),
                    ("reason", text(reason)),
                    ("principal", text(principal)),
                ]),
            ),
            Report::FloodOver { subject } => ("trailnoti Flood Over", object([("subject", text(subject))])),
            Report::QuotaSpent { subject, principal } => (
                "trailnoti Quota Spent",
                object([
                    ("subject", text(subject)),
                    ("principal", text(if principal.is_empty() { words.not_known_yet() } else { principal })),
                ]),
            ),
            Report::QuotaFree { subject } => ("trailnoti Quota Free", object([("subject", text(subject))])),
            Report::RegionAppeared { watched } => {
                let watched = if *watched { "yes" } else { "no: excluded by the configuration" };
                ("trailnoti Region Appeared", object([("watched", text(watched))]))
            }
            Report::RegionGone { instances } => {
                let instances = if *instances == 0 { "none".to_owned() } else { instances.to_string() };
                ("trailnoti Region Gone", object([("instances", text(&instances))]))
            }
            Report::IncidentOver { incident, what, alerts, worst, quiet } => (
                "trailnoti Incident Over",
                object([
                    ("incident", text(incident)),
                    ("what", text(what)),
                    ("alerts", text(&alerts.to_string())),
                    ("worst", text(worst.name())),
                    ("quiet", text(&minutes(*quiet))),
                ]),
            ),
            Report::IncidentAcknowledged { incident, what, by, note, alerts, worst } => (
                "trailnoti Incident Acknowledged",
                object([
                    ("incident", text(incident)),
                    ("what", text(what)),
                    ("by", text(by)),
                    ("note", text(note)),
                    ("alerts", text(&alerts.to_string())),
                    ("worst", text(worst.name())),
                ]),
            ),
            Report::IncidentUnattended { incident, what, waited } => (
                "trailnoti Incident Unattended",
                object([
                    ("incident", text(incident)),
                    ("what", text(what)),
                    ("waited", text(&minutes(*waited))),
                ]),
            ),
            Report::SinkDead { sink, reason } => {
                ("trailnoti Sink Dead", object([("sink", text(sink)), ("reason", text(reason))]))
            }
            Report::SinkWorksAgain { sink, since } => (
                "trailnoti Sink Works Again",
                object([("sink", text(sink)), ("since", text(&shown(*since)))]),
            ),
            Report::OutboxFull { sink } => ("trailnoti Outbox Full", object([("sink", text(sink))])),
            Report::OutboxHasRoom { sink, since } => {
                ("trailnoti Outbox Has Room", object([("sink", text(sink)), ("since", text(&shown(*since)))]))
            }
            Report::Killed { times } => ("trailnoti Killed", object([("times", text(&times.to_string()))])),
            Report::StateReset { reason } => ("trailnoti State Reset", object([("reason", text(reason))])),
            Report::StateUnwritable { reason } => {
                ("trailnoti State Unwritable", object([("reason", text(reason))]))
            }
            Report::StateWritable { since } => {
                ("trailnoti State Writable", object([("since", text(&shown(*since)))]))
            }
            Report::ReloadRefused { reason } => {
                ("trailnoti Reload Refused", object([("reason", text(reason))]))
            }
            Report::ReloadWorksAgain => ("trailnoti Reload Works Again", object([])),
            Report::Clock { seconds } => {
                ("trailnoti Clock", object([("reason", text(&words.seconds(seconds.unsigned_abs())))]))
            }
            Report::ClockRight { since } => {
                ("trailnoti Clock Right", object([("since", text(&shown(*since)))]))
            }
            Report::Unreadable { subject, reason } => {
                ("trailnoti Unreadable Event", object([("subject", text(subject)), ("reason", text(reason))]))
            }
            Report::WithoutLaunch { subject, reason } => (
                "trailnoti Instance Without Launch",
                object([("subject", text(subject)), ("reason", text(reason))]),
            ),
            Report::NeverSeen { subject, reason } => (
                "trailnoti Launch Without Instance",
                object([("subject", text(subject)), ("reason", text(reason))]),
            ),
            Report::ExclusionClaimed { subject, exclusion, claim, reason, principal } => (
                "trailnoti Exclusion Claimed",
                object([
                    ("subject", text(subject)),
                    ("exclusion", text(exclusion)),
                    ("claim", text(claim)),
                    ("reason", text(reason)),
                    ("principal", text(if principal.is_empty() { words.not_known_yet() } else { principal })),
                ]),
            ),
            Report::Daily { lines } => (
                "trailnoti Daily",
                Json::Object(lines.iter().map(|(name, line)| (name.clone(), text(line))).collect()),
            ),
            Report::Test { sink } => ("trailnoti Test", object([("sink", text(sink))])),
        };
        Event::own(kind, scope, detail, now)
    }
}

/// What is said of places: what it is about, facts, and all their names where the first only counts them.
fn of_places(
    subject: String,
    places: &[Place],
    facts: impl IntoIterator<Item = (&'static str, String)>,
) -> Json {
    let names = names(places).map(|names| ("regions", names));
    let said = [("subject", subject)].into_iter().chain(facts).chain(names);
    Json::Object(said.map(|(name, text)| (name.to_owned(), clean(&text, FACT * 2).into())).collect())
}

/// `3h 12m`.
fn minutes(time: Duration) -> String {
    let minutes = i64::try_from(time.as_secs() / 60).unwrap_or(i64::MAX / 60);
    format!("{:#}", SignedDuration::from_secs(minutes.saturating_mul(60)))
}

/// One form of time in all reports, to the second.
fn shown(time: Timestamp) -> String {
    format!("{time:.0}")
}
