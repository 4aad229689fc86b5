//! Rules from files: the built-in ones, the folder's, and bare EventBridge patterns. Owns reading them and trying
//! their tests; what they mean is `domain::rule`'s.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::problem::{Place, Problem};
use super::section::{Found, Section};
use crate::domain::event::{Event, with_real_spelling};
use crate::domain::json::Json;
use crate::domain::pattern::{Fields, Pattern, did_you_mean, nearest};
use crate::domain::rule::{Rule, Rules, Severity, suspicious_paths};

/// The rules that come with the program, by file.
const BUILTIN: [(&str, &str); 6] = [
    ("builtin/iam.toml", include_str!("../../rules/iam.toml")),
    ("builtin/sign-in.toml", include_str!("../../rules/sign-in.toml")),
    ("builtin/network.toml", include_str!("../../rules/network.toml")),
    ("builtin/compute.toml", include_str!("../../rules/compute.toml")),
    ("builtin/audit-trail.toml", include_str!("../../rules/audit-trail.toml")),
    OWN,
];

/// The rules for what trailnoti tells of itself; they stay when the others are switched off, because a watch
/// that cannot say that it is blind is none.
const OWN: (&str, &str) = ("builtin/trailnoti.toml", include_str!("../../rules/trailnoti.toml"));

/// A test that stands beside its rule.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// The rule.
    pub rule: String,
    /// Where the test stands.
    pub place: Place,
    /// The file with the event: a record or an envelope.
    pub event: PathBuf,
    /// What is expected.
    pub matches: bool,
}

/// The `[rules]` table.
#[derive(Debug)]
pub(super) struct Wanted {
    pub builtin: bool,
    pub disable: Vec<String>,
    pub files: Vec<String>,
}

/// Reads every rule. Problems go to `found`.
pub(super) fn read(
    wanted: &Wanted,
    folder: Option<&Path>,
    settings: &Section<'_>,
    found: &Found,
) -> (Rules, Vec<RuleTest>) {
    let mut rules: Vec<Rule> = Vec::new();
    let mut tests = Vec::new();
    for path in files(wanted, folder, settings) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let place = Place { file: name, ..Place::default() };
                found.borrow_mut().push(Problem::new(place, format!("cannot be read: {error}")));
                continue;
            }
        };
        let read = if path.extension().is_some_and(|extension| extension == "json") {
            bare_pattern(&path, &name, &text, found).into_iter().collect()
        } else {
            file(&name, &text, path.parent(), &mut tests, found)
        };
        for rule in read {
            match rules.iter().find(|known| known.id == rule.id) {
                None => rules.push(rule),
                Some(known) => {
                    let place = Place { file: rule.origin.clone(), ..Place::default() };
                    let message =
                        format!("rule \"{}\" stands in {} too: give each its own id", rule.id, known.origin);
                    found.borrow_mut().push(Problem::new(place, message));
                }
            }
        }
    }
    for (name, text) in BUILTIN {
        if wanted.builtin || name == OWN.0 {
            for rule in file(name, text, None, &mut tests, found) {
                // A rule of one's own with a built-in's id takes its place.
                if rules.iter().all(|known| known.id != rule.id) {
                    rules.push(rule);
                }
            }
        }
    }
    for id in &wanted.disable {
        if rules.iter().all(|rule| rule.id != *id) {
            let hint = nearest(id, rules.iter().map(|rule| rule.id.as_str()));
            settings.problem("disable", format!("there is no rule \"{id}\"{}", did_you_mean(hint)));
        }
    }
    rules.retain(|rule| !wanted.disable.contains(&rule.id));
    (Rules::new(rules), tests)
}

/// The files that the globs find, each once, in order.
fn files(wanted: &Wanted, folder: Option<&Path>, settings: &Section<'_>) -> Vec<PathBuf> {
    let Some(folder) = folder else { return Vec::new() };
    let mut files = Vec::new();
    for pattern in &wanted.files {
        let path = folder.join(pattern);
        match glob::glob(&path.to_string_lossy()) {
            Ok(paths) => {
                let mut paths: Vec<PathBuf> = paths.flatten().collect();
                if paths.is_empty() && !pattern.contains(['*', '?', '[']) {
                    settings.problem("files", format!("{} is not there", path.display()));
                }
                paths.sort();
                files.extend(paths.into_iter().filter(|path| path.is_file()));
            }
            Err(error) => settings.problem("files", format!("\"{pattern}\" is no file pattern: {error}")),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    files
}

/// An EventBridge pattern, moved over as it is: its rule is named after the file.
fn bare_pattern(path: &Path, name: &str, text: &str, found: &Found) -> Option<Rule> {
    let id = path.file_stem()?.to_string_lossy().into_owned();
    let place = |path: &str| Place { file: name.to_owned(), line: None, path: path.to_owned() };
    let pattern = match Json::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            let message = format!("an EventBridge pattern is JSON: {error}");
            found.borrow_mut().push(Problem::new(place(""), message));
            return None;
        }
    };
    let pattern =
        compile(pattern, |path, message| found.borrow_mut().push(Problem::new(place(path), message)))?;
    let title = format!("{id}: {{detail.eventName}} by {{principal}}");
    Some(Rule {
        id,
        title,
        description: None,
        severity: Severity::Medium,
        pattern,
        unless: Vec::new(),
        runbook: None,
        origin: name.to_owned(),
    })
}

