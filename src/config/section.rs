//! Reading keys out of a document: each key once, each mistake noted and read on. Owns the kinds of values that
//! keys may have; which keys there are is their section's.
//!
//! serde would stop at the first mistake, and a person with ten of them would meet them one by one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use crate::config::document::{Document, Members};
use crate::config::problem::{Place, Problem};
use crate::config::shape::{Kind, Shape, note};
use crate::domain::instances::glob::Glob;
use crate::domain::json::Json;
use crate::domain::pattern::{did_you_mean, nearest};
use crate::domain::severity::Severity;

/// Keys whose values are shown to nobody.
const SECRET: [&str; 9] = [
    "webhook_url",
    "url",
    "password",
    "external_id",
    "signing_key",
    "headers",
    "token",
    "routing_key",
    "topic",
];

/// The mistakes found so far.
pub(crate) type Found = RefCell<Vec<Problem>>;

/// One table of a document.
pub(crate) struct Section<'a> {
    document: &'a Document,
    found: &'a Found,
    /// Where it is noted what each key may be, if somebody wants to know.
    shape: Option<&'a Shape>,
    path: String,
    /// What is not read yet.
    members: BTreeMap<String, Json>,
    /// The keys that were there at first.
    given: Vec<String>,
    /// The names of files that keys were given.
    texts: Vec<(String, String)>,
    /// The keys that were asked for.
    known: BTreeSet<&'static str>,
}

impl<'a> Section<'a> {
    /// The section that is the document's top.
    pub(super) fn root(document: &'a Document, found: &'a Found) -> Self {
        Section::new((document, found, None), String::new(), document.root.clone())
    }

    /// The same, where it is noted what each key may be.
    pub(super) fn recording(document: &'a Document, found: &'a Found, shape: &'a Shape) -> Self {
        Section::new((document, found, Some(shape)), String::new(), document.root.clone())
    }

    fn note(&self, key: &str, kind: Kind) {
        if let Some(shape) = self.shape {
            note(shape, &self.below(key), kind);
        }
    }

    fn new(
        (document, found, shape): (&'a Document, &'a Found, Option<&'a Shape>),
        path: String,
        members: Members,
    ) -> Self {
        let given = members.iter().map(|(key, _)| key.clone()).collect();
        let files = members.iter().filter(|(key, _)| key.ends_with("_file"));
        let texts = files.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let texts = texts.collect();
        Section {
            document,
            found,
            shape,
            path,
            members: members.into_iter().collect(),
            given,
            texts,
            known: BTreeSet::new(),
        }
    }

    /// The name of a file that a key was given, read already or not.
    pub fn given_text(&self, key: &str) -> Option<String> {
        self.texts.iter().find(|(given, _)| given == key).map(|(_, text)| text.clone())
    }

    fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a mistake at a key of this section.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { self.below(key) };
        self.found.borrow_mut().push(Problem::new(self.document.place(&path), message));
    }

    /// Where this section stands.
    pub fn place(&self) -> Place {
        self.document.place(&self.path)
    }

    /// The file that a key stands in; none where it is from the environment.
    pub fn file_of(&self, key: &str) -> Option<String> {
        let place = self.document.place(&self.below(key));
        place.line.map(|_| place.file)
    }

    /// Notes that others can read a secret.
    pub fn exposed(&self, key: &str, message: String) {
        let place = self.document.place(&self.below(key));
        self.found.borrow_mut().push(Problem { place, message, exposes_secret: true });
    }

