//! The names that fields of an event have. Owns telling a typing mistake in a pattern from a field that AWS added.

use crate::domain::context::{Habit, KINDS, MANNERS};
use crate::domain::pattern::{Pattern, did_you_mean, nearest};

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

/// The names under `context`.
const CONTEXT: [&str; 13] = [
    "access-key",
    "admin",
    "asked",
    "by",
    "instance",
    "learning",
    "network",
    "new",
    "outside",
    "principal",
    "public",
    "target",
    "tool",
];

/// Paths of a pattern that look like a typing mistake: no event has the name, and one that is near to it is a
/// field. A name near to nothing may be a field that AWS added, and passes.
pub fn suspicious_paths(pattern: &Pattern) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = pattern.paths().filter_map(suspicious_path).collect();
    found.sort();
    found.dedup();
    found
}

/// The same for one path: the part of it that looks mistaken, and why.
pub fn suspicious_path(path: &str) -> Option<(String, String)> {
    if let Some(fact) = path.strip_prefix("context.") {
        return unknown_fact(fact);
    }
    let (parent, name, known, what): (_, _, &[&str], _) = match path.strip_prefix("detail.") {
        Some(rest) => ("detail.", rest.split('.').next()?, &DETAIL, "a CloudTrail record"),
        None => ("", path.split('.').next()?, &ENVELOPE, "an event"),
    };
    if known.contains(&name) {
        return None;
    }
    if parent.is_empty() && DETAIL.contains(&name) {
        return Some((path.to_owned(), format!("a record's fields are under detail: write detail.{path}")));
    }
    let near = nearest(name, known.iter().copied())?;
    Some((format!("{parent}{name}"), format!("unknown field of {what}{}", did_you_mean(Some(near)))))
}

/// The same for a path in a text, where nothing else can stand than a field of an event.
pub fn unknown_path(path: &str) -> Option<(String, String)> {
    let name = path.split('.').next().unwrap_or_default();
    suspicious_path(path).or_else(|| {
        let known = ENVELOPE.contains(&name);
        (!known).then(|| {
            (path.to_owned(), "unknown field: write {detail.…}, {context.…} or {principal}".to_owned())
        })
    })
}

/// The facts below some names of the context; what is not here has none, or any.
fn facts(name: &str) -> Option<Vec<&'static str>> {
    Some(match name {
        "new" => Habit::ALL.map(Habit::name).to_vec(),
        "principal" => vec!["kind"],
        "access-key" => vec!["long-lived", "age-hours"],
        "asked" => vec!["instance-type", "count", "vcpus", "accelerators", "guessed"],
        _ => return None,
    })
}

/// AWS adds no facts: a name that is not among them is a mistake, near to one or not.
fn unknown_fact(fact: &str) -> Option<(String, String)> {
    let wrong = |path: String, name: &str, known: &[&str]| {
        let near = nearest(name, known.iter().copied());
        let hint = near
            .map_or_else(|| format!("; known facts: {}", known.join(", ")), |near| did_you_mean(Some(near)));
        Some((path, format!("unknown fact{hint}")))
    };
    let (name, rest) = fact.split_once('.').map_or((fact, None), |(name, rest)| (name, Some(rest)));
    if !CONTEXT.contains(&name) {
        return wrong(format!("context.{name}"), name, &CONTEXT);
    }
    match (facts(name), rest) {
        (Some(known), Some(rest)) if !known.contains(&rest) => wrong(format!("context.{fact}"), rest, &known),
        _ => None,
    }
}

/// Words that stand where only a few can: a pattern that wants another fits nothing.
pub fn unknown_words(pattern: &Pattern) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, known) in [
        ("context.by", &MANNERS[..]),
        ("context.principal.kind", &KINDS[..]),
        ("context.target", &["self", "other"]),
    ] {
        let texts = pattern.exact_texts(path).into_iter().flatten().flatten();
        for word in texts.filter(|word| !known.contains(word)) {
            let hint = nearest(word, known.iter().copied());
            let hint = hint.map_or_else(
                || format!("; known values: {}", known.join(", ")),
                |near| did_you_mean(Some(near)),
            );
            found.push((path.to_owned(), format!("\"{word}\" is never a value of this field{hint}")));
        }
    }
    for word in pattern.exact_texts("source").into_iter().flatten().flatten() {
        if let Some(service) = word.strip_suffix(".amazonaws.com") {
            found.push(("source".to_owned(), format!("EventBridge calls this \"aws.{service}\"")));
        }
    }
    found
}
