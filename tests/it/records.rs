//! Every real record goes through the whole of the program: envelope, rules, renderers.

use std::collections::BTreeMap;
use std::io::Read;

use trailnoti::config::Config;
use trailnoti::domain::context::Envelope;
use trailnoti::domain::event::Event;
use trailnoti::domain::event::reads::is_read;
use trailnoti::domain::json::Json;
use trailnoti::domain::notify::alert::Alert;
use trailnoti::domain::notify::message::{Message, Pending};
use trailnoti::domain::notify::render::{Style, email, slack, terminal};
use trailnoti::domain::rules::rule::{Rules, Scratch};

/// A packed file of `tests/data`.
pub fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}.gz", env!("CARGO_MANIFEST_DIR"));
    let packed = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    text
}

#[test]
fn every_real_record_becomes_an_event_whose_detail_is_the_record() {
    let records = data("records.jsonl");
    let rules: Rules = Config::parse("t", "", None, BTreeMap::new()).expect("right").ruleset.rules;
    let (mut scratch, mut passed) = (Scratch::default(), 0);
    for (n, line) in records.lines().enumerate() {
        let event = Event::from_record_text(line.to_owned(), "999999999999")
            .unwrap_or_else(|error| panic!("line {}: {error}", n + 1));
        // In meaning: the same value, whatever the spaces.
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let detail: serde_json::Value = serde_json::from_str(&event.detail.to_string()).expect("JSON");
        assert_eq!(record, detail, "line {}", n + 1);
        let envelope = Envelope::from(event);
        let tree = envelope.after(None).tree();
        let again = Envelope::from(Event::from_envelope(tree.clone()).expect("an event"));
        assert_eq!(again.after(None).tree(), tree, "line {}", n + 1);
        // The quick sieve of a scan may only pass over what no rule finds.
        let found = rules.findings(&mut scratch, &envelope.after(None).text());
        let may = rules.glance(&mut scratch, line).expect("JSON").may_match;
        assert!(may || found.is_empty(), "line {}", n + 1);
        passed += usize::from(!may);
    }
    println!("{passed} records are passed over at once");
    assert!(passed > 1_000);
}

#[test]
fn every_real_record_goes_through_rules_and_renderers() {
    let records = data("records.jsonl");
    let config = Config::parse("t", "", None, BTreeMap::new()).expect("right");
    let any = config.ruleset.rules.iter().find(|rule| rule.id == "instances-launched").expect("a rule");
    let mut scratch = Scratch::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (n, line) in records.lines().enumerate() {
        let envelope = Envelope::from(Event::from_record_text(line.to_owned(), "").expect("an event"));
        let (seen, event) = (envelope.after(None), &envelope.event);
        let findings = config.ruleset.rules.findings(&mut scratch, &envelope.after(None).text());
        let finding = findings.first().filter(|finding| finding.excused.is_none());
        let rule = finding.map(|finding| finding.rule);
        *counts.entry(rule.map_or("(none)".to_owned(), |rule| rule.id.clone())).or_default() += 1;
        let severity = finding.map_or(any.severity, |finding| finding.severity);
        let alert = Alert::new(rule.unwrap_or(any), severity, &seen, "prod");
        let pending = Pending {
            seq: 1,
            enqueued: event.time,
            refusals: 0,
            not_before: None,
            like: Vec::new(),
            counted: 0,
            alert,
        };
        let digest = Message { alerts: vec![pending], ..Message::default() };
        let style = Style::default();
        let message = slack::render(&digest, &style);
        assert!(
            message.to_string().len() < 13_000,
            "line {}: {} characters",
            n + 1,
            message.to_string().len()
        );
        email::render(&digest, &style).expect("rendered");
        let block = terminal::block(&digest.alerts[0], &style, None);
        assert!(block.lines().count() < 30, "line {}", n + 1);
        let line = terminal::json_line(&digest.alerts[0], None);
        assert!(Json::parse(&line).is_ok(), "line {}", n + 1);
    }
    println!("{counts:#?}");
    assert!(counts.len() > 15, "few rules were met: {counts:?}");
}

/// The streams are derived from names, so what a name says must be what records say.
#[test]
fn a_calls_name_says_whether_it_is_a_read() {
    let records = data("records.jsonl");
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
