//! Rules from files: the built-in ones, the folder's, and bare EventBridge patterns. Owns which files there are and
//! which rule takes another's place; one rule's keys are `rule`'s, its tests `rule_test`'s.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::config::document::Document;
use crate::config::problem::{Place, Problem};
use crate::config::rule::{compile, rule, untitled};
use crate::config::rule_test;
use crate::config::rule_test::RuleTest;
use crate::config::section::{Found, Section};
use crate::config::sigma;
use crate::domain::json::Json;
use crate::domain::language::Language;
use crate::domain::pattern::{did_you_mean, nearest};
use crate::domain::rules::rule::{Rule, Rules};
use crate::domain::severity::Severity;

/// The rules that come with the program, by file: by what is attacked.
const BUILTIN: [(&str, &str); 10] = [
    ("builtin/identity.toml", include_str!("../../rules/identity.toml")),
    ("builtin/sign-in.toml", include_str!("../../rules/sign-in.toml")),
    ("builtin/compute.toml", include_str!("../../rules/compute.toml")),
    ("builtin/network.toml", include_str!("../../rules/network.toml")),
    ("builtin/audit-trail.toml", include_str!("../../rules/audit-trail.toml")),
    ("builtin/data.toml", include_str!("../../rules/data.toml")),
    ("builtin/mail-and-models.toml", include_str!("../../rules/mail-and-models.toml")),
    ("builtin/organisation.toml", include_str!("../../rules/organisation.toml")),
    ("builtin/habits.toml", include_str!("../../rules/habits.toml")),
    OWN,
];

/// The rules for what trailnoti reports of itself; they stay when the others are switched off, because a watch
/// that cannot say that it is blind is none.
const OWN: (&str, &str) = ("builtin/trailnoti.toml", include_str!("../../rules/trailnoti.toml"));

/// The `[rules]` table.
#[derive(Debug)]
pub(super) struct Wanted {
    pub builtin: bool,
    pub disable: Vec<String>,
    pub files: Vec<String>,
    /// The files are not the default.
    pub asked: bool,
    /// In which language rules talk, where they can.
    pub language: Language,
}

/// What the files say.
pub(super) struct Read {
    /// The rules that are on.
    pub rules: Rules,
    /// Those that `disable` names.
    pub disabled: Vec<Rule>,
    /// The tests of the rules that are on.
    pub tests: Vec<RuleTest>,
    /// What was asked for and is not there.
    pub warnings: Vec<String>,
}

/// Reads every rule: those of the configuration itself, of the files that it names, and the built-in ones. Problems go to `found`.
pub(super) fn read(
    wanted: &Wanted,
    (folder, name): (Option<&Path>, &str),
    (root, settings): (&mut Section<'_>, &Section<'_>),
    found: &Found,
) -> Read {
    let mut tests = Vec::new();
    let mut rules: Vec<Rule> = tables(root, name, folder, &mut tests, found);
    let mut warnings = Vec::new();
    for path in files(wanted, folder, settings, &mut warnings) {
        let read = match sigma_rule(&path) {
            None => read_file(&path, &mut tests, found),
            Some(Ok(rule)) => vec![rule],
            // Of a folder of other people's rules, those that can be used are.
            Some(Err(why)) => {
                warnings.push(why);
                continue;
            }
        };
        for rule in read {
            match rules.iter().find(|known| known.id == rule.id) {
                None => rules.push(rule),
                Some(known) => {
                    let place = Place { file: rule.origin.clone(), ..Place::default() };
                    let message = format!(
                        "rule \"{}\" is also defined in {}: give each its own id",
                        rule.id, known.origin
                    );
                    found.borrow_mut().push(Problem::new(place, message));
                }
            }
        }
    }
    for rule in builtin() {
        let is_on = wanted.builtin || rule.origin == OWN.0;
        // A rule of one's own with a built-in's id takes its place.
        if is_on && rules.iter().all(|known| known.id != rule.id) {
            rules.push(rule.clone());
        }
    }
    for id in &wanted.disable {
        if rules.iter().all(|rule| rule.id != *id) {
            let hint = nearest(id, rules.iter().map(|rule| rule.id.as_str()));
            settings.problem("disable", format!("there is no rule \"{id}\"{}", did_you_mean(hint)));
        }
    }
    rules.iter_mut().for_each(|rule| rule.speak(wanted.language));
    let (disabled, rules): (Vec<Rule>, Vec<Rule>) =
        rules.into_iter().partition(|rule| wanted.disable.contains(&rule.id));
    tests.retain(|test| rules.iter().any(|rule| rule.id == test.rule && rule.origin == test.origin));
    Read { rules: Rules::new(rules), disabled, tests, warnings }
}

