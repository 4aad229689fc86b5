//! Exclusions: which instances are nobody's business. Owns the conditions and what each says of an instance; what
//! is not known counts as neither held nor failed, and never hides anything.

use crate::domain::event::instance::{Instance, State, Tags};
use crate::domain::instances::glob::Glob;

/// What a tag must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The key is there, whatever its value.
    Present,
    /// The key is not there.
    Absent,
    /// The value fits one of these.
    Like(Vec<Glob>),
}

/// One condition of an exclusion, with the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A tag, by its key.
    Tag(String, Wanted),
    /// Who launched it: an ARN, or an AWS service's name, fits one of these.
    LaunchedBy(Vec<Glob>),
    /// The account's number fits one of these.
    Account(Vec<Glob>),
    /// The region's name fits one of these.
    Region(Vec<Glob>),
    /// The instance type fits one of these.
    InstanceType(Vec<Glob>),
    /// The image's id fits one of these.
    Image(Vec<Glob>),
    /// How it is paid for fits one of these: `on-demand`, `spot`, ….
    Lifecycle(Vec<Glob>),
    /// The state that it comes into.
    State(Vec<State>),
    /// One of these groups holds.
    Any(Vec<Group>),
    /// Each of these groups holds.
    All(Vec<Group>),
}

/// Conditions that must all hold.
pub type Group = Vec<Condition>;

/// One exclusion, as the configuration has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    /// Its name, for the counts.
    pub name: String,
    /// Every condition must hold.
    pub conditions: Group,
    /// How many new instances it hides in an hour, at most.
    pub at_most: Option<usize>,
}

/// What an exclusion may know of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: &'a str,
    /// The region, such as `eu-west-1`; empty for what belongs to none.
    pub region: &'a str,
    /// The instance, with the tags that it has now.
    pub instance: &'a Instance,
    /// The state that it comes into.
    pub state: State,
    /// The tags that it began with; a tag that was added later counts for nothing.
    pub began_with: &'a Tags,
    /// Whether tags that are not there could still come.
    pub tags_may_come: bool,
    /// Who launched it, by each name that the record gives; none while that is not known.
    pub launchers: Option<&'a [String]>,
}

/// Whether a condition holds, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It holds, whatever is still to come.
    Yes,
    /// It does not, whatever is still to come.
    No,
    /// It depends on what is not known yet.
    Undecided(Missing),
}

/// What is not known yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    /// Tags may still come.
    pub tags: bool,
    /// The launch was not read.
    pub launch: bool,
}

impl Fit {
    fn of(holds: bool) -> Self {
        if holds { Fit::Yes } else { Fit::No }
    }

    fn and(self, other: Fit) -> Fit {
        match (self, other) {
            (Fit::No, _) | (_, Fit::No) => Fit::No,
            (Fit::Yes, fit) | (fit, Fit::Yes) => fit,
            (Fit::Undecided(a), Fit::Undecided(b)) => Fit::Undecided(a.with(b)),
        }
    }

    fn or(self, other: Fit) -> Fit {
        match (self, other) {
            (Fit::Yes, _) | (_, Fit::Yes) => Fit::Yes,
            (Fit::No, fit) | (fit, Fit::No) => fit,
            (Fit::Undecided(a), Fit::Undecided(b)) => Fit::Undecided(a.with(b)),
        }
    }
}

impl Missing {
    /// What is missing for two conditions together.
    pub fn with(self, other: Missing) -> Missing {
        Missing { tags: self.tags || other.tags, launch: self.launch || other.launch }
    }
}

/// A condition, what it met, and what followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the condition wants, in words.
    pub wanted: String,
    /// What the instance has instead, or as wanted.
    pub found: String,
    /// Whether the condition holds.
    pub fit: Fit,
}

impl Exclusion {
    /// Judges an instance, its ceiling apart.
    pub fn fit(&self, facts: &Facts<'_>) -> Fit {
        group_fit(&self.conditions, facts)
    }

    /// Each condition with what it met.
    pub fn explain(&self, facts: &Facts<'_>) -> Vec<Checked> {
        self.conditions.iter().map(|condition| condition.explain(facts)).collect()
    }

    /// Whether it could hide anything in an account and region.
    pub fn is_for(&self, account: &str, region: &str) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Account(globs) => any(globs, account),
            Condition::Region(globs) => any(globs, region),
            _ => true,
        })
    }
}

fn group_fit(group: &[Condition], facts: &Facts<'_>) -> Fit {
    group.iter().map(|condition| condition.fit(facts)).fold(Fit::Yes, Fit::and)
}

impl Wanted {
    pub(super) fn takes(&self, value: &str) -> bool {
        match self {
            Wanted::Present => true,
            Wanted::Absent => false,
            Wanted::Like(globs) => any(globs, value),
        }
    }
}

