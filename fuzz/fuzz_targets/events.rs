//! Bytes of a file: whatever they are, objects are taken out of them, become events, and these have an envelope, facts and
//! an alert.

#![no_main]
#![allow(dead_code, missing_docs, unreachable_pub, unused_imports, reason = "the sources have more than is fuzzed")]

#[path = "../../src/domain/mod.rs"]
mod domain;
#[path = "../../src/files/mod.rs"]
mod files;

use domain::context::Envelope;
use domain::event::Event;
use domain::json::Json;
use domain::notify::alert::Alert;
use domain::pattern::Pattern;
use domain::rules::memory::Traits;
use domain::rules::rule::{Rule, Rules, Scratch};
use domain::severity::Severity;
use files::{Broken, Objects, Unwrap, inner_record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let pattern = Json::parse(r#"{"detail":{"eventName":[{"exists":true}]}}"#).expect("JSON");
    let rule = Rule {
        title: "{detail.eventName|detail.eventSource} by {principal} of {context.outside}".to_owned(),
        ..Rule::plain("any", Severity::Low, Pattern::compile(&pattern).expect("a pattern"))
    };
    let rules = Rules::new(vec![rule.clone()]);
    let mut scratch = Scratch::default();
    let mut objects = Objects::new(input, Unwrap::Lists);
    for _ in 0..1000 {
        match objects.take() {
            Ok(None) | Err(Broken::Unreadable(_)) => return,
            Err(Broken::NoObject { .. }) => {}
            Ok(Some(object)) => {
                let record = inner_record(object).into_owned();
                let glance = rules.glance(&mut scratch, &record);
                let Ok(json) = Json::parse(&record) else { continue };
                let Ok(event) = Event::from_any(json, "1") else { continue };
                let envelope = Envelope::from(event);
                let (seen, event) = (envelope.after(None), &envelope.event);
                let _traits = Traits::of(&envelope);
                let found = !rules.findings(&mut scratch, &seen.text()).is_empty();
                if seen.tree().get("detail") == Some(&event.detail) && event.resources.is_empty() {
                    let may = glance.is_ok_and(|glance| glance.may_match);
                    assert!(may || !found || record.contains("detail-type"), "{record}");
                }
                let alert = Alert::new(&rule, Severity::Low, &seen, "");
                assert!(alert.title.chars().count() <= 241);
            }
        }
    }
});