/// A file of `[[rule]]` tables.
fn file(
    name: &str,
    text: &str,
    folder: Option<&Path>,
    tests: &mut Vec<RuleTest>,
    found: &Found,
) -> Vec<Rule> {
    let document = match Document::parse(name, text) {
        Ok(document) => document,
        Err(mut problems) => {
            found.borrow_mut().append(&mut problems);
            return Vec::new();
        }
    };
    let mut root = Section::root(&document, found);
    let mut rules: Vec<Rule> = Vec::new();
    for mut section in root.sections("rule") {
        let rule = rule(&mut section, name);
        let id = rule.as_ref().map(|rule| rule.id.clone()).unwrap_or_default();
        for mut test in section.sections("test") {
            let event = test.required("event", "tests/create-access-key.json");
            let matches = test.truth("matches", true);
            if let (Some(event), Some(folder)) = (event, folder) {
                let place = document.place(&format!("rule \"{id}\": test"));
                tests.push(RuleTest { rule: id.clone(), place, event: folder.join(event), matches });
            }
            test.finish();
        }
        section.finish();
        if let Some(rule) = rule {
            if rules.iter().any(|known| known.id == rule.id) {
                found.borrow_mut().push(Problem::new(
                    document.place(""),
                    format!("rule \"{}\" is there twice: give each its own id", rule.id),
                ));
            }
            rules.push(rule);
        }
    }
    root.finish();
    rules
}

fn rule(section: &mut Section<'_>, origin: &str) -> Option<Rule> {
    let id = section.required("id", "access-key-created")?;
    if id.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
        section.problem("id", format!("\"{id}\": use letters, digits and dashes"));
    }
    let title =
        section.text("title").unwrap_or_else(|| format!("{id}: {{detail.eventName}} by {{principal}}"));
    let description = section.text("description");
    let severity = section.severity("severity", Severity::Medium);
    let runbook = section.text("runbook");
    let unless = section.value("unless");
    let pattern = match (section.value("pattern"), section.value("pattern_json")) {
        (Some(pattern), None) => Some(("pattern", pattern)),
        (None, Some(Json::String(text))) => match Json::parse(&text) {
            Ok(pattern) => Some(("pattern_json", pattern)),
            Err(error) => {
                section.problem("pattern_json", format!("rule \"{id}\": is no JSON: {error}"));
                None
            }
        },
        (None, None) => {
            section.problem(
                "pattern",
                format!("rule \"{id}\": is missing: write pattern.source = [\"aws.iam\"]"),
            );
            None
        }
        _ => {
            section.problem(
                "pattern",
                format!("rule \"{id}\": give pattern as a table, or pattern_json as a text"),
            );
            None
        }
    };
    let told = |key: &str| {
        let (section, id, key) = (&*section, &id, key.to_owned());
        move |path: &str, message: String| {
            let key = if path.is_empty() { key.clone() } else { format!("{key}.{path}") };
            section.problem(&key, format!("rule \"{id}\": {message}"));
        }
    };
    let pattern = pattern.and_then(|(key, pattern)| compile(pattern, told(key)));
    let unless = match unless {
        None => Vec::new(),
        Some(Json::Array(patterns)) => {
            patterns.into_iter().filter_map(|pattern| compile(pattern, told("unless"))).collect()
        }
        Some(_) => {
            section.problem("unless", format!("rule \"{id}\": is a list of patterns"));
            Vec::new()
        }
    };
    Some(Rule {
        id,
        title,
        description,
        severity,
        pattern: pattern?,
        unless,
        runbook,
        origin: origin.to_owned(),
    })
}

fn compile(pattern: Json, mut told: impl FnMut(&str, String)) -> Option<Pattern> {
    match Pattern::compile(&with_real_spelling(pattern)) {
        Ok(pattern) => {
            for (path, message) in suspicious_paths(&pattern) {
                told(&path, message);
            }
            Some(pattern)
        }
        Err(problems) => {
            for problem in problems {
                told(&problem.path, problem.message);
            }
            None
        }
    }
}

/// Runs the tests that stand beside the rules.
pub fn try_tests(rules: &Rules, tests: &[RuleTest]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for test in tests {
        let Some(rule) = rules.iter().find(|rule| rule.id == test.rule) else { continue };
        let event =
            std::fs::read_to_string(&test.event).map_err(|error| error.to_string()).and_then(|text| {
                let json = Json::parse(&text).map_err(|error| error.to_string())?;
                let event = match json.get("detail-type") {
                    Some(_) => Event::from_envelope(&json),
                    None => Event::from_record(json, ""),
                };
                event.map_err(|error| error.to_string())
            });
        let message = match event {
            Err(error) => format!("{}: {error}", test.event.display()),
            Ok(event) if rule.matches(&Fields::of(&event.envelope())) == test.matches => continue,
            Ok(_) if test.matches => format!("{} should match, and does not", test.event.display()),
            Ok(_) => format!("{} should not match, and does", test.event.display()),
        };
        problems.push(Problem::new(test.place.clone(), message));
    }
    problems
}
