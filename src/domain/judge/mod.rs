//! The judgement: what of a batch is alerted on, what is hidden by whom, what waits for its other half, and what was
//! alerted on before. A batch is judged in three steps, so that the store is asked between them and never from inside: what
//! must be known (`marks…`), the judgement, and the commit, which is the store's.
//!
//! Owns the batches: a page of the history, a list of instances, trailnoti's own reports, a past. One event is `single`'s.

pub mod decision;
pub mod decisions;
mod draft;
pub mod inputs;
pub mod joining;
pub mod list;
pub mod overdue;
pub mod panics;
mod placement;
pub mod prepared;
pub mod silence;
mod single;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use single::When;

use crate::domain::context::Envelope;
use crate::domain::context::launch::is_preparation;
use crate::domain::event::scope::Scope;
use crate::domain::event::{Event, Received, Unreadable};
use crate::domain::health::report::Report;
use crate::domain::judge::draft::Draft;
use crate::domain::judge::inputs::{Inputs, Judgement, Known, Mark, Ruleset, StateView};
use crate::domain::judge::overdue::Heard;
use crate::domain::judge::prepared::Item;
use crate::domain::language::Language;
use crate::domain::rules::memory::{Learned, Memory};
use crate::domain::rules::rule::Scratch;
use crate::domain::rules::threshold::ThresholdCounts;

/// What the store is to be asked for before a page can be judged: the marks of all that a rule may fit. No tree is built
/// for it, but of the rare record whose text does not say for certain what it is.
pub fn marks_of_page(
    ruleset: &Ruleset,
    scope: Scope<'_>,
    page: &[Received],
    when: When,
    now: Timestamp,
) -> Vec<Mark> {
    let mut scratch = Scratch::default();
    let mut marks = Vec::new();
    for received in page {
        let record = received.record.as_ref().ok();
        let glance = record.and_then(|text| ruleset.rules.glance(&mut scratch, text).ok());
        let mark = match glance {
            Some(glance) if !glance.may_match && when != When::Followed => continue,
            Some(glance) => glance.named.map(|(account, second, id)| Mark { account, second, id }),
            None => None,
        };
        let mark = mark.unwrap_or_else(|| {
            let event =
                received.record.clone().and_then(|text| Event::from_record_text(text, scope.account()));
            Mark::of(&event.unwrap_or_else(|why| unreadable(received, scope, ruleset.language, &why, now)))
        });
        marks.extend((when == When::OnceKnown).then(|| mark.raised()));
        marks.push(mark);
    }
    marks
}

/// Judges a page, which comes newest first: from its oldest event on, so that alerts come in the order of what happened,
/// and one event at a time, so that a page of large records is never there as fifty trees.
pub fn page(
    inputs: Inputs<'_>,
    view: StateView<'_>,
    page: &[Received],
    when: When,
    known: &Known,
) -> Judgement {
    let (mut draft, mut scratch) = (Draft::new(inputs, view), Scratch::default());
    // What prepares a launch is looked at behind the launch: by then it is known whether that is hidden.
    let (prepares, others): (Vec<_>, Vec<_>) =
        page.iter().rev().partition(|received| is_preparation(&received.name));
    for received in others.into_iter().chain(prepares) {
        let envelope = read(received, &inputs);
        single::judge(&mut draft, &mut scratch, &envelope, None, when, known);
    }
    overdue::settle(&mut draft, Heard::default(), false);
    single::reports(&mut draft, &mut scratch, known);
    draft.finish()
}

/// Takes in a page of the time before the first start: nothing of it is alerted on.
pub fn page_of_the_past(inputs: Inputs<'_>, view: StateView<'_>, page: &[Received]) -> Judgement {
    let (mut draft, mut scratch) = (Draft::new(inputs, view), Scratch::default());
    for received in page.iter().rev() {
        single::remember(&mut draft, &mut scratch, &read(received, &inputs));
    }
    draft.finish()
}

/// An entry of a page as an event; what is no record is an event that says so.
fn read(received: &Received, inputs: &Inputs<'_>) -> Envelope {
    let (scope, language) = (inputs.scope, inputs.ruleset.language);
    let event = received.record.clone().and_then(|text| Event::from_record_text(text, scope.account()));
    event.unwrap_or_else(|why| unreadable(received, scope, language, &why, inputs.now)).into()
}

fn unreadable(
    received: &Received,
    scope: Scope<'_>,
    language: Language,
    why: &Unreadable,
    now: Timestamp,
) -> Event {
    let subject = format!("{} {}", received.name, received.id);
    let report = Report::Unreadable { subject, reason: why.to_string() };
    report.event(scope, language, received.time.unwrap_or(now))
}

/// Judges what trailnoti has to say of itself. It is said once for each time that it is so, and asks the store nothing.
pub fn reports(inputs: Inputs<'_>, view: StateView<'_>, events: Vec<Event>) -> Judgement {
    let (mut draft, mut scratch) = (Draft::new(inputs, view), Scratch::default());
    draft.reports = events;
    single::reports(&mut draft, &mut scratch, &Known::new());
    draft.finish()
}

/// Sends everything that waits in a region, since nobody will look there again.
pub fn release(inputs: Inputs<'_>, view: StateView<'_>) -> Judgement {
    let mut draft = Draft::new(inputs, view);
    for id in draft.stories.ids_where(|story, _| !story.held.is_empty()) {
        placement::release(&mut draft, &id, "its region is no longer watched");
    }
    draft.finish()
}

/// Judges events of a past in the order of their times, or with `only_learn` takes them in.
pub fn items(
    inputs: Inputs<'_>,
    view: StateView<'_>,
    items: &[Item<'_>],
    known: &Known,
    only_learn: bool,
) -> Judgement {
    let (mut draft, mut scratch) = (Draft::new(inputs, view), Scratch::default());
    for item in items {
        match item {
            Item::Seen(traits) if traits.reads => {}
            Item::Seen(traits) => draft.memory.learn(traits),
            Item::Judge(prepared) if only_learn => {
                single::remember(&mut draft, &mut scratch, &prepared.envelope);
            }
            Item::Judge(prepared) => {
                let envelope = &prepared.envelope;
                single::judge(&mut draft, &mut scratch, envelope, Some(prepared), When::Now, known);
            }
        }
    }
    draft.finish()
}

/// Judges events of which nothing is known or remembered: for trying rules.
pub fn alone(ruleset: &Ruleset, events: Vec<Event>, now: Timestamp) -> Judgement {
    let (stories, usage, nowhere) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let (memory, thresholds) = (Memory::default(), ThresholdCounts::new());
    let view = StateView {
        stories: &stories,
        usage: &usage,
        used_elsewhere: &nowhere,
        memory: &memory,
        learned: Learned::default(),
        thresholds: &thresholds,
    };
    let scope = Scope::Program;
    let inputs = Inputs { ruleset, routes: &[], not_to: None, scope, account_name: "", own: None, now };
    reports(inputs, view, events)
}
