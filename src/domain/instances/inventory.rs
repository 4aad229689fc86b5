//! The instances of one region: what changed between what was known and what is listed now. Owns the
//! comparison; a list that was not read to its end must never come here.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::instance::{Instance, State};
use crate::domain::instances::stories::Stories;
use crate::domain::instances::story::Story;

/// A change to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The instance's id, such as `i-0abc`.
    pub id: String,
    /// The state it came into.
    pub state: State,
    /// It was not there before, or was stopped.
    pub starts: bool,
}

/// What one complete list says, beside what it changed in the stories.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What to judge now.
    pub changes: Vec<Change>,
    /// Instances that were started again; what waits of their last start is not the new starter's.
    pub restarted: Vec<String>,
    /// Instances whose tags changed after they began.
    pub retagged: Vec<String>,
    /// Instances that are gone for good; their stories end once their changes are judged.
    pub gone: Vec<String>,
}

/// In how many complete lists in a row an instance must be missing before it counts as gone: a new instance may
/// be missing from the next list (EC2 API reference, "Eventual consistency").
const MISSING: u8 = 2;

/// What was known of a region before a list.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// Nothing: the list is a baseline, and nothing in it is news. After the state was lost, what was launched since
    /// then is.
    Nothing {
        /// When the state was lost, if it was.
        lost: Option<Timestamp>,
    },
    /// The stories are the region's.
    Stories,
}

/// Compares a complete list with what was known. Tags that come within `grace` count as those that an instance
/// began with. A list that is not `regular` came early, and who is missing from it is not counted.
pub fn observe(
    known: Known,
    stories: &mut Stories<'_>,
    listed: &[Instance],
    grace: Duration,
    regular: bool,
    now: Timestamp,
) -> Observation {
    let mut seen = Observation::default();
    let mut missing: BTreeSet<String> = stories.ids().into_iter().collect();
    for instance in listed {
        missing.remove(&instance.id);
        let Some(before) = stories.get(&instance.id) else {
            let is_new = match known {
                Known::Stories => true,
                Known::Nothing { lost } => {
                    lost.is_some_and(|lost| instance.launch_time.is_some_and(|launched| launched >= lost))
                }
            };
            stories.put(&instance.id, Story::seen(instance, is_new, now));
            if is_new {
                let starts = instance.state.is_on();
                seen.changes.push(Change { id: instance.id.clone(), state: instance.state, starts });
            }
            continue;
        };
        let first = before.first_seen.is_none();
        if !first && before.instance.starts_again(instance) {
            seen.restarted.push(instance.id.clone());
        }
        let starts = if first { instance.state.is_on() } else { before.instance.starts_again(instance) };
        if first || starts || before.instance.state != instance.state {
            seen.changes.push(Change { id: instance.id.clone(), state: instance.state, starts });
        }
        let tags = before.instance.tags.clone();
        stories.change(&instance.id, |story| story.listed(instance, grace, now));
        let changed = |story: &Story| story.instance.tags != tags && !story.tags_may_come(grace, now);
        if !first && stories.get(&instance.id).is_some_and(changed) {
            seen.retagged.push(instance.id.clone());
        }
    }
    for id in missing.into_iter().filter(|_| regular) {
        let Some(before) = stories.get(&id).filter(|story| story.first_seen.is_some()) else { continue };
        let ended = before.instance.state == State::Terminated;
        let is_gone = ended || before.missing + 1 >= MISSING;
        stories.change(&id, |story| story.missing = (story.missing + 1).min(MISSING));
        if !is_gone {
            continue;
        }
        if !ended {
            stories.change(&id, |story| story.instance.state = State::Terminated);
            seen.changes.push(Change { id: id.clone(), state: State::Terminated, starts: false });
        }
        seen.gone.push(id);
    }
    seen
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
