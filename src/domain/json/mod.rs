//! JSON as EventBridge sees it: every member of an object counts, also when its name is there twice, and a
//! number keeps its spelling. Owns the tree and its reading and writing (`scanner` reads without a tree); judges nothing.
//!
//! `serde_json::Value` would keep one member of two with the same name, and the pattern cases of
//! EventBridge's own engine show that both count.

pub mod mend;
mod scanner;

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

pub use scanner::Malformed;
pub(crate) use scanner::{Quoted, Scanner, elements_of};

/// The member under which serde_json hands over a number's text (its `arbitrary_precision` feature).
const NUMBER: &str = "$serde_json::private::Number";

/// A JSON value that keeps the order and the spelling of what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// The value `null`, which EventBridge tells from a missing one.
    Null,
    /// A truth: `true` or `false`.
    Bool(bool),
    /// A number in the spelling that it was written in.
    Number(serde_json::Number),
    /// A text, without its escapes.
    String(String),
    /// A list, in its order.
    Array(Vec<Json>),
    /// The members in the order they were written, repeated names included.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one JSON text. Text behind the value is an error.
    ///
    /// # Errors
    /// What serde_json says of the place and the mistake.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A value as its serde form has it; none for what has none.
    pub fn of(value: &impl Serialize) -> Option<Self> {
        serde_json::to_string(value).ok().and_then(|text| Json::parse(&text).ok())
    }

    /// The member `name` of an object; of several with that name, the last.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().rev().find(|(key, _)| key == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Takes the member `name` out of an object; of several with that name, the last.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        match self {
            Json::Object(members) => {
                let at = members.iter().rposition(|(key, _)| key == name)?;
                Some(members.remove(at).1)
            }
            _ => None,
        }
    }

    /// The value at a dotted path of members, such as `userIdentity.arn`.
    pub fn at(&self, path: &str) -> Option<&Json> {
        path.split('.').try_fold(self, |value, name| value.get(name))
    }

    /// The value at a dotted path; of a list on the way, its first element.
    pub fn first_at(&self, path: &str) -> Option<&Json> {
        fn first(mut value: &Json) -> Option<&Json> {
            while let Json::Array(items) = value {
                value = items.first()?;
            }
            Some(value)
        }
        let names = path.split('.').filter(|_| !path.is_empty());
        names.into_iter().try_fold(self, |value, name| first(value)?.get(name)).and_then(first)
    }

    /// Every scalar at a dotted path, through lists; a name may hold dots itself.
    pub fn all_at(&self, path: &str) -> Vec<&Json> {
        match self {
            Json::Array(items) => items.iter().flat_map(|item| item.all_at(path)).collect(),
            Json::Object(members) => members
                .iter()
                .filter_map(|(name, member)| {
                    let rest = path.strip_prefix(name.as_str())?;
                    Some((member, rest.strip_prefix('.').or(rest.is_empty().then_some(""))?))
                })
                .flat_map(|(member, rest)| member.all_at(rest))
                .collect(),
            scalar if path.is_empty() => vec![scalar],
            _ => Vec::new(),
        }
    }

    /// The text at a dotted path, when there is a text that is not empty.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a text is anywhere in it, by itself.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Json::String(here) => here == text,
            Json::Array(items) => items.iter().any(|item| item.holds(text)),
            Json::Object(members) => members.iter().any(|(_, member)| member.holds(text)),
            _ => false,
        }
    }

    /// The truth of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements of a list; none for anything else.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            _ => &[],
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::String(text)
    }
}

impl From<bool> for Json {
    fn from(truth: bool) -> Self {
        Json::Bool(truth)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Json::Number(number.into())
    }
}

/// An object of the given members, in the given order.
pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Why a text is no JSON, in words and with its place.
pub fn why_malformed(text: &str) -> String {
    match Json::parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => "nested too deeply".to_owned(),
    }
}

/// The value at a path as one text; nothing there is a value too.
pub fn shown(json: &Json, path: &str) -> String {
    match json.first_at(path) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(truth) => serializer.serialize_bool(*truth),
            Json::Number(number) => number.serialize(serializer),
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        serde_json::Number::from_f64(number)
            .map(Json::Number)
            .ok_or_else(|| E::custom(format!("{number} is not a number in JSON")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.is_empty() && name == NUMBER {
                // An event can hold an object with this very name: what is no number is a member.
                match map.next_value()? {
                    Json::String(text) => match text.parse() {
                        Ok(number) => return Ok(Json::Number(number)),
                        Err(_) => members.push((name, Json::String(text))),
                    },
                    other => members.push((name, other)),
                }
                continue;
            }
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}