fn any(globs: &[Glob], text: &str) -> bool {
    globs.iter().any(|glob| glob.matches(text))
}

impl Condition {
    fn fit(&self, facts: &Facts<'_>) -> Fit {
        let instance = facts.instance;
        match self {
            Condition::Tag(key, wanted) => tag_fit(key, wanted, facts),
            Condition::LaunchedBy(globs) => match facts.launchers {
                None => Fit::Undecided(Missing { launch: true, tags: false }),
                Some(names) => Fit::of(names.iter().any(|name| any(globs, name))),
            },
            Condition::Account(globs) => Fit::of(any(globs, facts.account)),
            Condition::Region(globs) => Fit::of(any(globs, facts.region)),
            Condition::InstanceType(globs) => Fit::of(any(globs, &instance.instance_type)),
            Condition::Image(globs) => {
                Fit::of(instance.image.as_ref().is_some_and(|image| any(globs, image)))
            }
            Condition::Lifecycle(globs) => Fit::of(any(globs, instance.lifecycle())),
            Condition::State(states) => Fit::of(states.contains(&facts.state)),
            Condition::Any(groups) => {
                groups.iter().map(|group| group_fit(group, facts)).fold(Fit::No, Fit::or)
            }
            Condition::All(groups) => {
                groups.iter().map(|group| group_fit(group, facts)).fold(Fit::Yes, Fit::and)
            }
        }
    }

    fn explain(&self, facts: &Facts<'_>) -> Checked {
        let instance = facts.instance;
        let or = |globs: &[Glob]| globs.iter().map(Glob::text).collect::<Vec<_>>().join(" or ");
        let (wanted, found) = match self {
            Condition::Tag(key, wanted) => {
                let wanted = match wanted {
                    Wanted::Present => "is set".to_owned(),
                    Wanted::Absent => "is not set".to_owned(),
                    Wanted::Like(globs) => format!("is {}", or(globs)),
                };
                (format!("tag {key} {wanted}"), tag_found(key, facts))
            }
            Condition::LaunchedBy(globs) => (
                format!("launched by {}", or(globs)),
                facts.launchers.map_or("not known yet".to_owned(), |names| names.join(", ")),
            ),
            Condition::Account(globs) => (format!("account {}", or(globs)), facts.account.to_owned()),
            Condition::Region(globs) => (format!("region {}", or(globs)), facts.region.to_owned()),
            Condition::InstanceType(globs) => (format!("type {}", or(globs)), instance.instance_type.clone()),
            Condition::Image(globs) => {
                (format!("image {}", or(globs)), instance.image.clone().unwrap_or("none".to_owned()))
            }
            Condition::Lifecycle(globs) => {
                (format!("lifecycle {}", or(globs)), instance.lifecycle().to_owned())
            }
            Condition::State(states) => {
                let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
                (format!("state {}", names.join(" or ")), facts.state.name().to_owned())
            }
            Condition::Any(groups) => ("one of these".to_owned(), groups_found(groups, facts)),
            Condition::All(groups) => ("all of these".to_owned(), groups_found(groups, facts)),
        };
        Checked { wanted, found, fit: self.fit(facts) }
    }
}

fn tag_fit(key: &str, wanted: &Wanted, facts: &Facts<'_>) -> Fit {
    let may_come = Fit::Undecided(Missing { tags: true, launch: false });
    match (facts.instance.tags.get(key), wanted) {
        // A tag that was taken off later counts for nothing either.
        (None, Wanted::Absent) if !facts.tags_may_come => Fit::of(!facts.began_with.contains_key(key)),
        (None, _) if facts.tags_may_come => may_come,
        (None, _) | (Some(_), Wanted::Absent) => Fit::No,
        (Some(value), wanted) => {
            let began = facts.began_with.get(key);
            Fit::of(wanted.takes(value) && began.is_some_and(|began| wanted.takes(began)))
        }
    }
}

fn tag_found(key: &str, facts: &Facts<'_>) -> String {
    match (facts.instance.tags.get(key), facts.began_with.get(key)) {
        (None, _) if facts.tags_may_come => "not set yet".to_owned(),
        (None, Some(began)) => format!("not set; {began} was removed later"),
        (None, None) => "not set".to_owned(),
        (Some(value), Some(began)) if began == value => value.clone(),
        (Some(value), Some(began)) => format!("{value}, changed from {began}"),
        (Some(value), None) => format!("{value}, added later"),
    }
}

fn groups_found(groups: &[Group], facts: &Facts<'_>) -> String {
    let group = |group: &Group| {
        let parts: Vec<String> = group
            .iter()
            .map(|condition| condition.explain(facts))
            .map(|checked| format!("{}: {}", checked.wanted, checked.found))
            .collect();
        format!("({})", parts.join("; "))
    };
    groups.iter().map(group).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "exclusion_tests.rs"]
mod tests;