/// The rule of a Sigma file; none where the file is of another kind.
fn sigma_rule(path: &Path) -> Option<Result<Rule, String>> {
    path.extension().filter(|end| *end == "yml" || *end == "yaml")?;
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {error}"));
    let read = text.and_then(|text| {
        sigma::read(&stem(path), &text)
            .map_err(|why| format!("{name}: this Sigma rule cannot be used: {why}"))
    });
    Some(read.map(|imported| Rule { origin: name, ..imported.rule }))
}

/// The rules of one file.
pub(super) fn read_file(path: &Path, tests: &mut Vec<RuleTest>, found: &Found) -> Vec<Rule> {
    match sigma_rule(path) {
        None => {}
        Some(Ok(rule)) => return vec![rule],
        Some(Err(why)) => {
            found.borrow_mut().push(Problem::new(Place::default(), why));
            return Vec::new();
        }
    }
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let place = Place { file: name, ..Place::default() };
            found.borrow_mut().push(Problem::new(place, format!("cannot be read: {error}")));
            return Vec::new();
        }
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => bare_pattern(path, &name, &text, found).into_iter().collect(),
        _ => file(&name, &text, path.parent(), tests, found),
    }
}

/// The rules that come with the program, read once. They have no mistakes: a test looks.
fn builtin() -> &'static [Rule] {
    static READ: OnceLock<Vec<Rule>> = OnceLock::new();
    READ.get_or_init(|| {
        let found = Found::default();
        BUILTIN.iter().flat_map(|(name, text)| file(name, text, None, &mut Vec::new(), &found)).collect()
    })
}

/// The files that the globs find, each once, in order.
fn files(
    wanted: &Wanted,
    folder: Option<&Path>,
    settings: &Section<'_>,
    warnings: &mut Vec<String>,
) -> Vec<PathBuf> {
    let Some(folder) = folder else { return Vec::new() };
    let mut files = Vec::new();
    for pattern in &wanted.files {
        let path = folder.join(pattern);
        match glob::glob(&path.to_string_lossy()) {
            Ok(paths) => {
                let mut paths: Vec<PathBuf> = paths.flatten().collect();
                match pattern.contains(['*', '?', '[']) {
                    false if paths.is_empty() => {
                        settings.problem("files", format!("{} does not exist", path.display()));
                    }
                    true if paths.is_empty() && wanted.asked => {
                        warnings.push(format!(
                            "[rules] files: \"{pattern}\" finds no file in {}",
                            folder.display()
                        ));
                    }
                    _ => {}
                }
                paths.sort();
                files.extend(paths.into_iter().filter(|path| path.is_file()));
            }
            Err(error) => settings.problem("files", format!("\"{pattern}\" is not a file pattern: {error}")),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    files
}

/// A file's name without its end.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// An EventBridge pattern, moved over as it is: its rule is named after the file.
fn bare_pattern(path: &Path, name: &str, text: &str, found: &Found) -> Option<Rule> {
    let id = stem(path);
    let place = |path: &str| Place { file: name.to_owned(), line: None, path: path.to_owned() };
    let pattern = match Json::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            let message = format!("an EventBridge pattern must be valid JSON: {error}");
            found.borrow_mut().push(Problem::new(place(""), message));
            return None;
        }
    };
    let pattern =
        compile(pattern, |path, message| found.borrow_mut().push(Problem::new(place(path), message)))?;
    Some(Rule {
        title: untitled(&id),
        origin: name.to_owned(),
        ..Rule::plain(&id, Severity::Medium, pattern)
    })
}

/// A file of `[[rule]]` tables, which stands in `folder`, if in any.
pub(super) fn file(
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
    let rules = tables(&mut root, name, folder, tests, found);
    root.finish();
    rules
}

