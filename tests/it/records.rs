//! Every real record goes through the whole of the program: envelope, rules, renderers.

use std::collections::BTreeMap;

use trailnoti::config::Config;
use trailnoti::domain::alert::Alert;
use trailnoti::domain::event::Event;
use trailnoti::domain::json::Json;
use trailnoti::domain::outbox::{Digest, Pending};
use trailnoti::domain::render::{Style, email, slack, terminal};
use trailnoti::domain::rule::{Rules, Scratch};
use trailnoti::domain::stream::is_read;

const RECORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/cloudtrail/records.jsonl");

fn records() -> Option<String> {
    let records = std::fs::read_to_string(RECORDS).ok();
    if records.is_none() {
        println!("skipped: no {RECORDS}");
    }
    records
}

#[test]
fn every_real_record_becomes_an_event_whose_detail_is_the_record() {
    let Some(records) = records() else { return };
    let rules: Rules = Config::parse("t", "", None, BTreeMap::new()).expect("right").law.rules;
    let (mut scratch, mut passed) = (Scratch::default(), 0);
    for (n, line) in records.lines().enumerate() {
        let event = Event::from_record_text(line, "999999999999")
            .unwrap_or_else(|error| panic!("line {}: {error}", n + 1));
        // In meaning: the same value, whatever the spaces.
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let detail: serde_json::Value = serde_json::from_str(&event.detail.to_string()).expect("JSON");
        assert_eq!(record, detail, "line {}", n + 1);
        let envelope = event.envelope();
        let again = Event::from_envelope(&envelope).expect("an event");
        assert_eq!(again.envelope(), envelope, "line {}", n + 1);
        // The quick sieve of a scan may only pass over what no rule finds.
        let found = rules.findings(&mut scratch, &envelope.to_string());
        let may = rules.glance(&mut scratch, line).expect("JSON").may_match;
        assert!(may || found.is_empty(), "line {}", n + 1);
        passed += usize::from(!may);
    }
    println!("{passed} records are passed over at once");
    assert!(passed > 1_000);
}

#[test]
fn every_real_record_goes_through_rules_and_renderers() {
    let Some(records) = records() else { return };
    let config = Config::parse("t", "", None, BTreeMap::new()).expect("right");
    let any = config.law.rules.iter().find(|rule| rule.id == "instances-launched").expect("a rule");
    let mut scratch = Scratch::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (n, line) in records.lines().enumerate() {
        let event = Event::from_record_text(line, "").expect("an event");
        let envelope = event.envelope();
        let findings = config.law.rules.findings(&mut scratch, &envelope.to_string());
        let finding = findings.first().filter(|finding| finding.excused.is_none());
        let rule = finding.map(|finding| finding.rule);
        *counts.entry(rule.map_or("(none)".to_owned(), |rule| rule.id.clone())).or_default() += 1;
        let severity = finding.map_or(any.severity, |finding| finding.severity);
        let alert = Alert::new(rule.unwrap_or(any), severity, &event, &envelope, "prod");
        let pending = Pending { seq: 1, enqueued: event.time, refusals: 0, not_before: None, alert };
        let digest = Digest { alerts: vec![pending], groups: Vec::new(), update: false, plain: false };
        let style = Style::default();
        let message = slack::render(&digest, &style);
        assert!(
            message.to_string().len() < 13_000,
            "line {}: {} characters",
            n + 1,
            message.to_string().len()
        );
        email::render(&digest, &style).expect("rendered");
        let block = terminal::block(&digest.alerts[0].alert, &style);
        assert!(block.lines().count() < 30, "line {}", n + 1);
        let line = terminal::json_line(&digest.alerts[0].alert, None);
        assert!(Json::parse(&line).is_ok(), "line {}", n + 1);
    }
    println!("{counts:#?}");
    assert!(counts.len() > 15, "few rules were met: {counts:?}");
}

/// The streams are derived from names, so what a name says must be what records say.
#[test]
fn a_calls_name_says_whether_it_is_a_read() {
    let Some(records) = records() else { return };
    let mut wrong: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for line in records.lines() {
        let record = Json::parse(line).expect("JSON");
        let (Some(name), Some(read)) =
            (record.text("eventName"), record.at("readOnly").and_then(Json::as_bool))
        else {
            continue;
        };
        if record.at("managementEvent").and_then(Json::as_bool) == Some(false) {
            continue;
        }
        if is_read(name) != read {
            *wrong.entry((name.to_owned(), read)).or_default() += 1;
        }
    }
    // A read that is taken for a write would not be asked for by name: none may be.
    // (One laboratory's record calls StartLogging a read; CloudTrail's user guide lists it as a write.)
    let missed: Vec<_> = wrong.keys().filter(|(name, read)| *read && name != "StartLogging").collect();
    println!("{wrong:#?}");
    assert!(missed.is_empty(), "{missed:?}");
}
