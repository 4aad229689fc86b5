//! An alert: what a person needs to know of one event, in facts that are cleaned and cut, so that it stays small
//! in the outbox. Owns which facts; how they look is `render`'s.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::context::InContext;
use crate::domain::context::launch;
use crate::domain::context::principal::actor;
use crate::domain::event::instance::Instance;
use crate::domain::event::{Event, INSTANCE_STATE, OWN_SOURCE, derived_id};
use crate::domain::incident::credential::{Credential, speaks_as};
use crate::domain::incident::resource::touched;
use crate::domain::incident::stage::Stage;
use crate::domain::incident::{CONVERSATION, Part, Standing, Turn};
use crate::domain::json::Json;
use crate::domain::notify::because::because;
use crate::domain::rules::rule::Rule;
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, TEXT, clean};

/// The most facts that an alert lists.
const FACTS: usize = 12;

/// How the ids of rules begin that are about trailnoti itself, and not about what it saw.
const OF_ITSELF: &str = "trailnoti-";

/// Whether a rule is about trailnoti itself.
pub fn is_of_itself(rule: &str) -> bool {
    rule.starts_with(OF_ITSELF)
}

/// This one is about what it saw all the same, and whoever makes such events makes as many as he likes.
const UNREADABLE: &str = "trailnoti-unreadable-event";

/// Request parameters that other facts say better, or that say nothing to a person.
const SAID_ALREADY: [&str; 7] = [
    "clientToken",
    "instanceType",
    "instancesSet",
    "iamInstanceProfile",
    "launchTemplate",
    "instanceMarketOptions",
    "userData",
];

/// What is said of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Stable: the same event has the same alert id, so that a repeated message can be known as one.
    pub id: String,
    /// The rule that it is by.
    pub rule: String,
    /// What happened, in one line.
    pub title: String,
    /// Why it matters, from the rule.
    pub description: String,
    /// What to do, or the address where that is written down.
    pub runbook: String,
    /// How urgent the alert is.
    pub severity: Severity,
    /// What belongs together in one message.
    pub group: String,
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The account's name in the configuration; empty for one that has none.
    pub account_name: String,
    /// Where it was recorded.
    pub region: String,
    /// When the event happened, as its source says.
    pub time: Timestamp,
    /// Who did it; empty when nobody did, as for an observed change.
    pub principal: String,
    /// The address or service it came from.
    pub address: String,
    /// The country of that address and whose network it is, where somebody said so.
    pub origin: String,
    /// CloudTrail's event id, when it has one.
    pub event_id: String,
    /// The instance it is about, if it is about one.
    pub instance: String,
    /// It says who, of something that was alerted on already: it does not wait for the next update.
    pub completes: bool,
    /// Of which incident it is a part, and whose doing.
    pub part: Part,
    /// The tags of the instances that it is about, as `key=value`: by which it goes to a sink. They do not wait with it.
    pub tags: Vec<String>,
    /// trailnoti reports it of itself; that does not wait with it either.
    pub of_itself: bool,
    /// More facts, each with its name.
    pub facts: Vec<(String, String)>,
}

impl Alert {
    /// What `rule` says of `event`, as urgently as `severity`.
    pub fn new(rule: &Rule, severity: Severity, seen: &InContext<'_>, account_name: &str) -> Self {
        let event = seen.event;
        let filled = |text: &Option<String>, most: usize| {
            text.as_ref().map_or_else(String::new, |text| clean(&rule.fill(text, seen), most))
        };
        let principal = actor(event);
        let detail = &event.detail;
        let instance = match event.detail_type.as_str() {
            INSTANCE_STATE => detail.text("instance-id").unwrap_or_default(),
            _ => "",
        };
        let subject = if instance.is_empty() {
            match event.source == OWN_SOURCE {
                // What trailnoti reports of itself is one report for one cause, and waits for no other's interval.
                true if is_of_itself(&rule.id) && rule.id != UNREADABLE => event.id.clone(),
                true => event.account.clone(),
                false => principal.clone(),
            }
        } else {
            instance.to_owned()
        };
        let mut part = part(rule, event, instance);
        let mut group = clean(&format!("{}/{}/{subject}", event.account, rule.id), FACT);
        if let Some(incident) = incident_of(event) {
            group = format!("{CONVERSATION}{incident}");
            let standing = standing(event);
            let is_over = standing.as_ref().is_some_and(|standing| standing.turn == Turn::Over);
            part = Part {
                incident,
                news: !is_over,
                first: !is_over,
                passed_on: true,
                standing,
                ..Part::default()
            };
        }
        let because = because(seen, rule.language).filter(|_| severity >= Severity::Medium);
        Alert {
            id: derived_id(&["alert", &event.account, &event.id]),
            rule: rule.id.clone(),
            title: clean(&rule.fill(&rule.title, seen), FACT),
            description: filled(&rule.description, TEXT),
            runbook: filled(&rule.runbook, TEXT),
            severity,
            group,
            account: clean(&event.account, FACT),
            account_name: account_name.to_owned(),
            region: clean(&event.region, FACT),
            time: event.time,
            principal,
            address: detail.text("sourceIPAddress").map(|text| clean(text, FACT)).unwrap_or_default(),
            origin: String::new(),
            event_id: detail.text("eventID").map(|text| clean(text, FACT)).unwrap_or_default(),
            instance: clean(instance, FACT),
            completes: false,
            part,
            tags: tags(event),
            of_itself: event.source == OWN_SOURCE,
            facts: because.map(|why| ("because".to_owned(), why)).into_iter().chain(facts(event)).collect(),
        }
    }
}

