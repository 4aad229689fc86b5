//! Matching as it is defined, without any of `set`'s haste: the reference that the tests hold it against.

use std::collections::BTreeMap;

use crate::domain::json::Json;
use crate::domain::pattern::compiled::Pattern;
use crate::domain::pattern::value::{Scalar, Want};

/// Whether a pattern matches an event.
pub(super) fn matches(pattern: &Pattern, event: &Json) -> bool {
    let fields = Fields::of(event);
    pattern.alternatives.iter().any(|wants| {
        let wants: Vec<_> = wants.iter().map(|(path, condition)| (path, &condition.wants)).collect();
        fits(&wants, &fields, &Membership::default())
    })
}

/// An event as patterns see it.
#[derive(Debug)]
struct Fields<'a> {
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
    fn of(event: &'a Json) -> Self {
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
