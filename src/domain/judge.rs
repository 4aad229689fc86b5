//! The judgement: what of a batch of events is told, what is hidden by whom, what waits for its other half, and what
//! was told before. Owns the decision for an event; writing it down is the store's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;

use super::alert::Alert;
use super::event::{Event, INSTANCE_STATE};
use super::exclusion::{Exclusion, Facts, Fit};
use super::instance::State;
use super::launch::{Launch, asked_by_fleet, role_of, started, subjects, tagged};
use super::pacer::later;
use super::pattern::Fields;
use super::rule::Rules;
use super::story::{Held, LISTED, Stories, Story, complete, without_launcher};
use super::usage::Usage;

/// What events are judged by.
#[derive(Debug, Clone, Default)]
pub struct Law {
    /// What is told.
    pub rules: Rules,
    /// What is hidden, of instances.
    pub exclusions: Vec<Exclusion>,
    /// How long halves of a story are waited for.
    pub waits: Waits,
}

/// How long halves of a story are waited for.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// For tags that could hide an instance.
    pub tags: Duration,
    /// For the record of a launch that could hide an instance.
    pub launch: Duration,
    /// After this, a launch that was not found is told.
    pub lateness: Duration,
}

/// By what an event is known again: whose, when, which. Only events that matched a rule are remembered; the
/// others say nothing however often they are judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The account.
    pub account: String,
    /// When it happened, in seconds since 1970.
    pub second: i64,
    /// [`Event::short_id`].
    pub id: [u8; 16],
}

impl Mark {
    fn of(event: &Event) -> Self {
        Mark { account: event.account.clone(), second: event.time.as_second(), id: event.short_id() }
    }
}

/// What was decided of a batch.
#[derive(Debug, Default)]
pub struct Judgement {
    /// To be told.
    pub alerts: Vec<Alert>,
    /// To be remembered.
    pub marks: Vec<Mark>,
    /// Hidden: the exclusion's name, once for each event.
    pub excluded: Vec<String>,
    /// Stories that changed, and those that ended.
    pub stories: BTreeMap<String, Option<Story>>,
    /// Exclusions' memories that changed.
    pub usage: BTreeMap<String, Usage>,
    /// How many were remembered from before.
    pub repeated: usize,
    /// How many matched no rule.
    pub unmatched: usize,
    /// When something that waits must be decided, at the latest.
    pub decide_at: Option<Timestamp>,
}

/// Where a batch is from, and when it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Court<'a> {
    /// What it is judged by.
    pub law: &'a Law,
    /// The account's number.
    pub account: &'a str,
    /// Its name in the configuration.
    pub account_name: &'a str,
    /// The region.
    pub region: &'a str,
    /// The role or user that trailnoti itself acts as; what that one launches is never hidden.
    pub own: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// One batch on the table.
pub struct Desk<'a> {
    pub(super) court: Court<'a>,
    /// The region's stories, as the batch changes them.
    pub stories: Stories<'a>,
    pub(super) usage: &'a BTreeMap<String, Usage>,
    pub(super) judgement: Judgement,
}

/// What is decided of an instance.
enum Verdict {
    Told { launcher_unknown: bool },
    Hidden(String),
    Waits,
}

impl<'a> Desk<'a> {
    /// An empty desk over what is known.
    pub fn new(
        court: Court<'a>,
        known: &'a BTreeMap<String, Story>,
        usage: &'a BTreeMap<String, Usage>,
    ) -> Self {
        Desk { court, stories: Stories::new(known), usage, judgement: Judgement::default() }
    }

    /// Judges events, in the given order. `seen` says which are remembered from before.
    ///
    /// # Errors
    /// When `seen` cannot say.
    pub fn judge<E>(
        &mut self,
        events: &[Event],
        mut seen: impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        for event in events {
            self.learn(event);
            let envelope = event.envelope();
            let fields = Fields::of(&envelope);
            let law = self.court.law;
            let Some(rule) = law.rules.matching(&fields).next() else {
                self.judgement.unmatched += 1;
                continue;
            };
            let mark = Mark::of(event);
            if self.judgement.marks.contains(&mark) || seen(&mark)? {
                self.judgement.repeated += 1;
                continue;
            }
            self.judgement.marks.push(mark);
            let alert = Alert::new(rule, event, &envelope, self.court.account_name);
            let (ids, state) = match (event.detail_type.as_str(), &event.instance) {
                (INSTANCE_STATE, Some(instance)) => (vec![instance.id.clone()], instance.state),
                _ => (subjects(event), State::Pending),
            };
            self.place(Held { alert, ids, state });
        }
        Ok(())
    }

    /// Tells something of trailnoti itself.
    pub(super) fn report(&mut self, event: &Event) {
        let Ok(()) = self.judge(std::slice::from_ref(event), |_| Ok::<_, Infallible>(false));
    }

    /// Takes in what a record says of instances, whether or not a rule tells it.
    fn learn(&mut self, event: &Event) {
        let (grace, now) = (self.court.law.waits.tags, self.court.now);
        for said in started(event) {
            let launch = Launch::of(event);
            // What ended before the record came is not listed any more, and has no story to complete.
            if self.stories.get(&said.id).is_none() {
                if !said.instance_type.is_empty() && now <= later(launch.time, LISTED) {
                    self.stories.put(&said.id, Story::named(said.clone(), now));
                } else {
                    continue;
                }
            }
            self.stories.change(&said.id, |story| story.launched(launch, &said));
        }
        for id in asked_by_fleet(event) {
            self.stories.change(&id, |story| story.fleet = Some(Launch::of(event)));
        }
        if let Some(tagged) = tagged(event) {
            for id in &tagged.ids {
                self.stories.change(id, |story| story.tagged(&tagged, event.time, grace));
                if self.stories.get(id).is_some_and(|story| story.tags_until(grace) < event.time) {
                    self.tags_were_added(id, &tagged.added, &super::alert::principal(event));
                }
            }
        }
    }

