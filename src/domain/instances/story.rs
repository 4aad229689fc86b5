//! One story for each instance: what the inventory saw of it and what CloudTrail says of its launch, in whichever
//! order they come. Owns the two halves and what is said of them together; whether it is sent is `judge::placement`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::context::launch::{Launch, Tagged};
use crate::domain::context::principal::role_of;
use crate::domain::event::instance::{Instance, State, Tags};
use crate::domain::instances::exclusion::Facts;
use crate::domain::instances::note::{Claim, Note};
use crate::domain::notify::alert::Alert;
use crate::domain::text::{FACT, clean};
use crate::domain::time::later;

/// A launch and a list that differ by no more are about the same start.
const SAME_START: Duration = Duration::from_secs(60);
/// The list that ends a grace is asked for when it ends, and answered a little later.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// A terminated instance stays listed for nearly an hour (EC2 API reference): one whose launch is not older was
/// listed, if it was there.
pub(in crate::domain) const LISTED: Duration = Duration::from_secs(45 * 60);

/// The story of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// As it is known now, with the tags that it last had.
    pub instance: Instance,
    /// When it was first on a list; none while only a record names it.
    pub first_seen: Option<Timestamp>,
    /// In how many lists in a row it was missing.
    pub missing: u8,
    /// When the first half was known: of this start, if it was stopped before.
    pub opened: Timestamp,
    /// Its start is news. Of an instance that was there before trailnoti, the launch is not looked for.
    pub is_new: bool,
    /// The tags that it began with. Later ones are no reason to be hidden.
    pub began_with: Tags,
    /// Who launched it and how, once that was read.
    pub launch: Option<Launch>,
    /// Who asked for the fleet that launched it.
    pub fleet: Option<Launch>,
    /// Alerts that wait until it is decided.
    pub held: Vec<Held>,
    /// Something of it was alerted on.
    pub alerted: bool,
    /// The exclusions under whose ceilings it counts, and when it took its place there.
    pub admitted: BTreeMap<String, Timestamp>,
    /// What was reported of it beside: that a half is missing, that it claims an exclusion.
    pub noted: BTreeSet<Note>,
}

/// An alert that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What will be sent.
    pub alert: Alert,
    /// Every instance that it is about.
    pub ids: Vec<String>,
    /// The state that they come into.
    pub state: State,
    /// It is the record of a call that started them: its own caller decides.
    pub starts: bool,
}

impl Story {
    /// An instance on a list that was not known.
    pub fn seen(instance: &Instance, is_new: bool, now: Timestamp) -> Self {
        Story {
            began_with: instance.tags.clone(),
            instance: instance.clone(),
            first_seen: Some(now),
            opened: now,
            is_new,
            ..Story::default()
        }
    }

    /// An instance that a record names before any list does.
    pub fn named(instance: Instance, now: Timestamp) -> Self {
        Story { began_with: instance.tags.clone(), instance, opened: now, is_new: true, ..Story::default() }
    }

    /// Takes in what a list says of it now.
    pub fn listed(&mut self, instance: &Instance, grace: Duration, now: Timestamp) {
        let before = std::mem::replace(&mut self.instance, instance.clone());
        let first = self.first_seen.is_none();
        if first {
            self.first_seen = Some(now);
        }
        if before.starts_again(instance) {
            self.start_again(now);
        }
        // A terminated instance loses its tags before it disappears (EC2 user guide), so the last ones are kept.
        let ending = matches!(instance.state, State::ShuttingDown | State::Terminated);
        if (ending || first) && instance.tags.is_empty() {
            self.instance.tags = before.tags;
        }
        if self.is_new && now <= later(self.tags_until(grace), LAST_LOOK) {
            self.began_with.extend(self.instance.tags.clone());
        }
        self.missing = 0;
    }

    fn start_again(&mut self, now: Timestamp) {
        let started = self.instance.launch_time.unwrap_or(now);
        // The record of this start may have come before the list.
        let is_known = self.launch.as_ref().is_some_and(|launch| later(launch.time, SAME_START) >= started);
        if !is_known {
            (self.launch, self.fleet, self.alerted) = (None, None, false);
        }
        (self.opened, self.is_new) = (now, true);
        self.admitted.clear();
        // That a tag was added is reported once: its record is read more than once.
        let is_added = |note: &Note| matches!(note, Note::Claimed(Claim::Added | Claim::AddedBy, _));
        self.noted.retain(is_added);
    }

