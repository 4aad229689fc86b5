//! Rules: a pattern, what excuses it, and how urgent it is. Owns their meaning; where they are read from is
//! `config`'s.

use std::fmt;

use super::event::Event;
use super::json::Json;
use super::pattern::{Fields, Pattern, did_you_mean, nearest};
use super::text::{FACT, clean};

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a line.
    Info,
    /// Worth a look this week.
    Low,
    /// Worth a look today.
    Medium,
    /// Worth a look now.
    High,
    /// Worth being woken.
    Critical,
}

impl Severity {
    /// Every severity, the least urgent first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// Its name in configuration and messages.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name: letters, digits and dashes.
    pub id: String,
    /// What a person reads first; `{detail.userIdentity.arn}` stands for that field of the event.
    pub title: String,
    /// Why it matters and what to do, if the rule says.
    pub description: Option<String>,
    /// How urgent it is.
    pub severity: Severity,
    /// Which events it is about.
    pub pattern: Pattern,
    /// Which of those are nothing to tell.
    pub unless: Vec<Pattern>,
    /// Where what to do is written down.
    pub runbook: Option<String>,
    /// The file it stands in, for messages.
    pub origin: String,
}

impl Rule {
    /// Whether the rule has something to say of the event.
    pub fn matches(&self, event: &Fields<'_>) -> bool {
        self.pattern.matches(event) && !self.unless.iter().any(|pattern| pattern.matches(event))
    }

    /// The title with the event's fields in it. A field that is not there reads `(unknown)`.
    pub fn title_for(&self, event: &Event, envelope: &Json) -> String {
        let mut title = String::new();
        let mut rest = self.title.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((field, after)) = after.split_once('}') else { break };
            title.push_str(before);
            title.push_str(&match envelope.at(field) {
                Some(Json::String(text)) if !text.is_empty() => clean(text, FACT),
                Some(value @ (Json::Number(_) | Json::Bool(_))) => value.to_string(),
                _ if field == "principal" => super::alert::principal(event),
                _ => "(unknown)".to_owned(),
            });
            rest = after;
        }
        title.push_str(rest);
        title
    }
}

/// A set of rules; an event is told under the most urgent that matches it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// Rules in order of precedence among those of the same severity.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
        Rules { rules }
    }

    /// The rules that match, the most urgent first.
    pub fn matching<'a>(&'a self, event: &'a Fields<'_>) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(|rule| rule.matches(event))
    }

    /// Every rule, the most urgent first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

/// The names at the top of an envelope.
const ENVELOPE: [&str; 10] =
    ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "context"];

/// The names at the top of a CloudTrail record (CloudTrail user guide, "record contents"), and of the other
/// details that trailnoti makes.
const DETAIL: [&str; 40] = [
    "additionalEventData",
    "addendum",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventContext",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "insightDetails",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "instance-id",
    "state",
    "reason",
    "subject",
    "sink",
    "since",
    "exclusion",
    "principal",
];

/// Paths of a pattern that look like a typing mistake: no event has the name, and one that is near to it is a
/// field. A name near to nothing may be a field that AWS added, and passes.
pub fn suspicious_paths(pattern: &Pattern) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = pattern
        .paths()
        .filter_map(|path| {
            let (parent, name, known, what): (_, _, &[&str], _) = match path.strip_prefix("detail.") {
                Some(rest) => ("detail.", rest.split('.').next()?, &DETAIL, "a CloudTrail record"),
                None => ("", path.split('.').next()?, &ENVELOPE, "an event"),
            };
            if known.contains(&name) {
                return None;
            }
            let near = nearest(name, known.iter().copied())?;
            Some((
                format!("{parent}{name}"),
                format!("nothing in {what} has this name{}", did_you_mean(Some(near))),
            ))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
