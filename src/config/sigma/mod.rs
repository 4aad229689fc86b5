//! Sigma rules for CloudTrail as rules of ours. Owns which of a Sigma rule's keys mean what (Sigma specification, "Rules"); a rule that
//! cannot be said as a pattern is refused, with the reason.

mod condition;
mod expression;
mod search;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::domain::json::Json;
use crate::domain::pattern::Pattern;
use crate::domain::rules::field_names::suspicious_paths;
use crate::domain::rules::rule::{Mode, Rule};
use crate::domain::severity::Severity;

/// A Sigma rule as one of ours, and as the text of one.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The rule.
    pub rule: Rule,
    /// It as a `[[rule]]` table.
    pub toml: String,
}

/// A larger file is no rule.
const LARGEST: usize = 256 * 1024;

/// Reads a Sigma rule. `stem` is its file's name without its end, of which the id is made.
///
/// # Errors
/// Why it is none of ours.
pub fn read(stem: &str, text: &str) -> Result<Imported, String> {
    if text.len() > LARGEST {
        return Err("it is larger than 256 KB".to_owned());
    }
    // "No" and "Y" are words of rules; memory is bounded by the library's own budget, whatever aliases say.
    let options = serde_saphyr::options! { strict_booleans: true };
    let rule: serde_json::Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("it is not YAML: {}", first_line(&error)))?;
    let said = |path: &str| rule.pointer(path).and_then(serde_json::Value::as_str);
    let (product, service) = (said("/logsource/product"), said("/logsource/service"));
    if product != Some("aws") || service.is_some_and(|service| service != "cloudtrail") {
        return Err("its logsource is not product aws, service cloudtrail".to_owned());
    }
    let mode = match said("/status") {
        Some("deprecated" | "unsupported") => {
            return Err("its status is deprecated or unsupported".to_owned());
        }
        Some("experimental") => Mode::DryRun,
        _ => Mode::Live,
    };
    let searches =
        rule.pointer("/detection").and_then(serde_json::Value::as_object).ok_or("it has no detection")?;
    if searches.contains_key("timeframe") {
        return Err("it counts within a timeframe: write a rule with threshold".to_owned());
    }
    let conditions = match searches.get("condition") {
        Some(serde_json::Value::String(condition)) => vec![condition.as_str()],
        Some(serde_json::Value::Array(all)) => all.iter().filter_map(serde_json::Value::as_str).collect(),
        _ => return Err("it has no condition".to_owned()),
    };
    let parsed: Vec<_> = conditions.iter().map(|text| condition::parse(text)).collect::<Result<_, _>>()?;
    let whole = match parsed.as_slice() {
        [one] => one.clone(),
        _ => condition::Condition::Or(parsed),
    };
    let (wanted, excused) = expression::alternatives(&whole, searches)?;
    let pattern = expression::pattern(&wanted);
    let unless: Vec<Json> =
        excused.iter().map(|one| expression::pattern(std::slice::from_ref(one))).collect();
    let compiled = |pattern: &Json| {
        Pattern::compile(pattern).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            format!("its pattern has mistakes: {}", problems.join("; "))
        })
    };
    let pattern_of = compiled(&pattern)?;
    if let Some((path, _)) = suspicious_paths(&pattern_of).into_iter().next() {
        return Err(format!(
            "{} is no field of a CloudTrail record: it would never match",
            path.trim_start_matches("detail.")
        ));
    }
    let mut built = Rule::plain(&id_of(stem), severity(said("/level")), pattern_of);
    built.unless = unless.iter().map(compiled).collect::<Result<_, _>>()?;
    built.title = format!("{}: {{principal}}", without_braces(said("/title").unwrap_or(stem)));
    built.description = Some(description(&rule));
    built.tags = tags(&rule);
    built.mode = mode;
    let toml = toml(&built, &pattern, &unless);
    Ok(Imported { rule: built, toml })
}

fn first_line(error: &impl std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn id_of(stem: &str) -> String {
    let id: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    if id.starts_with("sigma-") { id } else { format!("sigma-{id}") }
}

/// Braces in a text of ours are a field's.
fn without_braces(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '{' | '}')).collect::<String>().trim().to_owned()
}

fn severity(level: Option<&str>) -> Severity {
    match level {
        Some("informational") => Severity::Info,
        Some("low") => Severity::Low,
        Some("high") => Severity::High,
        Some("critical") => Severity::Critical,
        _ => Severity::Medium,
    }
}

/// What it is about, what is known to be harmless, and whose it is: the rules' licence asks for the author's name.
fn description(rule: &serde_json::Value) -> String {
    let said = |name: &str| rule.get(name).and_then(serde_json::Value::as_str).map(without_braces);
    let mut text = said("description").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let harmless = rule.get("falsepositives").and_then(serde_json::Value::as_array);
    let harmless: Vec<&str> = harmless.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    if !harmless.is_empty() {
        let harmless = without_braces(&harmless.join("; "));
        text = format!(
            "{text} Known to be harmless: {}",
            harmless.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    let id = said("id").map(|id| format!(" {id}")).unwrap_or_default();
    let author = said("author").map(|author| format!(" by {author}")).unwrap_or_default();
    format!("{text} (Sigma rule{id}{author})").trim().to_owned()
}

/// ATT&CK's techniques by their numbers, everything else as it is.
fn tags(rule: &serde_json::Value) -> Vec<String> {
    let tags = rule.get("tags").and_then(serde_json::Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(serde_json::Value::as_str);
    tags.map(|tag| match tag.strip_prefix("attack.t") {
        Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => format!("T{number}"),
        _ => tag.to_owned(),
    })
    .collect()
}

fn toml(rule: &Rule, pattern: &Json, unless: &[Json]) -> String {
    let quoted = |text: &str| Json::from(text).to_string();
    let mut out = format!(
        "[[rule]]\nid = {}\ntitle = {}\ndescription = {}\nseverity = \"{}\"\n",
        quoted(&rule.id),
        quoted(&rule.title),
        quoted(rule.description.as_deref().unwrap_or_default()),
        rule.severity
    );
    let tags: Vec<String> = rule.tags.iter().map(|tag| quoted(tag)).collect();
    let mut line = |text: String| _ = writeln!(out, "{text}");
    if !tags.is_empty() {
        line(format!("tags = [{}]", tags.join(", ")));
    }
    if rule.mode == Mode::DryRun {
        line("mode = \"dry-run\"".to_owned());
    }
    line(format!("pattern_json = {}", quoted(&pattern.to_string())));
    if !unless.is_empty() {
        let unless: Vec<String> = unless.iter().map(|one| quoted(&one.to_string())).collect();
        line(format!("unless = [{}]", unless.join(", ")));
    }
    out
}
