//! One rule as a file writes it. Owns its keys and what is wrong with them; what they mean is `domain::rule`'s.

use crate::config::section::Section;
use crate::domain::event::with_real_spelling;
use crate::domain::json::Json;
use crate::domain::language::Language;
use crate::domain::pattern::Pattern;
use crate::domain::rules::field_names::{suspicious_path, suspicious_paths, unknown_path, unknown_words};
use crate::domain::rules::rule::{Escalation, FirstSeen, Mode, Rule, Texts};
use crate::domain::rules::threshold::Threshold;
use crate::domain::severity::Severity;

/// The title of a rule that has none: the call stands among the facts.
pub(super) fn untitled(id: &str) -> String {
    format!("rule {id} matched an action of {{principal}}")
}

pub(super) fn rule(section: &mut Section<'_>, origin: &str) -> Option<Rule> {
    let id = section.required("id", "access-key-created").unwrap_or_default();
    if id.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
        section.problem("id", format!("\"{id}\": use letters, digits and dashes"));
    }
    let title = section.text("title").unwrap_or_else(|| untitled(&id));
    let description = section.text("description");
    let severity = section.severity("severity", Severity::Medium);
    for (key, text) in [("title", Some(&title)), ("description", description.as_ref())] {
        for (field, message) in placeholders(text.map_or("", String::as_str)) {
            section.problem(key, format!("rule \"{id}\": {{{field}}}: {message}"));
        }
    }
    let runbook = section.text("runbook");
    let korean = translation(section, &id);
    let unless = section.value("unless");
    let pattern = match (section.value("pattern"), section.value("pattern_json")) {
        (Some(pattern), None) => Some(("pattern", pattern)),
        (None, Some(Json::String(text))) => match Json::parse(&text) {
            Ok(pattern) => Some(("pattern_json", pattern)),
            Err(error) => {
                section.problem("pattern_json", format!("rule \"{id}\": invalid JSON: {error}"));
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
                format!("rule \"{id}\": write either pattern, a table, or pattern_json, a string"),
            );
            None
        }
    };
    let pattern = pattern.and_then(|(key, pattern)| compile(pattern, reporter(section, &id, key)));
    let escalate = escalations(section, &id, severity);
    let usual = section.has("usual").then(|| section.severity("usual", severity));
    if usual.is_some_and(|usual| usual > severity) {
        section.problem(
            "usual",
            format!(
                "rule \"{id}\": is above the rule's own severity {severity}: what is usual must lower it"
            ),
        );
    }
    let unless = match unless {
        None => Vec::new(),
        Some(Json::Array(patterns)) => patterns
            .into_iter()
            .filter_map(|pattern| match pattern {
                // As in `pattern_json`.
                Json::String(text) => Json::parse(&text)
                    .map_err(|error| {
                        section.problem("unless", format!("rule \"{id}\": invalid JSON: {error}"));
                    })
                    .ok(),
                pattern => Some(pattern),
            })
            .filter_map(|pattern| compile(pattern, reporter(section, &id, "unless")))
            .collect(),
        Some(_) => {
            section.problem("unless", format!("rule \"{id}\": must be a list of patterns"));
            Vec::new()
        }
    };
    let (first_seen, threshold) = (first_seen(section), threshold(section));
    let mode = match section.choice("mode", "live", &[Mode::Live.name(), Mode::DryRun.name()]).as_str() {
        "dry-run" => Mode::DryRun,
        _ => Mode::Live,
    };
    let tags = section.texts("tags");
    if id.is_empty() {
        return None;
    }
    Some(Rule {
        id,
        title,
        description,
        runbook,
        severity,
        pattern: pattern?,
        unless,
        first_seen,
        threshold,
        escalate,
        usual,
        tags,
        mode,
        origin: origin.to_owned(),
        korean,
        language: Language::default(),
    })
}

