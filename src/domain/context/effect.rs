//! What a call does that a thief wants done: gives a way in, grants, opens, launches, destroys, blinds. Owns the table from services
//! to effects (`effects.tsv`), so that a rule names the effect, and a call that AWS adds is one line there.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::domain::event::Event;
use crate::domain::event::reads::is_read;

const TABLE: &str = include_str!("effects.tsv");

/// Every word that `context.effect` may hold.
pub const EFFECTS: [&str; 6] = ["way-in", "grants", "opens", "launches", "destroys", "blinds"];

/// Beginnings of calls that destroy, of services and calls that the table does not name.
const DESTROYS: [&str; 3] = ["Delete", "Purge", "Terminate"];

/// A line of the table: its calls, each with whether it is only a beginning, and what they do; none where it is nothing of note.
struct Line {
    calls: Vec<(&'static str, bool)>,
    effect: Option<&'static str>,
}

static LINES: LazyLock<FxHashMap<&str, Vec<Line>>> = LazyLock::new(|| {
    let mut lines: FxHashMap<&str, Vec<Line>> = FxHashMap::default();
    for row in TABLE.lines().filter(|row| !row.starts_with('#')) {
        let mut columns = row.split('\t');
        let (Some(service), Some(calls), Some(effect)) = (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let calls = calls.split_ascii_whitespace().map(|call| match call.strip_suffix('*') {
            Some(start) => (start, true),
            None => (call, false),
        });
        let effect = EFFECTS.into_iter().find(|word| *word == effect);
        lines.entry(service).or_default().push(Line { calls: calls.collect(), effect });
    }
    lines
});

/// The name of a call without the date or the version that some services put behind it: `CreateFunction20150331v2`,
/// `DeleteDistribution2020_05_31`, `DisableSecurityHubV2`.
pub fn without_version(call: &str) -> &str {
    let version = call.trim_end_matches(|c: char| c.is_ascii_digit());
    let unversioned = version.strip_suffix(['v', 'V']).filter(|name| version != call && !name.is_empty());
    let call = unversioned.unwrap_or(call);
    let dated = call.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    if call.len() - dated.len() >= 8 { dated } else { call }
}

/// What an event's call does; none where it is nothing of note.
pub(super) fn effect(event: &Event) -> Option<&'static str> {
    let service = event.source.strip_prefix("aws.").unwrap_or(&event.source);
    let call = event.detail.text("eventName")?;
    let (name, reads) = (without_version(call), is_read(call));
    let lines = LINES.get(service).map_or(&[][..], Vec::as_slice);
    let fits = |(known, begins): &(&str, bool)| match begins {
        true => !reads && name.starts_with(known),
        false => name == *known || call == *known,
    };
    // A line that names the call says more than one that names its beginning.
    let exact =
        |line: &&Line| line.calls.iter().any(|(known, begins)| !begins && (name == *known || call == *known));
    let line = lines.iter().find(exact).or_else(|| lines.iter().find(|line| line.calls.iter().any(fits)));
    match line {
        // A key that is switched off lets nobody in.
        Some(_)
            if name == "UpdateAccessKey"
                && event.detail.text("requestParameters.status") == Some("Inactive") =>
        {
            None
        }
        Some(line) => line.effect,
        None => DESTROYS.iter().any(|start| name.starts_with(start)).then_some("destroys"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, call: &str) -> Option<&'static str> {
        let record = format!(
            r#"{{"eventSource":"{service}.amazonaws.com","eventName":"{call}","eventTime":"2026-01-01T00:00:00Z","awsRegion":"us-east-1"}}"#
        );
        effect(&Event::from_record_text(record, "1").expect("an event"))
    }

    #[test]
    fn every_line_of_the_table_says_something_known_and_no_call_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for row in TABLE.lines().filter(|row| !row.starts_with('#')) {
            let columns: Vec<&str> = row.split('\t').collect();
            let [service, calls, effect] = columns.as_slice() else { panic!("three columns: {row}") };
            assert!(*effect == "-" || EFFECTS.contains(effect), "{row}");
            for call in calls.split_ascii_whitespace() {
                assert!(seen.insert((service.to_string(), call.to_owned())), "{service} {call} stands twice");
            }
        }
        assert!(seen.len() > 700, "{}", seen.len());
    }

    #[test]
    fn a_newer_name_of_a_call_does_what_the_older_one_does() {
        assert_eq!(of("lambda", "CreateFunction20150331"), Some("launches"));
        assert_eq!(of("lambda", "AddPermission20150331v2"), Some("grants"));
        assert_eq!(of("cloudfront", "DeleteDistribution2020_05_31"), Some("destroys"));
        assert_eq!(of("securityhub", "DisableSecurityHubV2"), Some("blinds"));
        assert_eq!(of("macie2", "DisableMacieV3"), Some("blinds"));
        assert_eq!(without_version("CreateEnvironmentEC2"), "CreateEnvironmentEC2");
        assert_eq!(without_version("V2"), "V2");
        assert_eq!(without_version("PutBucketPolicy"), "PutBucketPolicy");
    }

    #[test]
    fn what_is_deleted_in_a_service_that_nobody_listed_is_destroyed_and_what_is_read_is_nothing() {
        assert_eq!(of("newservice", "DeleteThing"), Some("destroys"));
        assert_eq!(of("newservice", "CreateThing"), None);
        assert_eq!(of("sagemaker", "ListModels"), None);
        assert_eq!(of("ec2", "DeleteTags"), None);
        assert_eq!(of("ec2", "DeleteSnapshot"), Some("destroys"));
    }
}
