use super::*;
use crate::domain::context::Envelope;
use crate::domain::event::Event;

fn envelope() -> Envelope {
    let record = r#"{"eventID":"9d7f0c1e-0000-4000-8000-000000000001","eventSource":"iam.amazonaws.com","eventName":"CreateUser","eventTime":"2026-03-02T10:00:00Z","awsRegion":"us-east-1","recipientAccountId":"111122223333","readOnly":false,"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/mallory"},"requestParameters":{"userName":"support","count":3,"on":true,"blank":""}}"#;
    Event::from_record_text(record.to_owned(), "111122223333").expect("an event").into()
}

fn rule(id: &str, pattern: &str) -> Rule {
    let pattern = Pattern::compile(&Json::parse(pattern).expect("JSON")).expect("a pattern");
    Rule::plain(id, Severity::High, pattern)
}

#[test]
fn a_text_is_filled_with_who_what_is_there_and_the_first_of_several() {
    let envelope = envelope();
    let mut rule = rule("r", r#"{"source":["aws.iam"]}"#);
    let fill = |rule: &Rule, text: &str| rule.fill(text, &envelope.after(None));
    assert_eq!(fill(&rule, "{principal} made {detail.requestParameters.userName}"), "mallory made support");
    let both = "{detail.requestParameters.blank|detail.requestParameters.userName}";
    assert_eq!(fill(&rule, both), "support", "what is empty is not there");
    let scalars = "{detail.requestParameters.count} {detail.requestParameters.on} {detail.nothing}";
    assert_eq!(fill(&rule, scalars), "3 true (unknown)");
    assert_eq!(fill(&rule, "an open { stays"), "an open { stays");
    rule.korean = Some(Texts { title: Some("x".to_owned()), ..Texts::default() });
    rule.runbook = Some("in English".to_owned());
    rule.speak(Language::Korean);
    assert_eq!((rule.title.as_str(), rule.runbook.as_deref()), ("x", Some("in English")));
    assert_eq!(fill(&rule, "{detail.nothing}"), "(알 수 없음)");
}

#[test]
fn a_glance_says_whether_a_rule_may_alert_and_whose_the_record_is() {
    let rules = Rules::new(vec![rule("user", r#"{"detail":{"eventName":["CreateUser"]}}"#)]);
    let text = envelope().event.detail.to_string();
    let glance = |text: &str| rules.glance(&mut Scratch::default(), text).expect("a record");
    let seen = glance(&text);
    assert!(seen.may_match && !seen.reads);
    let (account, second, _) = seen.named.expect("it says all three");
    assert_eq!((account.as_str(), second), ("111122223333", 1_772_445_600));
    let other = glance(&text.replace("CreateUser", "CreateRole"));
    assert!(!other.may_match);
    let read = glance(&text.replace("CreateUser", "ListUsers").replace(r#""readOnly":false"#, r#""x":0"#));
    assert!(read.reads, "by its name, where the record does not say");
}

#[test]
fn rules_that_ask_the_past_for_something_else_have_another_fingerprint() {
    let first = |of: &str| {
        let first = FirstSeen { of: vec![of.to_owned()], by: vec![], within: Duration::from_secs(60) };
        Rules::new(vec![Rule { first_seen: Some(first), ..rule("new", r#"{"source":["aws.iam"]}"#) }])
    };
    let (region, tool) = (first("region"), first("context.tool"));
    assert_eq!(region.fingerprint(), first("region").fingerprint());
    assert_ne!(region.fingerprint(), tool.fingerprint());
    // What asks for nothing changes nothing.
    let mut more = region.rules.clone();
    more.push(rule("plain", r#"{"source":["aws.s3"]}"#));
    assert_eq!(Rules::new(more).fingerprint(), region.fingerprint());
    assert_eq!(region.fingerprint().len(), 8);
    assert_eq!((Mode::Live.name(), Mode::DryRun.name()), ("live", "dry-run"));
}
