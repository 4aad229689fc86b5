//! The shape of the configuration and of a file of rules as a JSON schema, for editors (json-schema.org, 2020-12). Owns how kinds of
//! values are said there; which keys there are is noted while a sample with every table is read, so that nothing is kept twice.
//!
//! A schema knows kinds of values, not what fits together: `check` has the last word.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::REFERENCE;
use crate::config::document::Document;
use crate::config::section::{Found, Section};
use crate::config::shape::{Kind, Shape};
use crate::sink::KINDS;

/// The schema of the configuration.
pub fn of_configuration() -> Value {
    let sinks: String = KINDS.iter().map(|(kind, _)| format!("[[sink]]\nkind = \"{kind}\"\n")).collect();
    let sample = format!("{SAMPLE}{sinks}{RULE}");
    let shape = recorded(&sample, |document, found, shape| {
        let _the_shape_is_what_is_wanted = super::read(document, Some(Path::new("/")), (found, Some(shape)));
    });
    schema("trailnoti's configuration", &shape, &remarks())
}

/// The schema of a file of rules.
pub fn of_rules() -> Value {
    let shape = recorded(RULE, |document, found, shape| {
        let mut root = Section::recording(document, found, shape);
        super::rules::tables(&mut root, "sample", None, &mut Vec::new(), found);
    });
    schema("A file of trailnoti's rules", &shape, &BTreeMap::new())
}

/// What is only asked for where something else is there.
const SAMPLE: &str = "[rules]\nfiles = []\n[incident]\nescalate_after = \"1h\"\n[heartbeat]\nurl = \"https://x\"\n[[account]]\n[[exclude]]\nat_most = 1\nany = [{}]\nall = [{}]\n[[sink]]\nkind = \"slack\"\ntoken = \"x\"\n[[sink]]\nkind = \"email\"\nsmtp = \"smtp://x:1\"\nfrom = \"a@b.c\"\nto = [\"a@b.c\"]\ntls = \"starttls\"\n";
/// A rule with every table that a rule may have.
const RULE: &str = "[[rule]]\nid = \"a\"\ntitle = \"b\"\npattern.source = [\"aws.iam\"]\nescalate = [{}]\n[rule.threshold]\n[rule.first_seen]\n[rule.ko]\n[[rule.test]]\n";

fn recorded(sample: &str, read: impl FnOnce(&Document, &Found, &Shape)) -> BTreeMap<String, Kind> {
    let (found, shape) = (Found::default(), Shape::default());
    if let Ok(document) = Document::parse("sample", sample) {
        read(&document, &found, &shape);
    }
    shape.into_inner()
}

/// What the reference configuration remarks on each key: by its path.
fn remarks() -> BTreeMap<String, String> {
    let (mut remarks, mut table) = (BTreeMap::new(), String::new());
    for line in REFERENCE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned();
        }
        let Some((key, rest)) = line.split_once(" = ") else { continue };
        let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if let Some((_, remark)) = rest.rsplit_once("  # ").filter(|_| is_key) {
            let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
            remarks.entry(path).or_insert_with(|| remark.trim().to_owned());
        }
    }
    remarks
}

fn schema(title: &str, shape: &BTreeMap<String, Kind>, remarks: &BTreeMap<String, String>) -> Value {
    let mut schema = object(shape, remarks, "");
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema
}

/// The table of a path: every key right below it.
fn object(shape: &BTreeMap<String, Kind>, remarks: &BTreeMap<String, String>, path: &str) -> Value {
    let mut properties = Map::new();
    for (below, kind) in shape {
        let name = if path.is_empty() {
            Some(below.as_str())
        } else {
            below.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'))
        };
        let Some(name) = name.filter(|name| !name.contains('.') && !name.is_empty()) else { continue };
        let mut value = match kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Truth => json!({ "type": "boolean" }),
            Kind::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
            Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+ ?[a-z]+( ?[0-9]+ ?[a-z]+)*$" }),
            Kind::Texts => json!({ "type": ["array", "string"], "items": { "type": "string" } }),
            Kind::Choice(words) => json!({ "enum": words }),
            Kind::Any => json!({}),
            Kind::Table => object(shape, remarks, below),
            Kind::Tables => json!({ "type": "array", "items": object(shape, remarks, below) }),
        };
        if let Some(remark) = remarks.get(below) {
            value["description"] = remark.as_str().into();
        }
        properties.insert(name.to_owned(), value);
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_schemas_that_editors_read_are_the_codes() {
        expect_file!["../../config/trailnoti.schema.json"].assert_eq(&format!("{:#}\n", of_configuration()));
        expect_file!["../../config/rules.schema.json"].assert_eq(&format!("{:#}\n", of_rules()));
    }

    #[test]
    fn every_key_of_the_reference_is_in_the_schema() {
        let schema = of_configuration();
        let missing: Vec<String> = remarks()
            .into_keys()
            .filter(|path| !path.starts_with("rule."))
            .filter(|path| {
                let mut place = &schema;
                for part in path.split('.') {
                    let inner = if place["items"].is_object() { &place["items"] } else { place };
                    place = &inner["properties"][part];
                }
                place.is_null()
            })
            .collect();
        assert_eq!(missing, Vec::<String>::new());
        assert_eq!(schema["properties"]["sink"]["items"]["properties"]["kind"]["enum"][0], "slack");
        assert_eq!(
            of_rules()["properties"]["rule"]["items"]["properties"]["severity"]["enum"][4],
            "critical"
        );
    }
}
