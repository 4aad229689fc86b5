//! What a batch leaves open: alerts that waited, halves of stories that never came, and tags that somebody tries to
//! hide behind. Owns when each is due; what becomes of an alert is `placement`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::instance::Tags;
use crate::domain::health::report::Report;
use crate::domain::instances::exclusion::{Exclusion, Fit};
use crate::domain::instances::note::{Claim, Note};
use crate::domain::instances::story::Story;
use crate::domain::judge::decision::{Decision, Fate};
use crate::domain::judge::draft::Draft;
use crate::domain::judge::placement::{facts, place};
use crate::domain::time::later;

/// What is known of the region's reading; without it, nothing is said to be missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// From when on no list of its instances was missing.
    pub listing_since: Option<Timestamp>,
    /// Up to when its history is read.
    pub read_through: Option<Timestamp>,
}

/// So far behind a history may be and still count as read: the last walk ended that long ago.
const BEHIND: Duration = Duration::from_secs(300);

/// Decides what has waited long enough, or whose other half came. With `all`, also stories that did not change are
/// looked at, to learn who uses exclusions where.
pub(super) fn settle(draft: &mut Draft<'_>, heard: Heard, all: bool) {
    for id in draft.stories.ids_where(|story, changed| all || changed || story.is_open()) {
        let changed = draft.stories.is_changed(&id);
        let Some(story) = draft.stories.get(&id).cloned() else { continue };
        if all || changed {
            claims(draft, &id, &story, changed);
        }
        if !story.held.is_empty() {
            draft.stories.change(&id, |story| story.held.clear());
            for held in story.held {
                let decision = Decision::of_alert(&held.alert);
                let fate = place(draft, held);
                if fate != Fate::Waits {
                    draft.judgement.decisions.push(Decision { fate, ..decision });
                }
            }
        }
        look_for_halves(draft, &id, heard);
    }
}

fn look_for_halves(draft: &mut Draft<'_>, id: &str, heard: Heard) {
    let (waits, now) = (&draft.inputs.ruleset.waits, draft.inputs.now);
    let Some(story) = draft.stories.get(id).filter(|story| story.is_new).cloned() else { return };
    if !story.held.is_empty() {
        for at in [story.tags_until(waits.tags), later(story.opened, waits.launch)] {
            if at > now {
                let sooner = draft.judgement.decide_at.map_or(at, |known| known.min(at));
                draft.judgement.decide_at = Some(sooner);
            }
        }
    }
    let looked_for = later(story.opened, waits.lateness);
    let is_read = heard.read_through.is_some_and(|through| later(through, BEHIND) >= looked_for);
    match (&story.launch, story.first_seen) {
        (None, Some(_)) if story.alerted && now >= looked_for && is_read => {
            let minutes = waits.lateness.as_secs() / 60;
            let reason = format!("no record of its launch was found within {minutes} minutes");
            draft.note(id, Note::NoLaunch, &Report::WithoutLaunch { subject: describe(&story), reason });
        }
        (Some(launch), None) if now >= later(story.opened, waits.launch) => {
            if heard.listing_since.is_some_and(|since| since <= launch.time) {
                let reason =
                    format!("launched by {} at {:.0}, but never listed", launch.principal, launch.time);
                draft.note(id, Note::NeverSeen, &Report::NeverSeen { subject: describe(&story), reason });
            }
            if draft.stories.get(id).is_some_and(|story| story.may_end(now)) {
                draft.stories.end(id);
            }
        }
        _ => {}
    }
}

/// Who goes by an exclusion's tags, and where, for the first time.
fn claims(draft: &mut Draft<'_>, id: &str, story: &Story, is_news: bool) {
    let (account, region) = (draft.inputs.scope.account(), draft.inputs.scope.region());
    let launchers = story.launchers();
    let facts = facts(draft, story, (account, region), story.instance.state, launchers.as_deref());
    // Two exclusions may go by one tag, each for its own launchers.
    let exclusions = &draft.inputs.ruleset.exclusions;
    let is_somebodys = exclusions.iter().any(|exclusion| exclusion.fit(&facts) == Fit::Yes);
    for exclusion in exclusions {
        let is_claimed = exclusion.is_claimed_by(&story.began_with);
        let goes_by = is_claimed || exclusion.fit(&facts) == Fit::Yes;
        if !goes_by || !exclusion.is_for(account, region) {
            continue;
        }
        let elsewhere = draft.used_elsewhere.contains(&exclusion.name);
        let is_new_region =
            is_claimed && draft.usage(account, &exclusion.name).is_new_region(region, elsewhere);
        let role = story.launch.as_ref().and_then(|launch| launch.names.first());
        let is_new_principal = role.is_some_and(|role| {
            exclusion.leaves_open(role)
                && draft.usage(account, &exclusion.name).is_new_principal(role, elsewhere)
        });
        let values = exclusion.open_values(&story.began_with);
        let new_value = values
            .into_iter()
            .filter(|value| draft.usage(account, &exclusion.name).is_new_value(value, elsewhere))
            .last();
        // What runs already when an exclusion is written, or a first list is read, is learned and not reported.
        if !story.is_new || !is_news {
            continue;
        }
        let who = story.launch.as_ref().map(|launch| launch.principal.as_str()).unwrap_or_default();
        if is_new_region {
            let why = format!("this exclusion's tags were never used in {region} before");
            misused(draft, id, exclusion, Claim::Region, &why, who);
        }
        if let Some(value) = new_value {
            let why = format!(
                "\"{value}\" never used this exclusion before; whoever makes such a thing chooses its name"
            );
            misused(draft, id, exclusion, Claim::Value, &why, who);
        }
        let Some(launch) = &story.launch else { continue };
        if exclusion.refuses_launcher(&launch.names) && !is_somebodys {
            let why = format!(
                "has this exclusion's tags, but was launched by {}, who is not in launched_by",
                launch.principal
            );
            misused(draft, id, exclusion, Claim::Launcher, &why, who);
        } else if is_new_principal {
            let why = "this launcher has never used this exclusion's tags before";
            misused(draft, id, exclusion, Claim::Principal, why, who);
        }
    }
}

/// Tags came to an instance that was there before.
pub(super) fn tags_were_added(draft: &mut Draft<'_>, id: &str, added: &Tags, who: &str) {
    let Some(story) = draft.stories.get(id).cloned() else { return };
    let mut now = story.instance.tags.clone();
    now.extend(added.clone());
    for exclusion in &draft.inputs.ruleset.exclusions {
        if exclusion.is_claimed_by(&now) && !exclusion.is_claimed_by(&story.began_with) {
            let claim = if who.is_empty() { Claim::Added } else { Claim::AddedBy };
            let why = "this exclusion's tags were added to it after launch; they do not hide it";
            misused(draft, id, exclusion, claim, why, who);
        }
    }
}

fn misused(draft: &mut Draft<'_>, id: &str, exclusion: &Exclusion, claim: Claim, why: &str, who: &str) {
    let Some(story) = draft.stories.get(id) else { return };
    let report = Report::ExclusionClaimed {
        subject: describe(story),
        exclusion: exclusion.name.clone(),
        claim: claim.name(),
        reason: why.to_owned(),
        principal: who.to_owned(),
    };
    draft.note(id, Note::Claimed(claim, exclusion.name.clone()), &report);
}

fn describe(story: &Story) -> String {
    let size = story.instance.size();
    if size.is_empty() { story.instance.id.clone() } else { format!("{} ({size})", story.instance.id) }
}
