//! What one batch has come to so far: what was known, what the batch has changed, and what is decided. Owns these together and
//! decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::Event;
use crate::domain::health::report::Report;
use crate::domain::instances::note::Note;
use crate::domain::instances::stories::Stories;
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::{Usage, UsedIn};
use crate::domain::judge::inputs::{Inputs, Judgement, StateView};
use crate::domain::rules::recollection::Recollection;
use crate::domain::rules::threshold::ThresholdCounts;

/// What a batch has come to so far.
pub(super) struct Draft<'a> {
    pub inputs: Inputs<'a>,
    /// The region's stories, as the batch changes them.
    pub stories: Stories<'a>,
    /// Instances whose launch was read so late that no list has them any more: judged by their record alone.
    pub late: BTreeMap<String, Story>,
    pub usage_before: &'a BTreeMap<UsedIn, Usage>,
    pub used_elsewhere: &'a BTreeSet<String>,
    pub memory: Recollection<'a>,
    pub thresholds_before: &'a ThresholdCounts,
    pub judgement: Judgement,
    /// What trailnoti itself has to say of the batch; judged like any other event.
    pub reports: Vec<Event>,
}

impl<'a> Draft<'a> {
    pub fn new(inputs: Inputs<'a>, view: StateView<'a>) -> Self {
        Draft {
            inputs,
            stories: Stories::new(view.stories),
            late: BTreeMap::new(),
            usage_before: view.usage,
            used_elsewhere: view.used_elsewhere,
            memory: Recollection::new(view.memory, view.learned),
            thresholds_before: view.thresholds,
            judgement: Judgement::default(),
            reports: Vec::new(),
        }
    }

    /// A story, also one that is not kept.
    pub fn story(&self, id: &str) -> Option<&Story> {
        self.stories.get(id).or_else(|| self.late.get(id))
    }

    /// An exclusion's memory in an account, to be changed: in the one that is judged, or, of a past, in the event's.
    pub fn usage(&mut self, account: &str, exclusion: &str) -> &mut Usage {
        let account = match self.inputs.scope.account() {
            "" => account,
            judged => judged,
        };
        let used = (account.to_owned(), exclusion.to_owned());
        let known = self.usage_before.get(&used);
        self.judgement.usage.entry(used).or_insert_with(|| known.cloned().unwrap_or_default())
    }

    /// Reports something of a story, once.
    pub fn note(&mut self, id: &str, note: Note, report: &Report) {
        if self.stories.get(id).is_none_or(|story| story.noted.contains(&note)) {
            return;
        }
        self.stories.change(id, |story| {
            story.noted.insert(note);
        });
        let Inputs { scope, now, ruleset, .. } = self.inputs;
        self.reports.push(report.event(scope, ruleset.language, now));
    }

    /// The batch is done.
    pub fn finish(mut self) -> Judgement {
        self.judgement.stories = self.stories.into_changes();
        let known = self.usage_before;
        self.judgement.usage.retain(|used, usage| known.get(used) != Some(usage));
        let known = self.thresholds_before;
        self.judgement.thresholds.retain(|key, count| known.get(key) != Some(count));
        self.judgement.sightings =
            self.memory.changes.into_iter().map(|(token, sighting)| (token, Some(sighting))).collect();
        self.judgement
    }
}
