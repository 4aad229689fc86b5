//! EventBridge patterns: which events one matches. `compile` owns the reading of a pattern and its mistakes, `value`
//! the comparison of one value, `set` the matching of many patterns at once, `sheet` the event as they see it,
//! `search` what arrays demand.
//!
//! The semantics are those of EventBridge's own engine (aws/event-ruler), shown by its answers in the pattern
//! cases of the tests, with the exceptions that `ARCHITECTURE.md` names. An event is seen as a flat list of
//! (path, scalar); a pattern as alternatives (`$or`), each of which wants one fitting scalar for every path,
//! all from the same elements of the arrays that they share.

mod compile;
#[cfg(test)]
mod naive;
mod search;
mod set;
mod sheet;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::json::Json;
use compile::Condition;
pub use compile::Problem;
pub(crate) use compile::{did_you_mean, nearest};
pub use set::{Known, Set};
pub use sheet::{Laid, Sheet};
pub(crate) use value::Wildcard;
use value::{Scalar, Want};

/// One field of a pattern beside what an event has there.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The dotted path.
    pub path: String,
    /// The conditions, as they were written.
    pub wanted: String,
    /// The values there; none when the field is absent.
    pub found: Vec<String>,
    /// One of them fits.
    pub fits: bool,
}

/// A compiled EventBridge pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The alternatives that `$or` makes; one without it. Each maps a dotted path to what is wanted there.
    alternatives: Vec<BTreeMap<String, Condition>>,
    replaced: Vec<String>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Every mistake in it, each with the place and what would be right.
    pub fn compile(pattern: &Json) -> Result<Self, Vec<Problem>> {
        compile::compile(pattern)
            .map(|compile::Compiled { alternatives, replaced }| Pattern { alternatives, replaced })
    }

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

    /// How near an event comes: for the alternative that misses fewest fields, each field with what is wanted, what the
    /// event has, and whether it fits alone.
    pub fn nearest_miss(&self, event: &Json) -> Vec<Compared> {
        let text = event.to_string();
        let alternatives = self.alternatives.iter().map(|wants| {
            let each = wants.iter().map(|(path, condition)| {
                let alternatives = vec![BTreeMap::from([(path.clone(), condition.clone())])];
                let alone = Pattern { alternatives, replaced: Vec::new() };
                Compared {
                    path: path.clone(),
                    wanted: condition.written.clone(),
                    found: event.all_at(path).iter().map(ToString::to_string).collect(),
                    fits: alone.fits_text(&text),
                }
            });
            each.collect::<Vec<_>>()
        });
        alternatives
            .min_by_key(|fields| fields.iter().filter(|field| !field.fits).count())
            .unwrap_or_default()
    }

    /// Whether an event fits.
    pub fn fits(&self, event: &Json) -> bool {
        self.fits_text(&event.to_string())
    }

    fn fits_text(&self, event: &str) -> bool {
        let set = Set::new([self], &[]);
        let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
        let Ok(laid) = set.lay(&mut sheet, event) else { return false };
        set.matching(&laid, Known::All, &mut matched);
        !matched.is_empty()
    }

    /// For each alternative, the texts that the value at `path` must equal; `None` where the alternative
    /// leaves that open (no condition, or one that is not a list of plain texts).
    pub fn exact_texts(&self, path: &str) -> Vec<Option<Vec<&str>>> {
        self.alternatives
            .iter()
            .map(|wants| wants.get(path)?.wants.iter().map(Want::exact_text).collect::<Option<Vec<_>>>())
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
