//! The `[[exclude]]` tables: which instances are nobody's business. Owns the keys of an exclusion, and refuses one
//! that reaches for more than instances.

use crate::config::aws::AccountConfig;
use crate::config::section::Section;
use crate::domain::event::instance::State;
use crate::domain::instances::claim::launched_by;
use crate::domain::instances::exclusion::{Condition, Exclusion, Group, Wanted};
use crate::domain::instances::glob::Glob;
use crate::domain::json::Json;
use crate::domain::pattern::{did_you_mean, nearest};

/// Keys that people may try, in order to hide something that is no instance.
const OUT_OF_REACH: [&str; 9] =
    ["rules", "rule", "events", "event_names", "sources", "services", "pattern", "detail", "principals"];
/// Whoever fits one of these by a glob fits whoever comes.
const NOBODY: [&str; 4] = [
    "arn:aws:iam::000000000000:role/zq7-nobody",
    "arn:aws:iam::000000000000:user/zq7-nobody",
    "arn:aws:sts::000000000000:assumed-role/zq7-nobody/zq7",
    "zq7-nobody.amazonaws.com",
];
/// The most that a ceiling can be: as many times are remembered.
const CEILING: f64 = 10_000.0;

pub(super) fn read(sections: Vec<Section<'_>>, accounts: &[AccountConfig]) -> Vec<Exclusion> {
    let mut exclusions: Vec<Exclusion> = Vec::new();
    for mut section in sections {
        let name = section.required("name", "autoscaled workers").unwrap_or_default();
        if exclusions.iter().any(|known| known.name == name) && !name.is_empty() {
            section.problem(
                "name",
                format!("another exclusion is also named \"{name}\": give each its own name"),
            );
        }
        let at_most = section.has("at_most").then(|| section.number("at_most", 20.0, 1.0, CEILING) as usize);
        for key in OUT_OF_REACH {
            section.refuse(key, "exclusions hide only instances, never changes to the audit trail, IAM, regions or trailnoti itself; use [rules] disable, or a rule's unless");
        }
        let conditions = group(&mut section);
        if conditions.iter().all(hides_nearly_all) {
            section.problem(
                "",
                "hides every instance everywhere: give it tags, launched_by, regions or instance_types",
            );
        }
        for glob in launched_by(&conditions) {
            check_launcher(&section, glob, accounts);
        }
        section.finish();
        exclusions.push(Exclusion { name, conditions, at_most });
    }
    exclusions
}

/// Whether nearly every instance fits, so that the condition chooses none.
fn hides_nearly_all(condition: &Condition) -> bool {
    match condition {
        Condition::State(_) | Condition::Tag(_, Wanted::Absent) => true,
        Condition::Region(globs)
        | Condition::Account(globs)
        | Condition::InstanceType(globs)
        | Condition::Image(globs) => globs.iter().any(|glob| glob.text() == "*"),
        _ => false,
    }
}

fn check_launcher(section: &Section<'_>, glob: &Glob, accounts: &[AccountConfig]) {
    let service = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ' ');
    if glob.text() != "*" && !glob.text().starts_with("arn:") && !glob.text().chars().all(service) {
        section.problem(
            "launched_by",
            format!(
                "\"{}\" is neither a whole ARN (\"arn:aws:iam::*:role/ci-runner\"; a * in it stops at : and /) nor an AWS service (\"autoscaling.amazonaws.com\")",
                glob.text()
            ),
        );
    } else if glob.text() == "*" || NOBODY.iter().any(|nobody| glob.matches(nobody)) {
        section.problem(
            "launched_by",
            format!("\"{}\" matches everybody: name who launches these instances", glob.text()),
        );
    } else if let Some(own) = accounts.iter().find(|account| glob.matches(&account.role_arn)) {
        section.problem(
            "launched_by",
            format!(
                "\"{}\" matches {}, trailnoti's own role, whose actions are never hidden",
                glob.text(),
                own.role_arn
            ),
        );
    }
}

/// The conditions of a table; all of them must hold.
fn group(section: &mut Section<'_>) -> Group {
    let mut group = tags(section);
    type OfGlobs = fn(Vec<Glob>) -> Condition;
    let kinds: [(&'static str, OfGlobs); 6] = [
        ("launched_by", Condition::LaunchedBy),
        ("accounts", Condition::Account),
        ("regions", Condition::Region),
        ("instance_types", Condition::InstanceType),
        ("images", Condition::Image),
        ("lifecycles", Condition::Lifecycle),
    ];
    for (key, condition) in kinds {
        let globs = section.globs(key);
        if !globs.is_empty() {
            group.push(condition(globs));
        }
    }
    let states = section.texts("states");
    let states: Vec<State> = states.iter().filter_map(|text| state(section, text)).collect();
    if !states.is_empty() {
        group.push(Condition::State(states));
    }
    for (key, condition) in [("any", Condition::Any as fn(Vec<Group>) -> Condition), ("all", Condition::All)]
    {
        if section.has(key) {
            let groups: Vec<Group> = section
                .sections(key)
                .into_iter()
                .map(|mut table| {
                    let conditions = self::group(&mut table);
                    if conditions.is_empty() {
                        table.problem("", "an empty group matches every instance: add a condition");
                    }
                    table.finish();
                    conditions
                })
                .collect();
            group.push(condition(groups));
        }
    }
    group
}

fn state(section: &Section<'_>, text: &str) -> Option<State> {
    let state = State::parse(text);
    if state.is_none() {
        let hint = nearest(text, State::ALL.iter().map(|state| state.name()));
        section.problem("states", format!("\"{text}\" is not an instance state{}", did_you_mean(hint)));
    }
    state
}

fn tags(section: &mut Section<'_>) -> Group {
    let members = match section.value("tags") {
        None => Vec::new(),
        Some(Json::Object(members)) => members,
        Some(_) => {
            section
                .problem("tags", "must be a table of keys and values: write tags = { \"team\" = \"web-*\" }");
            Vec::new()
        }
    };
    let mut group = Group::new();
    for (key, value) in members {
        let values = match &value {
            Json::Bool(there) => {
                group.push(Condition::Tag(key, if *there { Wanted::Present } else { Wanted::Absent }));
                continue;
            }
            Json::Array(items) if !items.is_empty() => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let texts: Option<Vec<&str>> = values.iter().map(Json::as_str).collect();
        match texts {
            Some(texts) => {
                let globs = texts.iter().filter_map(|text| section.glob("tags", text)).collect();
                group.push(Condition::Tag(key, Wanted::Like(globs)));
            }
            None => section.problem(
                "tags",
                format!("the value of \"{key}\" must be a string, a list of strings, true (the tag is set) or false (it is not)"),
            ),
        }
    }
    group
}

/// What is worth a word about exclusions that a thief could use.
pub(super) fn warnings(exclusions: &[Exclusion]) -> Vec<String> {
    let weak = exclusions.iter().filter(|exclusion| exclusion.is_weak());
    weak.map(|exclusion| {
        format!(
            "exclusion \"{}\" relies on a tag that anybody can copy: also require who launches the instances, such as launched_by = [\"arn:aws:iam::*:role/ci-runner\"], or a tag that only AWS can set, such as \"aws:autoscaling:groupName\"",
            exclusion.name
        )
    })
    .collect()
}
