//! The judgement: what of a batch of events is told, what is hidden by whom, what waits for its other half, and what
//! was told before. Owns what a batch teaches and which rule tells of it; what becomes of an alert about instances is
//! `verdict`'s, and writing it down the store's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;

use jiff::Timestamp;

pub use super::court::{Court, Judgement, Law, Mark, OnFile, Waits};

use super::alert::Alert;
use super::burst::{self, Bursts};
use super::context::Past;
use super::decision::{Decision, Fate, Why};
use super::event::{Event, INSTANCE_STATE, derived_id, short_id};
use super::instance::State;
use super::json::Json;
use super::launch::{Launch, asked_by_fleet, started, subjects, tagged};
use super::memory::{Learned, Memory, Recollection, Traits};
use super::pacer::later;
use super::prepared::Prepared;
use super::rule::{Finding, Mode, Scratch, Severity};
use super::story::{Held, LISTED, Stories, Story};
use super::usage::Usage;

/// One batch on the table.
pub struct Desk<'a> {
    pub(super) court: Court<'a>,
    /// The region's stories, as the batch changes them.
    pub stories: Stories<'a>,
    /// Instances whose launch was read so late that no list has them any more: judged by their record alone.
    pub(super) late: BTreeMap<String, Story>,
    pub(super) usage: &'a BTreeMap<String, Usage>,
    pub(super) memory: Recollection<'a>,
    bursts: &'a Bursts,
    scratch: Scratch,
    pub(super) judgement: Judgement,
}

impl<'a> Desk<'a> {
    /// An empty desk over what is known.
    pub fn new(court: Court<'a>, file: OnFile<'a>) -> Self {
        Desk {
            court,
            stories: Stories::new(file.stories),
            late: BTreeMap::new(),
            usage: file.usage,
            memory: Recollection::new(file.memory, file.learned),
            bursts: file.bursts,
            scratch: Scratch::default(),
            judgement: Judgement::default(),
        }
    }

    /// Judges events, in the given order. `seen` says which are remembered from before.
    ///
    /// # Errors
    /// When `seen` cannot say.
    pub fn judge<E>(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        seen: impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.judge_when(events, false, seen)
    }

    /// Judges events again that came before the past was known: what is more urgent than could be said then is told,
    /// although the event was told.
    ///
    /// # Errors
    /// When `seen` cannot say.
    pub fn judge_late<E>(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        seen: impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.judge_when(events, true, seen)
    }

    fn judge_when<E>(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        late: bool,
        mut seen: impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        events.into_iter().try_for_each(|event| self.judge_one(&event, None, late, &mut seen))
    }

    /// Judges an event of which much is said already.
    ///
    /// # Errors
    /// When `seen` cannot say.
    pub fn judge_prepared<E>(
        &mut self,
        prepared: &Prepared<'_>,
        mut seen: impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.judge_one(&prepared.event, Some(prepared), false, &mut seen)
    }

