//! The names that fields of an event have. Owns telling a typing mistake in a pattern from a field that AWS added.

use crate::domain::context::FACTS;
use crate::domain::pattern::{Pattern, did_you_mean, nearest};

/// The names at the top of an envelope.
const ENVELOPE: [&str; 10] =
    ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "context"];

/// The names at the top of a CloudTrail record (CloudTrail user guide, "record contents"), and of the other
/// details that trailnoti makes.
const DETAIL: [&str; 42] = [
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
    "claim",
    "instance-id",
    "instances",
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

/// AWS adds no facts: a name that is not among them is a mistake, near to one or not.
fn unknown_fact(fact: &str) -> Option<(String, String)> {
    let wrong = |path: String, name: &str, known: &[&str]| {
        let near = nearest(name, known.iter().copied());
        let hint = near
            .map_or_else(|| format!("; known facts: {}", known.join(", ")), |near| did_you_mean(Some(near)));
        Some((path, format!("unknown fact{hint}")))
    };
    let (name, rest) = fact.split_once('.').map_or((fact, None), |(name, rest)| (name, Some(rest)));
    let Some(known) = FACTS.iter().find(|known| known.name == name) else {
        let known: Vec<&str> = FACTS.iter().map(|known| known.name).collect();
        return wrong(format!("context.{name}"), name, &known);
    };
    match rest {
        Some(rest)
            if !known.below.is_empty() && !known.below.contains(&"*") && !known.below.contains(&rest) =>
        {
            wrong(format!("context.{fact}"), rest, known.below)
        }
        _ => None,
    }
}

/// Words that stand where only a few can: a pattern that wants another fits nothing.
pub fn unknown_words(pattern: &Pattern) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for fact in FACTS.iter().filter(|fact| !fact.words.is_empty()) {
        let (path, known) = (fact.path(), fact.words);
        let texts = pattern.exact_texts(&path).into_iter().flatten().flatten();
        for word in texts.filter(|word| !known.contains(word)) {
            let hint = nearest(word, known.iter().copied());
            let hint = hint.map_or_else(
                || format!("; known values: {}", known.join(", ")),
                |near| did_you_mean(Some(near)),
            );
            found.push((path.clone(), format!("\"{word}\" is never a value of this field{hint}")));
        }
    }
    for word in pattern.exact_texts("source").into_iter().flatten().flatten() {
        if let Some(service) = word.strip_suffix(".amazonaws.com") {
            found.push(("source".to_owned(), format!("EventBridge calls this \"aws.{service}\"")));
        }
    }
    found
}