    /// Takes in who launched it, and what the record says of it.
    pub fn launched(&mut self, launch: Launch, said: &Instance) {
        // Records are read more than once, and those of an earlier start must not speak for this one.
        let started = self.instance.launch_time;
        let is_earlier = started.is_some_and(|started| later(launch.time, SAME_START) < started);
        if is_earlier || self.launch.as_ref().is_some_and(|known| known.time > launch.time) {
            return;
        }
        self.launch = Some(launch);
        for (key, value) in &said.tags {
            self.began_with.insert(key.clone(), value.clone());
            if self.first_seen.is_none() {
                self.instance.tags.insert(key.clone(), value.clone());
            }
        }
        let instance = &mut self.instance;
        instance.reservation = instance.reservation.take().or_else(|| said.reservation.clone());
        if instance.instance_type.is_empty() {
            instance.instance_type.clone_from(&said.instance_type);
        }
    }

    /// Takes in a change of its tags. Records are read more than once: what is there now is the inventory's to say, once
    /// it lists the instance.
    pub fn tagged(&mut self, tagged: &Tagged, at: Timestamp, grace: Duration) {
        if self.first_seen.is_none_or(|seen| at <= later(seen, grace)) {
            self.began_with.extend(tagged.added.clone());
        }
        if self.first_seen.is_none() {
            self.instance.tags.extend(tagged.added.clone());
            self.instance.tags.retain(|key, _| !tagged.removed.contains(key));
        }
    }

    /// Whether both halves are known.
    pub fn is_whole(&self) -> bool {
        self.launch.is_some() && self.first_seen.is_some()
    }

    /// Notes that it was alerted on. Whether that was the first time with both halves, after one alone, is answered.
    pub fn note_alerted(&mut self) -> bool {
        let was_alerted = std::mem::replace(&mut self.alerted, true);
        self.is_whole() && self.noted.insert(Note::BothHalves) && was_alerted
    }

    /// Whether it is this record that launched it.
    pub fn is_launch(&self, event_id: &str) -> bool {
        self.launch.as_ref().is_some_and(|launch| launch.event == event_id)
    }

    /// Whether there is anything that time alone could change.
    pub fn is_open(&self) -> bool {
        !self.held.is_empty() || self.is_new && !self.is_whole()
    }

    /// Whether tags that are missing now may still come.
    pub fn tags_may_come(&self, grace: Duration, now: Timestamp) -> bool {
        self.is_new && now < self.tags_until(grace)
    }

    /// Until when tags are waited for.
    pub fn tags_until(&self, grace: Duration) -> Timestamp {
        later(self.first_seen.unwrap_or(self.opened), grace)
    }

    /// Whether the record of its launch may still be read.
    pub fn launch_may_come(&self, grace: Duration, now: Timestamp) -> bool {
        self.is_new && now < later(self.opened, grace)
    }

    /// Whether a role or user launched it, by its ARN.
    pub fn is_launched_by(&self, arn: &str) -> bool {
        let names = self.launchers().unwrap_or_default();
        names.iter().any(|name| name == arn || role_of(name) == arn)
    }

    /// Every name of who launched it; none while that is not known.
    pub fn launchers(&self) -> Option<Vec<String>> {
        let launch = self.launch.as_ref()?;
        // A fleet launches; it does not start what was stopped.
        let fleet =
            self.fleet.iter().filter(|_| launch.call == "RunInstances").flat_map(|fleet| &fleet.names);
        Some(launch.names.iter().chain(fleet).cloned().collect())
    }

    /// Whether nothing more will come of it. A launch is read more than once, and would begin an ended story anew.
    pub fn may_end(&self, now: Timestamp) -> bool {
        let begun = self.launch.as_ref().map_or(self.opened, |launch| launch.time);
        self.held.is_empty() && now > later(begun, LISTED)
    }

