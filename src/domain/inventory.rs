//! The instances of one region: what changed between what was known and what is listed now. Owns the
//! comparison; a list that was not read to its end must never come here.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// An instance's state (EC2 API reference, InstanceState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Starting for the first time, or again.
    Pending,
    /// Billed.
    Running,
    /// On its way to be stopped.
    Stopping,
    /// Not running, and may run again.
    Stopped,
    /// On its way to be gone.
    ShuttingDown,
    /// Gone.
    Terminated,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] = [
        State::Pending,
        State::Running,
        State::Stopping,
        State::Stopped,
        State::ShuttingDown,
        State::Terminated,
    ];

    /// AWS's word for it.
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Stopped => "stopped",
            State::ShuttingDown => "shutting-down",
            State::Terminated => "terminated",
        }
    }

    /// The state of AWS's word.
    pub fn parse(name: &str) -> Option<Self> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What is known of an instance. Texts are AWS's own or their owner's: hostile until rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Such as `i-0abc`.
    pub id: String,
    /// Its state when it was last listed.
    pub state: State,
    /// Such as `t3.micro`.
    pub instance_type: String,
    /// The last launch; it changes with every stop and start.
    pub launch_time: Option<Timestamp>,
    /// Its image.
    pub image: Option<String>,
    /// The key pair that opens it.
    pub key_name: Option<String>,
    /// Its public IPv4 address.
    pub public_address: Option<String>,
    /// `spot`, `scheduled`, …; none for on-demand.
    pub lifecycle: Option<String>,
    /// The ARN of its instance profile.
    pub profile: Option<String>,
    /// Key and value.
    pub tags: BTreeMap<String, String>,
}

/// An instance that is kept an eye on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// As last listed, with the tags that it last had.
    pub instance: Instance,
    /// When it was first listed.
    pub first_seen: Timestamp,
    /// In how many lists in a row it was missing.
    pub missing: u8,
    /// Changes that wait for its tags, oldest first.
    pub held: Vec<(State, Timestamp)>,
}

/// A change to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The instance as it is known now.
    pub instance: Instance,
    /// The state it came into.
    pub state: State,
    /// When that was observed.
    pub time: Timestamp,
}

/// What one complete list says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What to judge now, oldest first.
    pub changes: Vec<Change>,
    /// Instances whose row is new or different.
    pub put: Vec<Tracked>,
    /// Instances that are gone for good.
    pub gone: Vec<String>,
    /// When a held change must be decided, at the latest.
    pub decide_at: Option<Timestamp>,
}

/// In how many complete lists in a row an instance must be missing before it counts as gone: a new instance may
/// be missing from the next list (EC2 API reference, "Eventual consistency").
const MISSING: u8 = 2;

/// What was known of a region before a list.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// Nothing: the list is a baseline, and nothing in it is news. After the state was lost, what was launched since
    /// then is.
    Nothing {
        /// When the state was lost, if it was.
        lost: Option<Timestamp>,
    },
    /// These.
    Instances(&'a BTreeMap<String, Tracked>),
}

/// Compares a complete list with what was known.
///
/// `undecided` says of an instance that its tags, should they still come, would change the verdict; its changes
/// are then held for `grace` after it was first seen, and no longer.
pub fn observe(
    known: Known<'_>,
    listed: &[Instance],
    undecided: impl Fn(&Instance) -> bool,
    grace: Duration,
    now: Timestamp,
) -> Observation {
    let mut seen = Observation::default();
    let known = match known {
        Known::Instances(known) => known,
        Known::Nothing { lost } => {
            for instance in listed {
                let mut tracked = merge(None, instance, now);
                if lost.is_some_and(|lost| instance.launch_time.is_some_and(|launched| launched >= lost)) {
                    tracked.held.push((instance.state, now));
                }
                release(&mut tracked, &undecided, grace, now, &mut seen);
                seen.put.push(tracked);
            }
            return seen;
        }
    };
    let mut missing: BTreeMap<&String, &Tracked> = known.iter().collect();
    for instance in listed {
        missing.remove(&instance.id);
        let before = known.get(&instance.id);
        let mut tracked = merge(before, instance, now);
        if before.is_none_or(|before| before.instance.state != instance.state) {
            tracked.held.push((instance.state, now));
        }
        release(&mut tracked, &undecided, grace, now, &mut seen);
        if before != Some(&tracked) {
            seen.put.push(tracked);
        }
    }
    for (id, before) in missing {
        let mut tracked = before.clone();
        tracked.missing += 1;
        let ended = before.instance.state == State::Terminated;
        if !ended && tracked.missing < MISSING {
            release(&mut tracked, &undecided, grace, now, &mut seen);
            seen.put.push(tracked);
            continue;
        }
        if !ended {
            tracked.instance.state = State::Terminated;
            tracked.held.push((State::Terminated, now));
        }
        release(&mut tracked, |_| false, grace, now, &mut seen);
        seen.gone.push(id.clone());
    }
    seen
}

/// The instance as listed, with what is remembered of it. A terminated instance loses its tags before it
/// disappears (EC2 user guide), so the last ones are kept.
fn merge(before: Option<&Tracked>, listed: &Instance, now: Timestamp) -> Tracked {
    let mut instance = listed.clone();
    let Some(before) = before else {
        return Tracked { instance, first_seen: now, missing: 0, held: Vec::new() };
    };
    if instance.tags.is_empty() && matches!(instance.state, State::ShuttingDown | State::Terminated) {
        instance.tags = before.instance.tags.clone();
    }
    Tracked { instance, first_seen: before.first_seen, missing: 0, held: before.held.clone() }
}

fn release(
    tracked: &mut Tracked,
    undecided: impl Fn(&Instance) -> bool,
    grace: Duration,
    now: Timestamp,
    seen: &mut Observation,
) {
    if tracked.held.is_empty() {
        return;
    }
    let deadline = tracked.first_seen + jiff::SignedDuration::try_from(grace).unwrap_or_default();
    if now < deadline && undecided(&tracked.instance) {
        seen.decide_at = Some(seen.decide_at.map_or(deadline, |earlier| earlier.min(deadline)));
        return;
    }
    for (state, time) in std::mem::take(&mut tracked.held) {
        seen.changes.push(Change { instance: tracked.instance.clone(), state, time });
    }
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
