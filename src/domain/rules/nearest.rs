//! How near an event comes to each rule: what a rule wants, field by field, beside what the event has. Owns the
//! comparison and its order; how it is shown is `cli::explain`'s.

use crate::domain::context::InContext;
use crate::domain::json::{Json, object};
use crate::domain::pattern::Compared;
use crate::domain::rules::rule::{Rule, Rules, USUAL};
use crate::domain::rules::threshold::Threshold;

/// One rule beside an event: whether it matches, and each field of the alternative that misses fewest. The nearest
/// rules come first.
pub fn near(rules: &Rules, seen: &InContext<'_>, only: Option<&str>) -> Vec<Json> {
    let envelope = seen.tree();
    let wanted = rules.iter().filter(|rule| only.is_none_or(|only| rule.id == only));
    let mut compared: Vec<(usize, &Rule, Vec<Compared>)> = wanted
        .map(|rule| {
            let fields = rule.pattern.nearest_miss(&envelope);
            // Another call or another service is further off than another outcome of this one.
            let far = |field: &&Compared| {
                matches!(field.path.as_str(), "source" | "detail.eventSource" | "detail.eventName")
            };
            let misses = fields.iter().filter(|field| !field.fits);
            let distance = misses.clone().count() + 3 * misses.filter(far).count();
            (distance, rule, fields)
        })
        .collect();
    // Of rules that miss as much, those of which more fits are nearer.
    compared.sort_by_key(|(misses, rule, fields)| {
        let asks_more = rule.first_seen.is_some() || rule.threshold.is_some();
        (*misses, asks_more, std::cmp::Reverse(fields.len()), std::cmp::Reverse(rule.severity))
    });
    compared.iter().map(|(_, rule, fields)| shown(rule, fields, &envelope)).collect()
}