    /// Tells, hides, or keeps an alert until that can be said.
    pub(super) fn place(&mut self, held: Held) {
        let is_launch = held.alert.instance.is_empty();
        let (mut told, mut unknown, mut waits, mut hidden) = (held.ids.is_empty(), false, None, None);
        for id in &held.ids {
            // What was told of an instance is completed, whoever it turns out to be from.
            if is_launch && self.stories.get(id).is_some_and(|story| story.told) {
                told = true;
            }
            match self.verdict(id, held.state) {
                Verdict::Told { launcher_unknown } => {
                    told = true;
                    unknown |= launcher_unknown;
                }
                Verdict::Hidden(name) => hidden = Some((name, id)),
                Verdict::Waits => waits = Some(id.clone()),
            }
        }
        if told {
            self.tell(held, unknown);
        } else if let Some(id) = waits {
            self.stories.change(&id, |story| story.held.push(held));
        } else if let Some((name, id)) = hidden {
            let launch = self.stories.get(id).and_then(|story| story.launch.as_ref());
            let principal = launch.map_or(held.alert.principal.clone(), |launch| launch.principal.clone());
            self.usage(&name).hid(held.alert.time, id, &principal);
            self.judgement.excluded.push(name);
        }
    }

    /// Tells everything that waits: nobody will look here again.
    pub fn release(&mut self) {
        for id in self.stories.ids() {
            let held = self.stories.get(&id).map(|story| story.held.clone()).unwrap_or_default();
            self.stories.change(&id, |story| story.held.clear());
            held.into_iter().for_each(|held| self.tell(held, true));
        }
    }

    fn tell(&mut self, held: Held, launcher_unknown: bool) {
        let Held { mut alert, ids, .. } = held;
        let stories: Vec<&Story> = ids.iter().filter_map(|id| self.stories.get(id)).collect();
        complete(&mut alert, &stories);
        if launcher_unknown {
            without_launcher(&mut alert, self.court.law.waits.launch);
        }
        for id in &ids {
            self.stories.change(id, |story| alert.completes |= story.note_told());
        }
        self.judgement.alerts.push(alert);
    }

    fn verdict(&mut self, id: &str, state: State) -> Verdict {
        let Some(story) = self.stories.get(id).cloned() else {
            return Verdict::Told { launcher_unknown: false };
        };
        let launchers = story.launchers();
        let own = self.court.own;
        let is_own = |name: &String| name == own || role_of(name) == own;
        if launchers.as_ref().is_some_and(|names| names.iter().any(is_own)) {
            return Verdict::Told { launcher_unknown: false };
        }
        let waits = &self.court.law.waits;
        let launch_may_come = story.is_new && self.court.now < later(story.opened, waits.launch);
        let is_unknown = launchers.is_none() && !launch_may_come;
        let mut missed = false;
        let mut waiting = false;
        let exclusions = &self.court.law.exclusions;
        for exclusion in exclusions {
            let fit = exclusion.fit(&self.facts(&story, state, launchers.as_deref()));
            if fit == Fit::No {
                continue;
            }
            if let Fit::Undecided(missing) = fit
                && missing.launch
                && is_unknown
            {
                missed = true;
                continue;
            }
            if !self.admits(exclusion, id, &story) {
                continue;
            }
            match fit {
                Fit::Yes => return Verdict::Hidden(exclusion.name.clone()),
                _ => waiting = true,
            }
        }
        if waiting { Verdict::Waits } else { Verdict::Told { launcher_unknown: missed } }
    }

    /// Whether the exclusion's ceiling has room for a new instance. Those that wait count: a flood with a copied tag
    /// must not wait as a whole.
    fn admits(&mut self, exclusion: &Exclusion, id: &str, story: &Story) -> bool {
        let Some(at_most) = exclusion.at_most.filter(|_| story.is_new) else { return true };
        if story.admitted.as_deref() == Some(&exclusion.name) {
            return true;
        }
        // Once told, an instance does not slip under the ceiling later.
        let now = self.court.now;
        if story.told || !self.usage(&exclusion.name).admit(at_most, now) {
            return false;
        }
        self.stories.change(id, |story| story.admitted = Some(exclusion.name.clone()));
        true
    }

    pub(super) fn facts<'s>(
        &'s self,
        story: &'s Story,
        state: State,
        launchers: Option<&'s [String]>,
    ) -> Facts<'s> {
        Facts {
            account: self.court.account,
            region: self.court.region,
            instance: &story.instance,
            state,
            began_with: &story.began_with,
            tags_may_come: story.tags_may_come(self.court.law.waits.tags, self.court.now),
            launchers,
        }
    }

    /// An exclusion's memory, to be changed.
    pub(super) fn usage(&mut self, name: &str) -> &mut Usage {
        let known = self.usage.get(name);
        self.judgement.usage.entry(name.to_owned()).or_insert_with(|| known.cloned().unwrap_or_default())
    }

    /// The batch is done.
    pub fn finish(mut self) -> Judgement {
        self.judgement.stories = self.stories.into_changes();
        self.judgement
    }
}

/// Judges events of which nothing is known or remembered: for trying rules.
pub fn judge_alone(law: &Law, events: &[Event], now: Timestamp) -> Judgement {
    let court = Court { law, account: "", account_name: "", region: "", own: "", now };
    let (stories, usage) = (BTreeMap::new(), BTreeMap::new());
    let mut desk = Desk::new(court, &stories, &usage);
    let Ok(()) = desk.judge(events, |_| Ok::<_, Infallible>(false));
    desk.finish()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
