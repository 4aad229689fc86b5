//! The text of a configuration or rule file, as a tree with the lines that things stand on, and under the
//! environment's overrides. Owns syntax and layers; knows nothing of what the keys mean.

use std::collections::BTreeMap;

use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::{Place, Problem};
use crate::domain::json::Json;

/// What `TRAILNOTI__SECTION__KEY` begins with.
const PREFIX: &str = "TRAILNOTI";

/// A configuration file, parsed and not yet understood.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The file's name as problems show it.
    pub file: String,
    /// What stands in it.
    pub root: Members,
    lines: BTreeMap<String, usize>,
    /// Paths that the environment set, with the variable's name.
    variables: BTreeMap<String, String>,
}

/// The members at the top of a document.
pub(super) type Members = Vec<(String, Json)>;

impl Document {
    /// Parses TOML.
    ///
    /// # Errors
    /// Every mistake of syntax, each with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors
                .iter()
                .map(|error| {
                    let line = error.span().map(|span| line_of(text, span.start));
                    Problem::new(Place { file: file.to_owned(), line, path: String::new() }, error.message())
                })
                .collect());
        }
        let mut document = Document { file: file.to_owned(), ..Document::default() };
        let table = table.into_inner();
        document.root = members(&table, "", text, &mut document.lines);
        Ok(document)
    }

    /// Lays the environment's variables over the document.
    ///
    /// # Errors
    /// What the layers' library says of variables that do not fit together.
    pub fn with_environment(
        mut self,
        text: &str,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let ours: Vec<&String> = environment
            .keys()
            .filter(|name| name.starts_with(PREFIX) && name[PREFIX.len()..].starts_with("__"))
            .collect();
        if ours.is_empty() {
            return Ok(self);
        }
        for name in ours {
            let path = name[PREFIX.len() + 2..].to_lowercase().replace("__", ".");
            self.variables.insert(path, name.clone());
        }
        let variables = Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__")
            .source(Some(environment.into_iter().collect()));
        let layered = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(variables)
            .build()
            .and_then(|config| config.collect())
            .map_err(|error| vec![Problem::new(self.place(""), error.to_string())])?;
        let mut root: Members = layered.into_iter().map(|(name, value)| (name, json(value))).collect();
        // The library's maps have no order; the file's is kept.
        root.sort_by_key(|(name, _)| self.root.iter().position(|(known, _)| known == name));
        self.root = root;
        Ok(self)
    }

    /// Where a path stands.
    pub fn place(&self, path: &str) -> Place {
        if let Some(variable) = self.variables.get(path) {
            return Place { file: variable.clone(), line: None, path: path.to_owned() };
        }
        let mut known = path;
        let line = loop {
            if let Some(line) = self.lines.get(known) {
                break Some(*line);
            }
            match known.rfind(['.', '[']) {
                Some(at) => known = &known[..at],
                None => break None,
            }
        };
        Place { file: self.file.clone(), line, path: path.to_owned() }
    }
}

/// The tree of a TOML text without lines, for patterns written in TOML.
fn members(table: &DeTable<'_>, path: &str, text: &str, lines: &mut BTreeMap<String, usize>) -> Members {
    let mut members: Vec<(usize, (String, Json))> = table
        .iter()
        .map(|(key, value)| {
            let name = key.get_ref().to_string();
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            lines.insert(below.clone(), line_of(text, key.span().start));
            (key.span().start, (name, tree(value, &below, text, lines)))
        })
        .collect();
    members.sort_by_key(|(at, _)| *at);
    members.into_iter().map(|(_, member)| member).collect()
}

fn tree(value: &Spanned<DeValue<'_>>, path: &str, text: &str, lines: &mut BTreeMap<String, usize>) -> Json {
    match value.get_ref() {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Boolean(truth) => Json::Bool(*truth),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix());
            number.map_or(Json::Null, |number| spelled(&number.to_string()))
        }
        DeValue::Float(number) => spelled(number.as_str()),
        DeValue::Datetime(time) => Json::String(time.to_string()),
        DeValue::Array(items) => Json::Array(
            items
                .iter()
                .enumerate()
                .map(|(n, item)| {
                    let below = format!("{path}[{n}]");
                    lines.insert(below.clone(), line_of(text, item.span().start));
                    tree(item, &below, text, lines)
                })
                .collect(),
        ),
        DeValue::Table(table) => Json::Object(members(table, path, text, lines)),
    }
}

/// A number in JSON, or null for TOML's `inf` and `nan`, which are none.
fn spelled(number: &str) -> Json {
    let plain = number.replace('_', "");
    plain.trim_start_matches('+').parse().map_or(Json::Null, Json::Number)
}

fn json(value: Value) -> Json {
    match value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(truth) => Json::Bool(truth),
        ValueKind::I64(number) => Json::from(number),
        ValueKind::I128(number) => spelled(&number.to_string()),
        ValueKind::U64(number) => spelled(&number.to_string()),
        ValueKind::U128(number) => spelled(&number.to_string()),
        ValueKind::Float(number) => spelled(&number.to_string()),
        ValueKind::String(text) => Json::String(text),
        ValueKind::Array(items) => Json::Array(items.into_iter().map(json).collect()),
        ValueKind::Table(table) => {
            let members: BTreeMap<String, Json> = table.into_iter().map(|(k, v)| (k, json(v))).collect();
            Json::Object(members.into_iter().collect())
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
