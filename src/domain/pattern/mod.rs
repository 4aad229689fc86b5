//! EventBridge patterns: which events one matches. Owns the matching; `compile` owns the reading of a pattern
//! and its mistakes, `value` the comparison of one value.
//!
//! The semantics are those of EventBridge's own engine (aws/event-ruler), shown by its answers in the pattern
//! cases of the tests, with the exceptions that `ARCHITECTURE.md` names. An event is seen as a flat list of
//! (path, scalar); a pattern as alternatives (`$or`), each of which wants one fitting scalar for every path,
//! all from the same elements of the arrays that they share.

mod compile;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::json::Json;
pub use compile::Problem;
pub(crate) use compile::{did_you_mean, nearest};
pub(crate) use value::Wildcard;
use value::{Scalar, Want};

/// A compiled EventBridge pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The alternatives that `$or` makes; one without it. Each maps a dotted path to the values that fit.
    alternatives: Vec<BTreeMap<String, Vec<Want>>>,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Every mistake in it, each with the place and what would be right.
    pub fn compile(pattern: &Json) -> Result<Self, Vec<Problem>> {
        compile::compile(pattern).map(|alternatives| Pattern { alternatives })
    }

    /// Whether the event matches.
    pub fn matches(&self, event: &Fields<'_>) -> bool {
        self.alternatives.iter().any(|wants| {
            let wants: Vec<_> = wants.iter().collect();
            fits(&wants, event, &Membership::default())
        })
    }

    /// Every dotted path that the pattern looks at.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().flat_map(|wants| wants.keys().map(String::as_str))
    }

    /// For each alternative, the texts that the value at `path` must equal; `None` where the alternative
    /// leaves that open (no condition, or one that is not a list of plain texts).
    pub fn exact_texts(&self, path: &str) -> Vec<Option<Vec<&str>>> {
        self.alternatives
            .iter()
            .map(|wants| wants.get(path)?.iter().map(Want::exact_text).collect::<Option<Vec<_>>>())
            .collect()
    }

    /// For each alternative, whether `value` could stand at `path`.
    pub fn admits(&self, path: &str, value: &Json) -> Vec<bool> {
        let scalar = Scalar::of(value);
        self.alternatives
            .iter()
            .map(|wants| match (wants.get(path), &scalar) {
                (None, _) | (_, None) => true,
                (Some(wants), Some(scalar)) => wants.iter().any(|want| want.fits(scalar)),
            })
            .collect()
    }
}

/// An event as patterns see it.
#[derive(Debug)]
pub struct Fields<'a> {
    by_path: BTreeMap<String, Vec<Field<'a>>>,
}

#[derive(Debug)]
struct Field<'a> {
    value: Scalar<'a>,
    membership: Membership,
}

/// Which element of which array a field stands in: pairs of (array, index), arrays numbered through the event.
#[derive(Debug, Clone, Default)]
struct Membership(Vec<(u32, u32)>);

impl Membership {
    /// Both memberships together, unless they are of different elements of the same array.
    fn join(&self, other: &Membership) -> Option<Membership> {
        let mut joined = self.clone();
        for &(array, index) in &other.0 {
            match joined.0.iter().find(|(known, _)| *known == array) {
                Some((_, known)) if *known != index => return None,
                Some(_) => {}
                None => joined.0.push((array, index)),
            }
        }
        Some(joined)
    }
}

impl<'a> Fields<'a> {
    /// Lays an event out for matching. An object's name with a dot in it is one path with the nested spelling,
    /// as in EventBridge.
    pub fn of(event: &'a Json) -> Self {
        let mut fields = Fields { by_path: BTreeMap::new() };
        let mut arrays = 0;
        fields.collect("", event, &Membership::default(), &mut arrays);
        fields
    }

    fn collect(&mut self, path: &str, value: &'a Json, membership: &Membership, arrays: &mut u32) {
        match value {
            Json::Object(members) => {
                for (name, member) in members {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.collect(&below, member, membership, arrays);
                }
            }
            Json::Array(items) => {
                let array = *arrays;
                *arrays += 1;
                for (index, item) in items.iter().enumerate() {
                    let mut inside = membership.clone();
                    // A scalar belongs to the whole array, not to its place in it: `[{"b": 1}, 5]` has both.
                    if matches!(item, Json::Object(_) | Json::Array(_)) {
                        inside.0.push((array, u32::try_from(index).unwrap_or(u32::MAX)));
                    }
                    self.collect(path, item, &inside, arrays);
                }
            }
            scalar => {
                if let Some(value) = Scalar::of(scalar) {
                    let field = Field { value, membership: membership.clone() };
                    self.by_path.entry(path.to_owned()).or_default().push(field);
                }
            }
        }
    }
}

/// Whether every wanted path finds a value, with all arrays in agreement with `so_far`.
///
/// `exists: false` is judged against what the paths sorted before it have chosen, as EventBridge does.
fn fits(wants: &[(&String, &Vec<Want>)], event: &Fields<'_>, so_far: &Membership) -> bool {
    let Some(((path, wanted), rest)) = wants.split_first() else { return true };
    let mut absent = true;
    for field in event.by_path.get(*path).into_iter().flatten() {
        let Some(joined) = so_far.join(&field.membership) else { continue };
        absent = false;
        if wanted.iter().any(|want| want.fits(&field.value)) && fits(rest, event, &joined) {
            return true;
        }
    }
    absent && wanted.iter().any(|want| matches!(want, Want::Absent)) && fits(rest, event, so_far)
}
