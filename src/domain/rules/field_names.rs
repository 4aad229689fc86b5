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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;

    fn pattern(text: &str) -> Pattern {
        Pattern::compile(&Json::parse(text).expect("JSON")).expect("a pattern")
    }

    fn said(found: Option<(String, String)>) -> String {
        found.map(|(path, why)| format!("{path}: {why}")).unwrap_or_default()
    }

    #[test]
    fn a_field_that_is_nearly_one_is_a_mistake_and_one_that_is_near_to_none_may_be_new() {
        let mistake = "detail.eventNane: unknown field of a CloudTrail record (did you mean eventName?)";
        assert_eq!(said(suspicious_path("detail.eventNane.more")), mistake);
        assert_eq!(
            said(suspicious_path("sourcee")),
            "sourcee: unknown field of an event (did you mean source?)"
        );
        let elsewhere = "eventName: a record's fields are under detail: write detail.eventName";
        assert_eq!(said(suspicious_path("eventName")), elsewhere);
        for right in
            ["detail.eventName", "source", "detail.userIdentity.arn", "detail.quantumSignature", "xyzzy"]
        {
            assert_eq!(suspicious_path(right), None, "{right}");
        }
    }

    #[test]
    fn a_path_in_a_text_must_be_a_field() {
        let unknown = "xyzzy: unknown field: write {detail.…}, {context.…} or {principal}";
        assert_eq!(said(unknown_path("xyzzy")), unknown);
        assert_eq!(unknown_path("detail.quantumSignature"), None);
        assert_eq!(unknown_path("region"), None);
        assert!(said(unknown_path("detail.eventNane")).contains("did you mean"));
    }

    #[test]
    fn a_fact_is_one_of_ours() {
        for right in
            ["context.by", "context.new.region", "context.principal.kind", "context.instance.tags.team"]
        {
            assert_eq!(suspicious_path(right), None, "{right}");
        }
        assert_eq!(said(suspicious_path("context.byy")), "context.byy: unknown fact (did you mean by?)");
        let below = said(suspicious_path("context.new.regoin"));
        assert_eq!(below, "context.new.regoin: unknown fact (did you mean region?)");
        let none = said(suspicious_path("context.xyzzyplugh"));
        assert!(none.starts_with("context.xyzzyplugh: unknown fact; known facts: "), "{none}");
        assert!(none.contains("learning"), "{none}");
    }

    #[test]
    fn a_word_that_a_field_never_has_is_named_with_those_that_it_has() {
        let words = |text: &str| {
            let found = unknown_words(&pattern(text)).into_iter();
            found.map(|(path, why)| format!("{path}: {why}")).collect::<Vec<_>>()
        };
        assert_eq!(words(r#"{"context":{"by":["key","root"]},"source":["aws.iam"]}"#), [""; 0]);
        let near = words(r#"{"context":{"by":["rooot"]}}"#);
        assert_eq!(near, ["context.by: \"rooot\" is never a value of this field (did you mean root?)"]);
        let none = words(r#"{"context":{"by":["xyzzyplugh"]}}"#);
        assert!(none[0].contains("; known values: "), "{none:?}");
        let service = words(r#"{"source":["iam.amazonaws.com","aws.ec2"]}"#);
        assert_eq!(service, ["source: EventBridge calls this \"aws.iam\""]);
    }

    #[test]
    fn each_suspicious_path_of_a_pattern_is_said_once() {
        let twice = pattern(
            r#"{"$or":[{"detail":{"eventNane":["a"]}},{"detail":{"eventNane":["b"],"userIdentiy":{"x":["c"]}}}]}"#,
        );
        let paths: Vec<String> = suspicious_paths(&twice).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["detail.eventNane", "detail.userIdentiy"]);
    }
}