    fn judge_one<E>(
        &mut self,
        event: &Event,
        prepared: Option<&Prepared<'_>>,
        late: bool,
        seen: &mut impl FnMut(&Mark) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.learn(event);
        let traits = match &prepared {
            Some(prepared) => Cow::Borrowed(&prepared.traits),
            None => Cow::Owned(Traits::of(event)),
        };
        let past = Past { own_accounts: self.court.law.own_accounts.clone(), ..self.memory.past(&traits) };
        // What was prepared for another past is worth nothing.
        let prepared = prepared.filter(|one| one.past == past);
        let findings = match prepared {
            Some(prepared) => prepared.findings.clone(),
            None => self.court.law.rules.findings(&mut self.scratch, &event.text_after(Some(&past))),
        };
        if !findings.is_empty() || !traits.reads {
            self.memory.learn(&traits);
        }
        let mut decision = Decision::of(event);
        if findings.is_empty() {
            self.judgement.unmatched += 1;
            self.judgement.decisions.push(decision);
            return Ok(());
        }
        let mut mark = Mark::of(event);
        let mut is_known = self.judgement.marks.contains(&mark) || seen(&mark)?;
        let envelope = event.envelope_after(Some(&past));
        let mut live = None;
        let mut tried = Vec::new();
        for finding in &findings {
            if !self.holds(finding, event, &traits, &envelope, is_known, &mut decision) {
                continue;
            }
            match finding.rule.mode {
                Mode::Live => live = live.or(Some(finding)),
                Mode::DryRun => tried.push(finding.rule.id.clone()),
            }
        }
        if live.is_none() && tried.is_empty() {
            self.judgement.unmatched += 1;
            self.judgement.decisions.push(decision);
            return Ok(());
        }
        let is_raised = |finding: &&Finding<'_>| Some(finding.severity) > self.severity_before(event);
        let raised = late && is_known && live.as_ref().is_some_and(is_raised);
        if raised {
            mark.id = short_id(&derived_id(&[&event.id, "late"]));
            is_known = self.judgement.marks.contains(&mark) || seen(&mark)?;
            tried.clear();
        }
        if is_known {
            self.judgement.repeated += 1;
            return Ok(());
        }
        self.judgement.marks.push(mark);
        decision.tried = tried.clone();
        self.judgement.tried.append(&mut tried);
        if let Some(finding) = live {
            let mut alert =
                Alert::new(finding.rule, finding.severity, event, &envelope, self.court.account_name);
            if raised {
                // Another message of the same event, which is no repeat.
                alert.id = derived_id(&[&alert.id, "late"]);
            }
            self.decide(event, alert, &mut decision);
        }
        self.judgement.decisions.push(decision);
        Ok(())
    }

