//! How far an exclusion can be trusted: whether somebody uses what it goes by, whether a thief could, and what it must never hide
//! by itself. Owns these questions; whether it fits an instance is `exclusion`'s.

use crate::domain::event::instance::{Instance, Tags};
use crate::domain::event::instance_type::spec;
use crate::domain::instances::exclusion::{Condition, Exclusion, Wanted};
use crate::domain::instances::glob::Glob;

impl Exclusion {
    /// Whether these tags are the ones that this exclusion goes by, at least one of them such as anybody can write:
    /// who uses them tries to be hidden by it.
    pub fn is_claimed_by(&self, tags: &Tags) -> bool {
        group_claim(&self.conditions, tags) == Some(true)
    }

    /// Whether a tag that anybody can write is enough, so that a thief can copy it.
    pub fn is_weak(&self) -> bool {
        group_is_weak(&self.conditions, false)
    }

    /// Whether an instance is more than it may hide: accelerators, or more processors than it ever hid, of which neither is
    /// hidden by an exclusion that does not name the type. An exclusion is written for what is launched every day.
    pub fn is_beyond(&self, instance: &Instance, largest: u32) -> bool {
        if names_type(&self.conditions, &instance.instance_type) {
            return false;
        }
        let accelerated = spec(&instance.instance_type).accelerator.is_some();
        accelerated || (largest > 0 && instance.processors() > largest)
    }

    /// Whether it goes by a name that whoever launches could have chosen: this role is new then, where it is new.
    pub fn leaves_open(&self, role: &str) -> bool {
        let globs = launched_by(&self.conditions);
        self.is_weak() || globs.iter().any(|glob| glob.is_open() && glob.matches(role))
    }

    /// The values of AWS's own tags by which it goes and whose names it leaves open: who makes a group or a stack chooses
    /// what it is called.
    pub fn open_values<'t>(&self, tags: &'t Tags) -> Vec<&'t str> {
        let mut values = Vec::new();
        open_values(&self.conditions, tags, &mut values);
        values
    }

    /// Whether what these names launch there, of these types, may be hidden by it, once the tags are there. One that names no
    /// launchers says nothing of what is only prepared.
    pub fn may_hide_launches(
        &self,
        names: &[String],
        (account, region): (&str, &str),
        types: &[String],
    ) -> bool {
        fn may(group: &[Condition], names: &[String], place: (&str, &str), types: &[String]) -> bool {
            let any = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.matches(text));
            group.iter().all(|condition| match condition {
                Condition::LaunchedBy(globs) => names.iter().any(|name| any(globs, name)),
                Condition::Account(globs) => any(globs, place.0),
                Condition::Region(globs) => any(globs, place.1),
                Condition::InstanceType(globs) => types.iter().all(|one| any(globs, one)),
                Condition::Any(groups) => groups.iter().any(|group| may(group, names, place, types)),
                Condition::All(groups) => groups.iter().all(|group| may(group, names, place, types)),
                Condition::Tag(..) | Condition::Image(_) | Condition::Lifecycle(_) | Condition::State(_) => {
                    true
                }
            })
        }
        !launched_by(&self.conditions).is_empty() && may(&self.conditions, names, (account, region), types)
    }

    /// Whether it names launchers, and this is none of them.
    pub fn refuses_launcher(&self, names: &[String]) -> bool {
        let globs = launched_by(&self.conditions);
        !globs.is_empty() && !globs.iter().any(|glob| names.iter().any(|name| glob.matches(name)))
    }
}

/// Every glob that names a launcher.
pub fn launched_by(group: &[Condition]) -> Vec<&Glob> {
    group
        .iter()
        .flat_map(|condition| match condition {
            Condition::LaunchedBy(globs) => globs.iter().collect(),
            Condition::Any(groups) | Condition::All(groups) => {
                groups.iter().flat_map(|group| launched_by(group)).collect()
            }
            _ => Vec::new(),
        })
        .collect()
}

fn names_type(group: &[Condition], instance_type: &str) -> bool {
    group.iter().any(|condition| match condition {
        Condition::InstanceType(globs) => {
            globs.iter().any(|glob| glob.names_something() && glob.matches(instance_type))
        }
        Condition::Any(groups) | Condition::All(groups) => {
            groups.iter().any(|group| names_type(group, instance_type))
        }
        _ => false,
    })
}

fn open_values<'t>(group: &[Condition], tags: &'t Tags, values: &mut Vec<&'t str>) {
    for condition in group {
        match condition {
            Condition::Tag(key, Wanted::Like(globs)) if is_reserved(key) => {
                let value =
                    tags.get(key).filter(|value| globs.iter().any(|g| g.is_open() && g.matches(value)));
                values.extend(value.map(String::as_str));
            }
            Condition::Any(groups) | Condition::All(groups) => {
                groups.iter().for_each(|group| open_values(group, tags, values));
            }
            _ => {}
        }
    }
}

/// AWS alone writes tags that begin so (EC2 user guide, "Tag restrictions").
fn is_reserved(key: &str) -> bool {
    key.starts_with("aws:")
}

/// None: the tags do not fit. Otherwise whether a tag that anybody can write was among them.
fn group_claim(group: &[Condition], tags: &Tags) -> Option<bool> {
    let mut claims = false;
    for condition in group {
        claims |= match condition {
            Condition::Tag(key, Wanted::Absent) => (!tags.contains_key(key)).then_some(false)?,
            Condition::Tag(key, wanted) => {
                let value = tags.get(key)?;
                wanted.takes(value).then_some(!is_reserved(key))?
            }
            Condition::Any(groups) => groups.iter().filter_map(|group| group_claim(group, tags)).max()?,
            Condition::All(groups) => groups
                .iter()
                .map(|group| group_claim(group, tags))
                .collect::<Option<Vec<bool>>>()?
                .contains(&true),
            _ => false,
        };
    }
    Some(claims)
}

fn group_is_weak(group: &[Condition], bound: bool) -> bool {
    let bound = bound || binds(group);
    !bound
        && group.iter().any(|condition| match condition {
            Condition::Tag(_, wanted) => *wanted != Wanted::Absent,
            Condition::Any(groups) | Condition::All(groups) => {
                groups.iter().any(|group| group_is_weak(group, bound))
            }
            _ => false,
        })
}

fn binds(group: &[Condition]) -> bool {
    group.iter().any(|condition| match condition {
        Condition::LaunchedBy(_) => true,
        Condition::Tag(key, wanted) => is_reserved(key) && *wanted != Wanted::Absent,
        Condition::All(groups) => groups.iter().any(|group| binds(group)),
        Condition::Any(groups) => !groups.is_empty() && groups.iter().all(|group| binds(group)),
        _ => false,
    })
}