/// The `[[rule]]` tables of a document.
pub(super) fn tables(
    root: &mut Section<'_>,
    name: &str,
    folder: Option<&Path>,
    tests: &mut Vec<RuleTest>,
    found: &Found,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for mut section in root.sections("rule") {
        let rule = rule(&mut section, name);
        let id = rule.as_ref().map(|rule| rule.id.clone()).unwrap_or_default();
        tests.extend(rule_test::read(&mut section, &id, folder));
        section.finish();
        if let Some(rule) = rule {
            if rules.iter().any(|known| known.id == rule.id) {
                found.borrow_mut().push(Problem::new(
                    Place { file: name.to_owned(), ..Place::default() },
                    format!("rule \"{}\" is defined twice: give each its own id", rule.id),
                ));
            }
            rules.push(rule);
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rule_test;

    /// There were 169 here and 186 there.
    #[test]
    fn every_page_says_the_same_number_of_rules() {
        let number = builtin().len();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (page, said) in [("README.md", "rules come with it"), ("CHANGELOG.md", "built-in rules")] {
            let text = std::fs::read_to_string(root.join(page)).expect("text");
            assert!(text.contains(&format!("{number} {said}")), "{page} says another number than {number}");
        }
    }

    #[test]
    fn the_built_in_rules_have_no_mistakes() {
        for (name, text) in BUILTIN {
            let found = Found::default();
            file(name, text, None, &mut Vec::new(), &found);
            let problems: Vec<String> = found.into_inner().iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{}", problems.join("\n"));
        }
    }

    /// `guardduty-weakened` matched nearly every call of GuardDuty, reads too: a branch spoke of `eventName` once more.
    #[test]
    fn no_branch_of_a_built_in_rule_takes_the_place_of_what_is_said_outside_it() {
        for rule in builtin() {
            let patterns = std::iter::once(&rule.pattern).chain(&rule.unless);
            for pattern in patterns.chain(rule.escalate.iter().map(|one| &one.when)) {
                assert_eq!(pattern.replaced(), [""; 0], "{}", rule.id);
            }
        }
    }

    #[test]
    fn every_built_in_rule_says_in_korean_all_that_it_says_in_english() {
        let fields = |text: &str| {
            let fields = text.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            let mut fields: Vec<String> = fields.map(str::to_owned).collect();
            fields.sort();
            fields
        };
        let is_korean = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        for rule in builtin() {
            let korean = rule.korean.clone().unwrap_or_default();
            let pairs = [
                ("title", Some(rule.title.clone()), korean.title),
                ("description", rule.description.clone(), korean.description),
                ("runbook", rule.runbook.clone(), korean.runbook),
            ];
            for (key, english, korean) in pairs {
                assert_eq!(english.is_some(), korean.is_some(), "{}: {key}", rule.id);
                let (english, korean) = (english.unwrap_or_default(), korean.unwrap_or_default());
                assert_eq!(fields(&english), fields(&korean), "{}: {key}", rule.id);
                assert!(korean.is_empty() || is_korean(&korean), "{}: {key}", rule.id);
            }
        }
    }

    #[test]
    fn every_built_in_rule_is_tried_with_an_event_that_fits_and_one_that_does_not() {
        let rules = Rules::new(builtin().to_vec());
        let mut tests = Vec::new();
        for (name, _) in BUILTIN {
            let name = name.trim_start_matches("builtin/");
            let path = format!("{}/rules/tests/{name}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            tests.extend(rule_test::file(name, &text).expect("a file of tests"));
        }
        let unknown: Vec<&str> =
            tests.iter().map(|test| test.rule.as_str()).filter(|id| rules.get(id).is_none()).collect();
        assert!(unknown.is_empty(), "tests of rules that are not there: {unknown:?}");
        let problems: Vec<String> =
            rule_test::try_tests(&rules, &tests).iter().map(ToString::to_string).collect();
        assert!(
            problems.is_empty(),
            "{} of {} failed:\n{}",
            problems.len(),
            tests.len(),
            problems.join("\n")
        );
        for rule in rules.iter().filter(|rule| rule.origin != OWN.0) {
            for matches in [true, false] {
                let tried = tests.iter().any(|test| test.rule == rule.id && test.matches == matches);
                assert!(tried, "{} has no test with matches = {matches}", rule.id);
            }
            let said = rule.description.is_some() && rule.runbook.is_some() && !rule.tags.is_empty();
            assert!(said, "{} does not say why, what to do, or which technique", rule.id);
        }
    }
}
