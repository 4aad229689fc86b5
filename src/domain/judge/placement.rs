//! What becomes of an alert about instances: sent, hidden, or held until that can be said. Owns that choice; what a
//! record teaches is the judge's, and when a wait is over is `overdue`'s.

use jiff::Timestamp;

use crate::domain::context::Envelope;
use crate::domain::context::launch::{Launch, prepares};
use crate::domain::context::principal::role_of;
use crate::domain::event::instance::State;
use crate::domain::instances::exclusion::{Exclusion, Facts, Fit};
use crate::domain::instances::story::{Held, Story, complete, without_launcher};
use crate::domain::judge::decision::{Decision, Fate};
use crate::domain::judge::draft::Draft;

/// What is decided of an instance.
enum Placed {
    Sent { launcher_unknown: bool },
    Hidden(String),
    Waits,
}

/// Sends, hides, or keeps an alert until that can be said; which of these is answered.
pub(super) fn place(draft: &mut Draft<'_>, held: Held) -> Fate {
    let is_launch = held.alert.instance.is_empty();
    let (mut sent, mut unknown, mut waits, mut hidden) = (held.ids.is_empty(), false, None, None);
    for id in &held.ids {
        let story = draft.stories.get(id);
        // What was said of an instance is completed, whoever it turns out to be from.
        sent |= is_launch && story.is_some_and(|story| story.alerted);
        // A start is judged by who called it, and not by who started the instance afterwards.
        sent |= held.starts && story.is_some_and(|story| !story.is_launch(&held.alert.event_id));
        match placed(draft, id, &held) {
            Placed::Sent { launcher_unknown } => {
                sent = true;
                unknown |= launcher_unknown;
            }
            Placed::Hidden(name) => hidden = Some((name, id)),
            Placed::Waits => waits = Some(id.clone()),
        }
    }
    if sent {
        let minutes = draft.inputs.ruleset.waits.launch.as_secs() / 60;
        let is_new = held.ids.iter().filter_map(|id| draft.stories.get(id)).all(|story| story.is_new);
        let why = if is_new {
            format!("no launch record within {minutes} minutes")
        } else {
            "launched before trailnoti started watching".to_owned()
        };
        return send(draft, held, unknown.then_some(&why));
    }
    if let Some(id) = waits {
        draft.stories.change(&id, |story| story.held.push(held));
        return Fate::Waits;
    }
    let Some((name, id)) = hidden else { return Fate::Waits };
    let launch = draft.story(id).and_then(|story| story.launch.as_ref());
    let principal = launch.map_or(held.alert.principal.clone(), |launch| launch.principal.clone());
    let processors = draft.stories.get(id).map_or(0, |story| story.instance.processors());
    let usage = draft.usage(&held.alert.account, &name);
    usage.hid(held.alert.time, id, &principal);
    usage.largest = usage.largest.max(processors);
    draft.judgement.excluded.push(name.clone());
    Fate::Hidden(name)
}

/// Hides what only prepares launches that an exclusion hides: of a launcher that it names and whose instances it has hidden here, for
/// types that it would hide, as long as there is room under its ceiling. Its name is answered.
pub(super) fn hide_preparation(
    draft: &mut Draft<'_>,
    envelope: &Envelope,
    time: Timestamp,
) -> Option<String> {
    let event = &envelope.event;
    if !prepares(event) {
        return None;
    }
    let launch = Launch::of(event);
    let launcher = role_of(&launch.principal);
    if draft.inputs.own.is_some_and(|own| own.principal() == launcher) {
        return None;
    }
    let types = envelope.facts.types();
    let place = (event.account.as_str(), event.region.as_str());
    for exclusion in &draft.inputs.ruleset.exclusions {
        if !exclusion.may_hide_launches(&launch.names, place, types) {
            continue;
        }
        let usage = draft.usage(&event.account, &exclusion.name);
        if usage.launchers.contains(&launcher) && usage.has_room(exclusion.at_most, time) {
            usage.hid(time, "", &launch.principal);
            draft.judgement.excluded.push(exclusion.name.clone());
            return Some(exclusion.name.clone());
        }
    }
    None
}

/// Sends what waits of an instance, since nothing that it waits for will decide it.
pub(super) fn release(draft: &mut Draft<'_>, id: &str, why: &str) {
    let held = draft.stories.get(id).map(|story| story.held.clone()).unwrap_or_default();
    draft.stories.change(id, |story| story.held.clear());
    for held in held {
        let decision = Decision::of_alert(&held.alert);
        let fate = send(draft, held, Some(why));
        draft.judgement.decisions.push(Decision { fate, ..decision });
    }
}