    /// How urgent an event was as long as nothing was known of the past.
    fn severity_before(&self, event: &Event) -> Option<Severity> {
        let own_accounts = self.court.law.own_accounts.clone();
        let past = Past { learning: true, own_accounts, ..Past::default() };
        let text = event.text_after(Some(&past));
        let findings = self.court.law.rules.findings(&mut Scratch::default(), &text);
        let told = |finding: &&Finding<'_>| {
            finding.excused.is_none() && finding.rule.first_seen.is_none() && finding.rule.mode == Mode::Live
        };
        findings.iter().filter(told).map(|finding| finding.severity).max()
    }

    /// Whether a rule that fits an event tells of it: no exception, not seen before, and enough of them.
    fn holds(
        &mut self,
        finding: &Finding<'_>,
        event: &Event,
        traits: &Traits,
        envelope: &Json,
        is_known: bool,
        decision: &mut Decision,
    ) -> bool {
        let rule = finding.rule;
        let told = |why: Why| (rule.id.clone(), why);
        if let Some(exception) = finding.excused {
            decision.not.push(told(Why::Excused(exception)));
            return false;
        }
        if let Some(first) = &rule.first_seen {
            match self.memory.first_seen(traits, first.token(rule, event, envelope), first.within) {
                Some(true) => {}
                Some(false) => {
                    decision.not.push(told(Why::SeenBefore));
                    return false;
                }
                None => {
                    decision.not.push(told(Why::Learning));
                    return false;
                }
            }
        }
        let Some(threshold) = &rule.threshold else { return true };
        let key = burst::key(rule, threshold, event, envelope);
        let known = self.bursts.get(&key);
        let counted = self.judgement.bursts.entry(key).or_insert_with(|| known.cloned().unwrap_or_default());
        let enough = counted.count(threshold, event, envelope, is_known);
        if !enough {
            decision.not.push(told(Why::TooFew));
        }
        enough
    }

    fn decide(&mut self, event: &Event, alert: Alert, decision: &mut Decision) {
        let (ids, state) = match (event.detail_type.as_str(), &event.instance) {
            (INSTANCE_STATE, Some(instance)) => (vec![instance.id.clone()], instance.state),
            _ => (subjects(event), State::Pending),
        };
        decision.rule = Some((alert.rule.clone(), alert.severity, alert.group.clone()));
        let (told, hidden) = (self.judgement.alerts.len(), self.judgement.excluded.len());
        let starts = !started(event).is_empty();
        self.place(Held { alert, ids, state, starts });
        decision.fate = match self.judgement.excluded.get(hidden) {
            _ if self.judgement.alerts.len() > told => Fate::Told,
            Some(exclusion) => Fate::Hidden(exclusion.clone()),
            None => Fate::Waits,
        };
    }

    /// Takes in what an event shows of which no rule can tell.
    pub fn notice(&mut self, traits: &Traits) {
        if !traits.reads {
            self.memory.learn(traits);
        }
    }

    /// Takes in events of the past: nothing is told of them.
    pub fn remember(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.remember_one(&event));
    }

    /// Takes in one event of the past.
    pub fn remember_one(&mut self, event: &Event) {
        let rules = &self.court.law.rules;
        let traits = Traits::of(event);
        self.memory.learn(&traits);
        if !rules.iter().any(|rule| rule.first_seen.is_some()) {
            return;
        }
        let envelope = event.envelope();
        for finding in rules.findings(&mut self.scratch, &envelope.to_string()) {
            if let (Some(first), None) = (&finding.rule.first_seen, finding.excused) {
                let token = first.token(finding.rule, event, &envelope);
                let _said_of_none = self.memory.first_seen(&traits, token, first.within);
            }
        }
    }

    /// Tells something of trailnoti itself.
    pub(super) fn report(&mut self, event: Event) {
        let Ok(()) = self.judge([event], |_| Ok::<_, Infallible>(false));
    }

    /// Takes in what a record says of instances, whether or not a rule tells it.
    fn learn(&mut self, event: &Event) {
        let (grace, now) = (self.court.law.waits.tags, self.court.now);
        for said in started(event) {
            let launch = Launch::of(event);
            if self.stories.get(&said.id).is_none() {
                if said.instance_type.is_empty() {
                    continue;
                }
                // What ended before the record came is not listed any more, and has no story to complete.
                if now > later(launch.time, LISTED) {
                    let mut story = Story::named(said.clone(), launch.time);
                    story.launched(launch, &said);
                    self.late.insert(said.id.clone(), story);
                    continue;
                }
                self.stories.put(&said.id, Story::named(said.clone(), now));
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

    /// An exclusion's memory, to be changed.
    pub(super) fn usage(&mut self, name: &str) -> &mut Usage {
        let known = self.usage.get(name);
        self.judgement.usage.entry(name.to_owned()).or_insert_with(|| known.cloned().unwrap_or_default())
    }

    /// The batch is done.
    pub fn finish(mut self) -> Judgement {
        self.judgement.stories = self.stories.into_changes();
        let known = self.usage;
        self.judgement.usage.retain(|name, usage| known.get(name) != Some(usage));
        let bursts = self.bursts;
        self.judgement.bursts.retain(|key, burst| bursts.get(key) != Some(burst));
        self.judgement.sightings =
            self.memory.changes.into_iter().map(|(token, sighting)| (token, Some(sighting))).collect();
        self.judgement
    }
}

/// Judges events of which nothing is known or remembered: for trying rules.
pub fn judge_alone(law: &Law, events: impl IntoIterator<Item = Event>, now: Timestamp) -> Judgement {
    let court = Court { law, account: "", account_name: "", region: "", own: "", now };
    let (stories, usage) = (BTreeMap::new(), BTreeMap::new());
    let (memory, bursts) = (Memory::default(), Bursts::new());
    let file = OnFile {
        stories: &stories,
        usage: &usage,
        memory: &memory,
        learned: Learned::default(),
        bursts: &bursts,
    };
    let mut desk = Desk::new(court, file);
    let Ok(()) = desk.judge(events, |_| Ok::<_, Infallible>(false));
    desk.finish()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
