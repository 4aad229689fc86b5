//! The tests that stand beside rules. Owns how they are written and tried; `trailnoti check` runs them.

use std::path::{Path, PathBuf};

#[cfg(test)]
use crate::config::document::Document;
#[cfg(test)]
use crate::config::problem::Problems;
use crate::config::problem::{Place, Problem};
#[cfg(test)]
use crate::config::section::Found;
use crate::config::section::Section;
use crate::domain::context::{Envelope, Habit, Past};
use crate::domain::event::Event;
use crate::domain::event::reads::is_read;
use crate::domain::json::Json;
use crate::domain::rules::rule::{Rule, Rules, Scratch};
use crate::domain::severity::Severity;

/// A test of a rule.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// The id of the rule.
    pub rule: String,
    /// The file that it stands in.
    pub origin: String,
    /// What it shows, if it says.
    pub name: String,
    /// Where in which file it stands.
    place: Place,
    given: Given,
    /// Facts that are laid over those of the event.
    context: Option<Json>,
    /// How often the event comes.
    times: usize,
    /// Its value was seen before.
    seen: bool,
    /// Whether the rule is to match.
    pub(super) matches: bool,
    severity: Option<Severity>,
}

#[derive(Debug, Clone)]
enum Given {
    File(PathBuf),
    Record(Json),
    Envelope(String),
}

/// Reads the tests of one rule.
pub(super) fn read(section: &mut Section<'_>, rule: &str, folder: Option<&Path>) -> Vec<RuleTest> {
    section.sections("test").into_iter().filter_map(|test| one(test, rule, folder)).collect()
}

/// Reads a file of `[[test]]` tables, each of which names its rule.
#[cfg(test)]
pub(super) fn file(name: &str, text: &str) -> Result<Vec<RuleTest>, Problems> {
    let document = Document::parse(name, text).map_err(Problems)?;
    let found = Found::default();
    let mut root = Section::root(&document, &found);
    let mut tests = Vec::new();
    for mut test in root.sections("test") {
        let rule = test.required("rule", "access-key-created").unwrap_or_default();
        tests.extend(one(test, &rule, None));
    }
    root.finish();
    let problems = found.into_inner();
    if problems.is_empty() { Ok(tests) } else { Err(Problems(problems)) }
}

fn one(mut test: Section<'_>, rule: &str, folder: Option<&Path>) -> Option<RuleTest> {
    let name = test.text("name").unwrap_or_default();
    let file = test.text("event");
    let (record, envelope) = (test.value("record"), test.text("envelope_json"));
    let given = match (file, record, envelope) {
        (Some(file), None, None) => Some(Given::File(folder.unwrap_or(Path::new(".")).join(file))),
        (None, Some(record @ Json::Object(_)), None) => Some(Given::Record(whole(record))),
        (None, None, Some(envelope)) => Some(Given::Envelope(envelope)),
        _ => {
            let forms = "event = \"FILE\", record = { … } or envelope_json = \"…\"";
            test.problem("", format!("rule \"{rule}\": a test needs exactly one event: {forms}"));
            None
        }
    };
    let severity = test.has("severity").then(|| test.severity("severity", Severity::Medium));
    let times = test.number("times", 1.0, 1.0, 1000.0) as usize;
    let (seen, matches) = (test.truth("seen", false), test.truth("matches", true));
    let context = test.value("context");
    let place = test.place();
    test.finish();
    Some(RuleTest {
        rule: rule.to_owned(),
        origin: place.file.clone(),
        name,
        place,
        given: given?,
        context,
        times,
        seen,
        matches,
        severity,
    })
}

/// A record with what every record has, where the test leaves it out.
fn whole(record: Json) -> Json {
    let sign_in = record.text("eventName") == Some("ConsoleLogin");
    let defaults = [
        ("eventVersion", Json::from("1.11")),
        ("eventTime", "2026-01-01T00:00:00Z".into()),
        ("awsRegion", "us-east-1".into()),
        ("eventID", "5f1c2a9e-0000-4000-8000-000000000000".into()),
        ("eventType", if sign_in { "AwsConsoleSignIn" } else { "AwsApiCall" }.into()),
        ("recipientAccountId", "111122223333".into()),
        ("readOnly", record.text("eventName").is_some_and(is_read).into()),
        ("managementEvent", true.into()),
    ];
    let Json::Object(mut members) = record else { return record };
    for (name, value) in defaults {
        if members.iter().all(|(known, _)| known != name) {
            members.push((name.to_owned(), value));
        }
    }
    Json::Object(members)
}

/// Runs the tests that stand beside the rules.
pub fn try_tests(rules: &Rules, tests: &[RuleTest]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for test in tests {
        let Some(rule) = rules.get(&test.rule) else { continue };
        let shown = match (&test.given, test.name.as_str()) {
            (Given::File(file), "") => file.display().to_string(),
            (_, "") => "a test".to_owned(),
            (_, name) => format!("test \"{name}\""),
        };
        let message = match test.event().map(|event| outcome(rule, test, event)) {
            Err(error) => format!("{shown}: {error}"),
            Ok(None) if test.matches => format!("{shown} should match, but does not"),
            Ok(Some(_)) if !test.matches => format!("{shown} should not match, but does"),
            Ok(Some(severity)) if test.severity.is_some_and(|wanted| wanted != severity) => {
                let wanted = test.severity.map_or("", Severity::name);
                format!("{shown} should be {wanted}, but is {severity}")
            }
            Ok(_) => continue,
        };
        let message = format!("rule \"{}\": {message}", test.rule);
        problems.push(Problem::new(test.place.clone(), message));
    }
    problems
}

impl RuleTest {
    fn event(&self) -> Result<Event, String> {
        let text = match &self.given {
            Given::Record(record) => {
                return Event::from_record(record.clone(), "").map_err(|error| error.to_string());
            }
            Given::Envelope(text) => text.clone(),
            Given::File(file) => std::fs::read_to_string(file).map_err(|error| error.to_string())?,
        };
        let json = Json::parse(&text).map_err(|error| error.to_string())?;
        Event::from_any(json, "").map_err(|error| error.to_string())
    }
}

/// How urgent a rule finds an event, where nothing is new but what the test says.
fn outcome(rule: &Rule, test: &RuleTest, mut event: Event) -> Option<Severity> {
    event.context = test.context.clone().or(event.context);
    let said = |of: &str, habit: Habit| test.context.as_ref()?.at(of)?.get(habit.name())?.as_bool();
    let is_new = |of: &str, habit: Habit| (habit, said(of, habit).unwrap_or(false));
    let new = Habit::ALL.map(|habit| is_new("new", habit)).to_vec();
    let own_new = Habit::OWN.map(|habit| is_new("own", habit)).to_vec();
    let past = Past { new, own_new, ..Past::default() };
    let alone = Rules::new(vec![rule.clone()]);
    let envelope = Envelope::from(event);
    let seen = envelope.after(Some(&past));
    // What is asked only of suspects' calls is tried as if this were one.
    if let Some(followed) = alone.followed().first() {
        return followed.pattern.fits(&seen.tree()).then_some(followed.severity);
    }
    let finding = alone.findings(&mut Scratch::default(), &seen.text()).into_iter().next()?;
    let seen = rule.first_seen.is_some() && test.seen;
    let few = rule.threshold.as_ref().is_some_and(|threshold| test.times < threshold.count);
    (finding.excused.is_none() && !seen && !few).then_some(finding.severity)
}