fn send(draft: &mut Draft<'_>, held: Held, launcher_unknown: Option<&str>) -> Fate {
    let Held { mut alert, ids, .. } = held;
    let stories: Vec<&Story> = ids.iter().filter_map(|id| draft.stories.get(id)).collect();
    complete(&mut alert, &stories);
    if !stories.is_empty() {
        alert.tags = stories.iter().flat_map(|story| story.instance.shown_tags()).collect();
    }
    if let Some(why) = launcher_unknown {
        without_launcher(&mut alert, why);
    }
    for id in &ids {
        draft.stories.change(id, |story| alert.completes |= story.note_alerted());
    }
    let queued_for = draft.inputs.takers(&alert);
    draft.judgement.alerts.push(alert);
    Fate::Alerted { queued_for }
}

fn placed(draft: &mut Draft<'_>, id: &str, held: &Held) -> Placed {
    let Some(story) = draft.story(id).cloned() else {
        return Placed::Sent { launcher_unknown: false };
    };
    if draft.inputs.own.is_some_and(|own| story.is_launched_by(own.principal())) {
        return Placed::Sent { launcher_unknown: false };
    }
    let launchers = story.launchers();
    let (ruleset, now) = (draft.inputs.ruleset, draft.inputs.now);
    let launch_may_come = story.launch_may_come(ruleset.waits.launch, now);
    let place = (held.alert.account.as_str(), held.alert.region.as_str());
    let (mut missed, mut open, mut grown) = (false, Vec::new(), Vec::new());
    for exclusion in &ruleset.exclusions {
        match exclusion.fit(&facts(draft, &story, place, held.state, launchers.as_deref())) {
            Fit::No => dismiss(draft, exclusion, place.0, id),
            // An exclusion that is undecided would not hide it either.
            fit if story.is_new
                && exclusion.is_beyond(&story.instance, largest(draft, place.0, exclusion)) =>
            {
                grown.extend((fit == Fit::Yes).then_some(exclusion));
                dismiss(draft, exclusion, place.0, id);
            }
            Fit::Undecided(missing) if missing.launch && !launch_may_come => missed = true,
            Fit::Undecided(_) => open.push(exclusion),
            // What hides for certain takes no room under the ceiling of what only may.
            Fit::Yes if admits(draft, exclusion, id, &story, held) => {
                return Placed::Hidden(exclusion.name.clone());
            }
            Fit::Yes => {}
        }
    }
    for exclusion in grown {
        // Alerted on once, this size is what the exclusion has met.
        let usage = draft.usage(place.0, &exclusion.name);
        usage.largest = usage.largest.max(story.instance.processors());
    }
    let mut waiting = false;
    for exclusion in open {
        waiting |= admits(draft, exclusion, id, &story, held);
    }
    if waiting { Placed::Waits } else { Placed::Sent { launcher_unknown: missed } }
}

fn largest(draft: &mut Draft<'_>, account: &str, exclusion: &Exclusion) -> u32 {
    draft.usage(account, &exclusion.name).largest
}

/// Whether the exclusion's ceiling has room for a new instance. Those that wait count: a flood with a copied tag
/// must not wait as a whole. It counts by when the instance came, so that a past is judged as it was.
fn admits(draft: &mut Draft<'_>, exclusion: &Exclusion, id: &str, story: &Story, held: &Held) -> bool {
    let Some(at_most) = exclusion.at_most.filter(|_| story.is_new) else { return true };
    if story.admitted.contains_key(&exclusion.name) {
        return true;
    }
    // Once alerted on, an instance does not slip under the ceiling later.
    let (account, time) = (&held.alert.account, held.alert.time);
    if story.alerted || !draft.usage(account, &exclusion.name).admit(at_most, time) {
        return false;
    }
    let admit = |story: &mut Story| {
        story.admitted.insert(exclusion.name.clone(), time);
    };
    draft.stories.change(id, admit);
    draft.late.get_mut(id).into_iter().for_each(admit);
    true
}

/// What waited under a ceiling and turned out to be another's gives its place back.
fn dismiss(draft: &mut Draft<'_>, exclusion: &Exclusion, account: &str, id: &str) {
    let Some(admitted) = draft.stories.get(id).and_then(|story| story.admitted.get(&exclusion.name).copied())
    else {
        return;
    };
    draft.usage(account, &exclusion.name).dismiss(admitted);
    draft.stories.change(id, |story| {
        story.admitted.remove(&exclusion.name);
    });
}

/// What an exclusion may know of a story that comes into a state.
pub(super) fn facts<'s>(
    draft: &Draft<'_>,
    story: &'s Story,
    place: (&'s str, &'s str),
    state: State,
    launchers: Option<&'s [String]>,
) -> Facts<'s> {
    let tags_may_come = story.tags_may_come(draft.inputs.ruleset.waits.tags, draft.inputs.now);
    story.facts(place, state, tags_may_come, launchers)
}