fn shown(rule: &Rule, fields: &[Compared], envelope: &Json) -> Json {
    let misses = fields.iter().filter(|field| !field.fits).count();
    let excused = rule.unless.iter().position(|exception| exception.fits(envelope));
    let raised: Vec<_> = rule.escalate.iter().filter(|one| one.when.fits(envelope)).collect();
    let severity = rule.severity_of(USUAL.fits(envelope), raised.iter().copied());
    let because = raised.iter().find(|one| one.to == severity && severity > rule.severity);
    let because = because.and_then(|one| one.when.nearest_miss(envelope).into_iter().next());
    let because =
        because.map(|field| format!("{} is one of {}", field.path, field.wanted)).unwrap_or_default();
    // Every field may fit alone, and none of the elements of an array all of them.
    let fits = misses == 0 && rule.pattern.fits(envelope);
    let verdict = match (fits, excused) {
        (true, None) if rule.first_seen.is_some() || rule.threshold.is_some() => {
            let what = if rule.threshold.is_some() { "threshold" } else { "first_seen" };
            format!("pattern matches; {what} not evaluated here")
        }
        (true, None) => "matches".to_owned(),
        (true, Some(n)) => format!("matches, but its exception {} in `unless` excludes it", n + 1),
        (false, _) if misses == 0 => "no match, no single list element has all of it".to_owned(),
        (false, _) => format!("no match, differs in {misses} of {} fields", fields.len()),
    };
    let mut asks = Vec::new();
    asks.extend(rule.first_seen.as_ref().map(|first| format!("{} not seen before", first.of.join(" and "))));
    asks.extend(rule.threshold.as_ref().map(Threshold::said));
    // What would have made it more urgent, each by the first field that it lacks.
    let unmet = rule.escalate.iter().filter(|one| fits && one.to > severity && !one.when.fits(envelope));
    let unmet = unmet.filter_map(|one| {
        let missing = one.when.nearest_miss(envelope).into_iter().find(|field| !field.fits)?;
        let found = if missing.found.is_empty() { "(absent)".to_owned() } else { missing.found.join(", ") };
        Some(Json::from(format!(
            "{}: {} is {found}, and would have to be {}",
            one.to, missing.path, missing.wanted
        )))
    });
    let unmet = Json::Array(unmet.collect());
    let fields = fields.iter().map(|field| {
        let found = match field.found.as_slice() {
            [] => "(absent)".to_owned(),
            values => values.join(", "),
        };
        object([
            ("path", field.path.as_str().into()),
            ("wanted", field.wanted.as_str().into()),
            ("found", found.into()),
            ("fits", field.fits.into()),
        ])
    });
    object([
        ("rule", rule.id.as_str().into()),
        ("verdict", verdict.into()),
        ("matches", (fits && excused.is_none()).into()),
        ("severity", severity.name().into()),
        ("because", because.into()),
        ("also", asks.join("; ").into()),
        ("unmet", unmet),
        ("fields", Json::Array(fields.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::context::Envelope;
    use crate::domain::event::Event;
    use crate::domain::pattern::Pattern;
    use crate::domain::rules::rule::{Escalation, FirstSeen};
    use crate::domain::severity::Severity;

    fn pattern(text: &str) -> Pattern {
        Pattern::compile(&Json::parse(text).expect("JSON")).expect("a pattern")
    }

    fn rule(id: &str, wanted: &str) -> Rule {
        Rule::plain(id, Severity::Medium, pattern(wanted))
    }

    fn compared(rules: Vec<Rule>, only: Option<&str>) -> Vec<Json> {
        let record = r#"{"eventID":"9d7f0c1e-0000-4000-8000-000000000001","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","recipientAccountId":"111122223333","requestParameters":{"userName":"support","tags":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}}"#;
        let event = Event::from_record_text(record.to_owned(), "111122223333").expect("an event");
        let envelope: Envelope = event.into();
        near(&Rules::new(rules), &envelope.after(None), only)
    }

    fn named(found: &[Json], name: &str) -> Vec<String> {
        found.iter().map(|one| one.text(name).unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn the_nearest_come_first_and_another_call_is_further_than_another_outcome() {
        let rules = vec![
            rule("another-call", r#"{"detail":{"eventName":["DeleteUser"]}}"#),
            rule(
                "another-outcome",
                r#"{"detail":{"eventName":["CreateUser"],"errorCode":["AccessDenied"],"awsRegion":["eu-west-1"]}}"#,
            ),
            rule("matches", r#"{"detail":{"eventName":["CreateUser"]}}"#),
            rule("matches-in-more", r#"{"source":["aws.iam"],"detail":{"eventName":["CreateUser"]}}"#),
        ];
        let found = compared(rules.clone(), None);
        assert_eq!(named(&found, "rule"), ["matches-in-more", "matches", "another-outcome", "another-call"]);
        let verdicts = named(&found, "verdict");
        assert_eq!(verdicts[1..3], ["matches", "no match, differs in 2 of 3 fields"]);
        assert_eq!(found[2].get("matches"), Some(&Json::from(false)));
        let fields = found[2].get("fields").map_or(&[][..], Json::items);
        let absent =
            fields.iter().find(|field| field.text("path") == Some("detail.errorCode")).expect("compared");
        assert_eq!((absent.text("found"), absent.get("fits")), (Some("(absent)"), Some(&Json::from(false))));
        assert_eq!(named(&compared(rules, Some("another-call")), "rule"), ["another-call"]);
    }

    #[test]
    fn an_exception_an_escalation_and_what_is_not_evaluated_are_said() {
        let fits = r#"{"detail":{"eventName":["CreateUser"]}}"#;
        let mut excused = rule("excused", fits);
        excused.unless = vec![pattern(r#"{"source":["aws.ec2"]}"#), pattern(r#"{"region":["us-east-1"]}"#)];
        let mut raised = rule("raised", fits);
        let escalation = |when, to| Escalation { when: pattern(when), to, always: false };
        raised.escalate = vec![
            escalation(r#"{"source":["aws.iam"]}"#, Severity::High),
            escalation(r#"{"region":["us-east-1"]}"#, Severity::Critical),
            escalation(r#"{"source":["aws.ec2"]}"#, Severity::Critical),
        ];
        let mut first = rule("first", fits);
        let (of, within) = (vec!["region".to_owned(), "account".to_owned()], Duration::from_secs(1));
        first.first_seen = Some(FirstSeen { of, by: Vec::new(), within });
        let found = compared(vec![excused, raised, first], None);
        let said = |id: &str, name: &str| {
            let one = found.iter().find(|one| one.text("rule") == Some(id)).expect("compared");
            one.text(name).unwrap_or_default().to_owned()
        };
        assert_eq!(said("excused", "verdict"), "matches, but its exception 2 in `unless` excludes it");
        assert_eq!(
            (said("raised", "severity"), said("excused", "severity")),
            ("critical".into(), "medium".into())
        );
        assert!(said("raised", "because").starts_with("region is one of "), "{}", said("raised", "because"));
        assert_eq!(said("excused", "because"), "");
        assert_eq!(said("first", "verdict"), "pattern matches; first_seen not evaluated here");
        assert_eq!(said("first", "also"), "region and account not seen before");
        assert_eq!(named(&found, "rule").last().map(String::as_str), Some("first"), "it asks for more");
    }

    #[test]
    fn what_only_several_elements_of_a_list_have_is_no_match() {
        let both = r#"{"detail":{"requestParameters":{"tags":{"key":["a"],"value":["2"]}}}}"#;
        let found = compared(vec![rule("both", both)], None);
        let verdict = found[0].text("verdict").expect("a verdict");
        assert_eq!(verdict, "no match, no single list element has all of it");
    }
}
