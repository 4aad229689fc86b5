//! Judging a list of a region's instances: what changed, what each change means, what has waited long enough. Owns the order
//! of these; the list itself must be complete.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::context::Envelope;
use crate::domain::event::Event;
use crate::domain::event::instance::Instance;
use crate::domain::instances::inventory::{self, Observation};
use crate::domain::judge::draft::Draft;
use crate::domain::judge::inputs::{Inputs, Judgement, Known, Mark, StateView};
use crate::domain::judge::overdue::{Heard, settle, tags_were_added};
use crate::domain::judge::placement::release;
use crate::domain::judge::single::{When, judge, reports};
use crate::domain::rules::rule::Scratch;

/// A complete list, and how it was read.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'l> {
    /// Every instance of the region.
    pub instances: &'l [Instance],
    /// What was known before.
    pub known: inventory::Known,
    /// Tags that come within this after the first sight count as those that an instance began with.
    pub grace: Duration,
    /// It was asked for at its time. One that came early says less of who is missing.
    pub regular: bool,
    /// What is known of the region's reading.
    pub heard: Heard,
    /// It is the first since the start: everything that is known is looked at.
    pub first: bool,
}

/// A list that was compared with what was known, and is not judged yet.
pub struct List<'a> {
    draft: Draft<'a>,
    listing: Listing<'a>,
    seen: Observation,
    changes: Vec<Envelope>,
}

impl<'a> List<'a> {
    /// Finds what changed since the list before.
    pub fn compare(inputs: Inputs<'a>, view: StateView<'a>, listing: Listing<'a>) -> Self {
        let mut draft = Draft::new(inputs, view);
        let Listing { known, instances, grace, regular, .. } = listing;
        let seen = inventory::observe(known, &mut draft.stories, instances, grace, regular, inputs.now);
        for id in &seen.restarted {
            release(&mut draft, id, "restarted before its launcher was known");
        }
        let (account, region) = (inputs.scope.account(), inputs.scope.region());
        let changes = seen.changes.iter().filter_map(|change| {
            let story = draft.stories.get(&change.id)?;
            let instance = Instance { state: change.state, ..story.instance.clone() };
            Some(Event::instance_state(account, region, instance, change.starts, inputs.now).into())
        });
        List { changes: changes.collect(), draft, listing, seen }
    }

    /// What the store is to be asked for before the list can be judged.
    pub fn marks(&self) -> Vec<Mark> {
        self.changes.iter().map(|change| Mark::of(&change.event)).collect()
    }

    /// Judges the changes, and what has waited.
    pub fn judge(self, known: &Known) -> Judgement {
        let List { mut draft, listing, seen, changes } = self;
        let (mut scratch, now): (Scratch, Timestamp) = (Scratch::default(), draft.inputs.now);
        for change in &changes {
            judge(&mut draft, &mut scratch, change, None, When::Now, known);
        }
        for id in &seen.retagged {
            tags_were_added(&mut draft, id, &Default::default(), "");
        }
        settle(&mut draft, listing.heard, listing.first);
        reports(&mut draft, &mut scratch, known);
        for id in &seen.gone {
            if draft.stories.get(id).is_some_and(|story| story.may_end(now)) {
                draft.stories.end(id);
            }
        }
        draft.finish()
    }
}