/// `ko.title`, `ko.description` and `ko.runbook`: what it says where `language = "ko"`.
fn translation(section: &mut Section<'_>, id: &str) -> Option<Texts> {
    if !section.has("ko") {
        return None;
    }
    let mut korean = section.section("ko");
    let texts = Texts {
        title: korean.text("title"),
        description: korean.text("description"),
        runbook: korean.text("runbook"),
    };
    for (key, text) in [("title", &texts.title), ("description", &texts.description)] {
        for (field, message) in placeholders(text.as_deref().unwrap_or_default()) {
            korean.problem(key, format!("rule \"{id}\": {{{field}}}: {message}"));
        }
    }
    korean.finish();
    Some(texts)
}

fn reporter<'s>(section: &'s Section<'_>, id: &'s str, key: &'s str) -> impl FnMut(&str, String) + 's {
    move |path, message| {
        let key = if path.is_empty() { key.to_owned() } else { format!("{key}.{path}") };
        section.problem(&key, format!("rule \"{id}\": {message}"));
    }
}

fn escalations(section: &mut Section<'_>, id: &str, base: Severity) -> Vec<Escalation> {
    let mut escalations = Vec::new();
    for mut one in section.sections("escalate") {
        let when = one.value("when");
        let to = one.severity("to", Severity::High);
        let always = one.truth("always", false);
        if !one.has("to") {
            one.problem("to", format!("rule \"{id}\": is missing: write to = \"critical\""));
        }
        match when {
            Some(_) if to < base => one.problem(
                "to",
                format!(
                    "rule \"{id}\": {to} is below the rule's own severity {base}: an escalation must raise it"
                ),
            ),
            Some(pattern) => {
                let when = compile(pattern, reporter(&one, id, "when"));
                escalations.extend(when.map(|when| Escalation { when, to, always }));
            }
            None => one.problem(
                "when",
                format!("rule \"{id}\": is missing: write when = {{ context.new.region = [true] }}"),
            ),
        }
        one.finish();
    }
    escalations
}

/// Fields in a text that look mistaken, and why.
fn placeholders(text: &str) -> Vec<(String, String)> {
    let inside = text
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .flat_map(|(field, _)| field.split('|'));
    inside
        .filter(|field| !["principal", "service", "call"].contains(field))
        .filter_map(unknown_path)
        .collect()
}

/// Names of fields, each looked at for a typing mistake.
fn fields(section: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let fields = section.texts(key);
    for (field, message) in fields.iter().filter_map(|field| suspicious_path(field)) {
        section.problem(key, format!("\"{field}\": {message}"));
    }
    fields
}

fn first_seen(section: &mut Section<'_>) -> Option<FirstSeen> {
    if !section.has("first_seen") {
        return None;
    }
    let mut table = section.section("first_seen");
    let of = fields(&mut table, "of");
    if of.is_empty() {
        table.problem(
            "of",
            "is missing: name the fields whose values must be new: write of = [\"detail.awsRegion\"]",
        );
    }
    let by = fields(&mut table, "by");
    let within = table.duration("within", "90d", "2d", "90d");
    table.finish();
    Some(FirstSeen { of, by, within })
}

fn threshold(section: &mut Section<'_>) -> Option<Threshold> {
    if !section.has("threshold") {
        return None;
    }
    let mut table = section.section("threshold");
    if !table.has("count") {
        table.problem("count", "is missing: write count = 5");
    }
    let count = table.number("count", 2.0, 1.0, 1000.0) as usize;
    let within = table.duration("within", "15m", "1s", "1d");
    let by = fields(&mut table, "by");
    let distinct = table.text("distinct");
    if let Some((field, message)) = distinct.as_deref().and_then(suspicious_path) {
        table.problem("distinct", format!("\"{field}\": {message}"));
    }
    table.finish();
    Some(Threshold { count, within, by, distinct })
}

/// A compiled pattern; what is wrong with it goes to `report`, with its place in the pattern.
pub(super) fn compile(pattern: Json, mut report: impl FnMut(&str, String)) -> Option<Pattern> {
    match Pattern::compile(&with_real_spelling(pattern)) {
        Ok(pattern) => {
            for (path, message) in suspicious_paths(&pattern).into_iter().chain(unknown_words(&pattern)) {
                report(&path, message);
            }
            Some(pattern)
        }
        Err(problems) => {
            for problem in problems {
                report(&problem.path, problem.message);
            }
            None
        }
    }
}