#[cfg(test)]
impl Alert {
    /// An alert for tests: a user that somebody created. What a test is about, it changes.
    pub(crate) fn sample() -> Self {
        Alert {
            id: "1".to_owned(),
            rule: "iam-user-created".to_owned(),
            title: "somebody created a user".to_owned(),
            description: String::new(),
            runbook: String::new(),
            severity: Severity::High,
            group: "group".to_owned(),
            account: "111122223333".to_owned(),
            account_name: String::new(),
            region: "us-east-1".to_owned(),
            time: "2026-03-02T10:00:00Z".parse().expect("a time"),
            principal: String::new(),
            address: String::new(),
            origin: String::new(),
            event_id: String::new(),
            instance: String::new(),
            completes: false,
            part: Part::default(),
            tags: Vec::new(),
            of_itself: false,
            facts: Vec::new(),
        }
    }
}

/// The incident that a report of trailnoti's own is about.
fn incident_of(event: &Event) -> Option<String> {
    event.detail.text("incident").filter(|_| event.source == OWN_SOURCE).map(str::to_owned)
}

/// How it stands now, where that is what the report is about.
fn standing(event: &Event) -> Option<Standing> {
    let said = |name: &str| event.detail.text(name);
    let turn = if said("by").is_some() { Turn::Acknowledged } else { Turn::Over };
    Some(Standing { turn, alerts: said("alerts")?.parse().ok()? })
}

/// What trailnoti reports of itself is nobody's doing.
fn part(rule: &Rule, event: &Event, instance: &str) -> Part {
    let mut by = if event.source == OWN_SOURCE { Vec::new() } else { speaks_as(event) };
    if !instance.is_empty() {
        by = vec![Credential::Instance(clean(instance, FACT))];
    }
    let stages: BTreeSet<Stage> = rule.tags.iter().filter_map(|tag| Stage::of_technique(tag)).collect();
    Part { by, stages: stages.into_iter().collect(), touched: touched(event), ..Part::default() }
}

/// What its instances are tagged with: one that is listed, or those that the call started.
fn tags(event: &Event) -> Vec<String> {
    let started = if event.instance.is_none() { launch::started(event) } else { Vec::new() };
    let all = event.instance.iter().chain(&started).flat_map(Instance::shown_tags);
    all.collect()
}

fn facts(event: &Event) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value.map(|value| clean(value, FACT)).filter(|value| !value.is_empty()) {
            facts.push((name.to_owned(), value));
        }
    };
    let detail = &event.detail;
    if event.source == OWN_SOURCE {
        for (name, value) in members(detail) {
            fact(name, value.as_str());
        }
        return facts;
    }
    if let Some(instance) = &event.instance {
        instance_facts(instance, &mut fact);
        return facts;
    }
    let service = event.source.strip_prefix("aws.").unwrap_or(&event.source);
    fact("call", detail.text("eventName").map(|name| format!("{service}:{name}")).as_deref());
    fact("error", detail.text("errorCode"));
    fact("message", detail.text("errorMessage"));
    if detail.text("eventName") == Some("ConsoleLogin") {
        fact("result", detail.text("responseElements.ConsoleLogin"));
        // Federated logins say "No" although the identity provider asked for a second factor.
        if matches!(detail.text("userIdentity.type"), Some("Root" | "IAMUser")) {
            fact(
                "MFA",
                detail.text("additionalEventData.MFAUsed").map(|used| used.to_lowercase()).as_deref(),
            );
        }
    }
    fact("access key", detail.text("userIdentity.accessKeyId"));
    fact("user agent", detail.text("userAgent"));
    let created = detail.at("responseElements.instancesSet.items").map_or(&[][..], Json::items);
    let asked = detail.at("requestParameters.instancesSet.items").map_or(&[][..], Json::items);
    let instances = if created.is_empty() { asked } else { created };
    let ids: Vec<&str> = instances.iter().filter_map(|item| item.text("instanceId")).collect();
    fact("instances", Some(&ids.join(" ")));
    fact("new key", detail.text("responseElements.accessKey.accessKeyId"));
    if detail.text("eventName") == Some("RunInstances") {
        let launch = launch::Launch::of(event);
        fact("person", launch.person_beside());
        launch.asked.iter().for_each(|(name, value)| fact(name, Some(value)));
    }
    for (name, value) in detail.get("requestParameters").map_or(&[][..], members) {
        if facts.len() >= FACTS {
            break;
        }
        let value = match value {
            _ if SAID_ALREADY.contains(&name.as_str()) => continue,
            Json::Null => continue,
            Json::String(text) => clean(text, FACT),
            other => clean(&other.to_string(), FACT),
        };
        if !value.is_empty() {
            facts.push((clean(name, 40), value));
        }
    }
    facts
}

fn instance_facts(instance: &Instance, fact: &mut impl FnMut(&str, Option<&str>)) {
    fact("type", Some(&instance.size()));
    fact("lifecycle", instance.lifecycle.as_deref());
    fact("image", instance.image.as_deref());
    fact("key pair", instance.key_name.as_deref());
    fact("public address", instance.public_address.as_deref());
    fact("profile", instance.profile.as_deref());
    fact("launched", instance.launch_time.map(|time| time.to_string()).as_deref());
    let tags: Vec<String> = instance.shown_tags().collect();
    fact("tags", Some(&tags.join(", ")));
}

fn members(value: &Json) -> &[(String, Json)] {
    match value {
        Json::Object(members) => members,
        _ => &[],
    }
}
