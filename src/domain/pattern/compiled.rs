//! A compiled pattern, and what can be asked of it without an event. Owns its shape; making one is `compile`'s, and trying
//! it on an event `set`'s.

use std::collections::BTreeMap;

use crate::domain::json::Json;
use crate::domain::pattern::value::{Scalar, Want};

/// What is wanted at each dotted path.
pub(super) type Alternative = BTreeMap<String, Condition>;

/// What is wanted at one path.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// Any of these.
    pub wants: Vec<Want>,
    /// As it was written.
    pub written: String,
}

impl Condition {
    /// Whether it is a choice out of another's texts, so that whatever fits it fits the other too.
    pub(super) fn narrows(&self, other: &Condition) -> bool {
        let among = |text: &str| other.wants.iter().any(|want| want.exact_text() == Some(text));
        self.wants.iter().all(|want| want.exact_text().is_some_and(among))
    }
}

/// A compiled EventBridge pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The alternatives that `$or` makes; one without it. Each maps a dotted path to what is wanted there.
    pub(super) alternatives: Vec<Alternative>,
    pub(super) replaced: Vec<String>,
}

impl Pattern {
    /// Paths on which a condition stands outside `$or`, and another in a branch of it: the branch's takes its place, as in
    /// EventBridge, where whoever wrote it may have thought that both count.
    pub fn replaced(&self) -> &[String] {
        &self.replaced
    }

    /// Every dotted path that the pattern looks at.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().flat_map(|wants| wants.keys().map(String::as_str))
    }

    /// The alternatives, each as its paths with what is wanted there, as it was written.
    pub fn written(&self) -> impl Iterator<Item = Vec<(&str, &str)>> {
        self.alternatives.iter().map(|wants| {
            wants.iter().map(|(path, condition)| (path.as_str(), condition.written.as_str())).collect()
        })
    }

    /// For each alternative, the texts that the value at `path` must equal; `None` where the alternative
    /// leaves that open (no condition, or one that is not a list of plain texts).
    pub fn exact_texts(&self, path: &str) -> Vec<Option<Vec<&str>>> {
        self.alternatives
            .iter()
            .map(|wants| wants.get(path)?.wants.iter().map(Want::exact_text).collect::<Option<Vec<_>>>())
            .collect()
    }

    /// For each alternative, the texts that it names at `path`, and whether the value must be one of them; `None` where it names
    /// none.
    pub fn named_texts(&self, path: &str) -> Vec<Option<(Vec<&str>, bool)>> {
        self.alternatives
            .iter()
            .map(|wants| {
                let wants = &wants.get(path)?.wants;
                let texts: Vec<&str> = wants.iter().filter_map(Want::exact_text).collect();
                let all = texts.len() == wants.len();
                (!texts.is_empty()).then_some((texts, all))
            })
            .collect()
    }

    /// For each alternative, whether something must stand at `path`.
    pub fn demands(&self, path: &str) -> Vec<bool> {
        let wants_some = |want: &Want| !matches!(want, Want::Absent);
        self.alternatives
            .iter()
            .map(|wants| wants.get(path).is_some_and(|condition| condition.wants.iter().all(wants_some)))
            .collect()
    }

    /// For each alternative, whether `value` could stand at `path`.
    pub fn admits(&self, path: &str, value: &Json) -> Vec<bool> {
        let scalar = Scalar::of(value);
        self.alternatives
            .iter()
            .map(|wants| match (wants.get(path), &scalar) {
                (None, _) | (_, None) => true,
                (Some(condition), Some(scalar)) => condition.wants.iter().any(|want| want.fits(scalar)),
            })
            .collect()
    }
}