    /// Whether the key is there; it counts as known.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.insert(key);
        self.given.iter().any(|given| given == key)
    }

    /// The raw value of a key.
    pub fn value(&mut self, key: &'static str) -> Option<Json> {
        self.take(key, Kind::Any)
    }

    fn take(&mut self, key: &'static str, kind: Kind) -> Option<Json> {
        self.note(key, kind);
        self.known.insert(key);
        self.members.remove(key)
    }

    fn wrong(&self, key: &str, value: &Json, wanted: &str) {
        // A table may hold a secret, and so may the value of a key that is for one.
        let shown = match value {
            Json::Object(_) => "a table".to_owned(),
            Json::Array(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
                "a list of tables".to_owned()
            }
            _ if SECRET.contains(&key) => "this value".to_owned(),
            other => crate::domain::text::clean(&other.to_string(), 60),
        };
        self.problem(key, format!("{shown} is not {wanted}"));
    }

    /// A key that is understood, and refused.
    pub fn refuse(&mut self, key: &str, why: &str) {
        if self.members.remove(key).is_some() {
            self.problem(key, why);
        }
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key, Kind::Text)? {
            Json::String(text) if !text.trim().is_empty() => Some(text),
            other => {
                self.wrong(key, &other, "a non-empty string");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, key: &'static str, example: &str) -> Option<String> {
        self.note(key, Kind::Text);
        if !self.has(key) {
            self.problem(key, format!("is missing: write {key} = \"{example}\""));
            return None;
        }
        self.text(key)
    }

    /// A truth: `true` or `false`.
    pub fn truth(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key, Kind::Truth) {
            None => default,
            Some(Json::Bool(truth)) => truth,
            Some(Json::String(text)) if text == "true" => true,
            Some(Json::String(text)) if text == "false" => false,
            Some(other) => {
                self.wrong(key, &other, "true or false");
                default
            }
        }
    }

    /// A number within bounds.
    pub fn number(&mut self, key: &'static str, default: f64, least: f64, most: f64) -> f64 {
        let Some(value) = self.take(key, Kind::Number(least, most)) else { return default };
        let number: Option<f64> = match &value {
            Json::Number(number) => number.as_str().parse().ok(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => number,
            None => {
                self.wrong(key, &value, &format!("a number from {least} to {most}"));
                default
            }
        }
    }

    /// A duration such as `"90s"`, within bounds.
    pub fn duration(&mut self, key: &'static str, default: &str, least: &str, most: &str) -> Duration {
        let parsed = |text: &str| parse_duration(text).unwrap_or_default();
        let Some(value) = self.take(key, Kind::Duration) else { return parsed(default) };
        let given = value.as_str().and_then(parse_duration);
        match given.filter(|given| (parsed(least)..=parsed(most)).contains(given)) {
            Some(duration) => duration,
            None => {
                self.wrong(key, &value, &format!("a duration from {least} to {most} (try \"{default}\")"));
                parsed(default)
            }
        }
    }

    /// A list of texts; one text stands for a list of one, and its commas divide it.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key, Kind::Texts) else { return Vec::new() };
        match value {
            Json::String(text) => {
                text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
            }
            Json::Array(items) => items
                .into_iter()
                .filter_map(|item| match item {
                    Json::String(text) => Some(text),
                    other => {
                        self.wrong(key, &other, "a string");
                        None
                    }
                })
                .collect(),
            other => {
                self.wrong(key, &other, "a list of strings");
                Vec::new()
            }
        }
    }

    /// A list of globs.
    pub fn globs(&mut self, key: &'static str) -> Vec<Glob> {
        let texts = self.texts(key);
        texts.iter().filter_map(|text| self.glob(key, text)).collect()
    }

    /// A text with `*` and `?`, compiled.
    pub fn glob(&self, key: &str, text: &str) -> Option<Glob> {
        Glob::parse(text).map_err(|why| self.problem(key, format!("\"{text}\": {why}"))).ok()
    }

    /// One of the five severities' names.
    pub fn severity(&mut self, key: &'static str, default: Severity) -> Severity {
        let Some(value) =
            self.take(key, Kind::Choice(Severity::ALL.iter().map(|one| one.name().to_owned()).collect()))
        else {
            return default;
        };
        match value.as_str().and_then(Severity::parse) {
            Some(severity) => severity,
            None => {
                let names: Vec<&str> = Severity::ALL.iter().map(|s| s.name()).collect();
                self.wrong(key, &value, &format!("one of {}", names.join(", ")));
                default
            }
        }
    }

    /// One of a few words.
    pub fn choice(&mut self, key: &'static str, default: &str, choices: &[&str]) -> String {
        let Some(value) = self.take(key, Kind::Choice(choices.iter().map(|one| (*one).to_owned()).collect()))
        else {
            return default.to_owned();
        };
        match value.as_str().filter(|text| choices.contains(text)) {
            Some(text) => text.to_owned(),
            None => {
                let hint = value.as_str().and_then(|text| nearest(text, choices.iter().copied()));
                self.wrong(key, &value, &format!("one of {}{}", choices.join(", "), did_you_mean(hint)));
                default.to_owned()
            }
        }
    }

    /// A table below; an empty one when it is not there.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        let path = self.below(key);
        let members = match self.take(key, Kind::Table) {
            Some(Json::Object(members)) => members,
            None => Vec::new(),
            Some(_) => {
                self.problem(key, format!("must be a table: write [{path}]"));
                Vec::new()
            }
        };
        Section::new((self.document, self.found, self.shape), path, members)
    }

    /// A list of tables.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.take(key, Kind::Tables) else { return Vec::new() };
        let path = self.below(key);
        let Json::Array(items) = value else {
            self.problem(key, format!("must be a list of tables: write [[{path}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (n, item) in items.into_iter().enumerate() {
            match item {
                Json::Object(members) => {
                    sections.push(Section::new(
                        (self.document, self.found, self.shape),
                        format!("{path}[{n}]"),
                        members,
                    ));
                }
                other => self.wrong(key, &other, "a table"),
            }
        }
        sections
    }

    /// Every key that is left is unknown.
    pub fn finish(self) {
        for key in self.members.keys() {
            let hint = nearest(key, self.known.iter().copied());
            let message = match hint {
                Some(_) => format!("unknown key{}", did_you_mean(hint)),
                None => {
                    let known: Vec<&str> = self.known.iter().copied().collect();
                    format!("unknown key; known keys: {}", known.join(", "))
                }
            };
            self.problem(key, message);
        }
    }
}

/// A duration as people write it: `15s`, `30m`, `24h`, `1h 30m`, `2d`. A day is 24 hours.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}