    /// What an exclusion may know of it, when it comes into a state.
    pub fn facts<'s>(
        &'s self,
        (account, region): (&'s str, &'s str),
        state: State,
        tags_may_come: bool,
        launchers: Option<&'s [String]>,
    ) -> Facts<'s> {
        let (instance, began_with) = (&self.instance, &self.began_with);
        Facts { account, region, instance, state, began_with, tags_may_come, launchers }
    }

    /// What belongs together in one message: the instances of one launch.
    pub fn group(&self, account: &str) -> String {
        let launch = self.instance.reservation.as_ref().unwrap_or(&self.instance.id);
        clean(&format!("{account}/launch/{launch}"), FACT)
    }
}

/// Adds to an alert what the other half of the story says.
pub fn complete(alert: &mut Alert, stories: &[&Story]) {
    let Some(first) = stories.first() else { return };
    alert.group = first.group(&alert.account);
    let mut facts = Vec::new();
    if alert.instance.is_empty() {
        let seen: Vec<String> =
            stories.iter().filter(|story| story.first_seen.is_some()).map(|s| s.line()).collect();
        facts.push(("seen", seen.join("; ")));
    } else if let Some(launch) = &first.launch {
        alert.principal.clone_from(&launch.principal);
        alert.address.clone_from(&launch.address);
        facts.push(("launched with", format!("{} at {}", launch.call, launch.time)));
        facts.push(("access key", launch.access_key.clone()));
        facts.push(("user agent", launch.agent.clone()));
        facts.push(("person", launch.person_beside().unwrap_or_default().to_owned()));
        let known: BTreeSet<&str> = alert.facts.iter().map(|(name, _)| name.as_str()).collect();
        let asked = launch.asked.iter().filter(|(name, _)| !known.contains(name.as_str()));
        facts.extend(asked.map(|(name, value)| (name.as_str(), value.clone())));
    }
    if let Some(fleet) = &first.fleet {
        facts.push(("asked for by", format!("{} with {}", fleet.principal, fleet.call)));
    }
    let facts: Vec<(String, String)> = facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), clean(&value, FACT)))
        .collect();
    alert.facts.retain(|(name, _)| !facts.iter().any(|(new, _)| new == name));
    alert.facts.extend(facts);
}

/// Says of an alert about an instance that nobody knows who launched it, and why.
pub fn without_launcher(alert: &mut Alert, why: &str) {
    alert.facts.retain(|(name, _)| name != "launched by");
    alert.facts.push(("launched by".to_owned(), format!("unknown: {why}")));
}

impl Story {
    fn line(&self) -> String {
        let instance = &self.instance;
        let address = instance.public_address.iter().map(|address| format!(" at {address}"));
        let address: String = address.collect();
        format!("{} is {} ({}){address}", instance.id, instance.state.name(), instance.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_ends_the_grace_still_counts() {
        let (grace, seen) = (Duration::from_secs(20), Timestamp::UNIX_EPOCH);
        let bare = Instance::default();
        let tags = Tags::from([("team".to_owned(), "ci".to_owned())]);
        let tagged = Instance { tags: tags.clone(), ..bare.clone() };
        let listed = |after: u64| {
            let mut story = Story::seen(&bare, true, seen);
            story.listed(&tagged, grace, later(seen, Duration::from_secs(after)));
            story.began_with
        };
        assert_eq!((listed(21), listed(26)), (tags, Tags::new()));
    }

    #[test]
    fn a_record_of_removed_tags_that_is_read_again_takes_nothing_off_what_is_listed() {
        let (grace, now) = (Duration::from_secs(20), Timestamp::UNIX_EPOCH);
        let tags = Tags::from([("team".to_owned(), "ci".to_owned())]);
        let instance = Instance { tags: tags.clone(), ..Instance::default() };
        let removed = Tagged { ids: Vec::new(), added: Tags::new(), removed: vec!["team".to_owned()] };
        let mut story = Story::seen(&instance, true, now);
        story.tagged(&removed, now, grace);
        assert_eq!(story.instance.tags, tags);
        let mut story = Story::named(instance, now);
        story.tagged(&removed, now, grace);
        assert!(story.instance.tags.is_empty(), "until it is listed, records are all there is");
    }
}
