//! What a batch leaves open: alerts that waited, halves of stories that never came, and tags that somebody tries to
//! hide behind. Owns when each is due; what becomes of an alert is `verdict`'s.

use std::time::Duration;

use jiff::Timestamp;

use super::exclusion::{Exclusion, Fit};
use super::instance::Tags;
use super::judge::Desk;
use super::pacer::later;
use super::report::Report;
use super::story::{ADDED, Story};

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

impl Desk<'_> {
    /// Decides what has waited long enough, or whose other half came. With `all`, also stories that did not change are
    /// looked at, to learn who uses exclusions where.
    pub fn settle(&mut self, heard: Heard, all: bool) {
        for id in self.stories.ids() {
            let changed = self.stories.is_changed(&id);
            let looked_at = |story: &&Story| all || changed || story.is_open();
            let Some(story) = self.stories.get(&id).filter(looked_at).cloned() else { continue };
            if all || changed {
                self.claims(&id, &story, changed);
            }
            if !story.held.is_empty() {
                self.stories.change(&id, |story| story.held.clear());
                for held in story.held {
                    self.place(held);
                }
            }
            self.look_for_halves(&id, heard);
        }
    }

    fn look_for_halves(&mut self, id: &str, heard: Heard) {
        let (waits, now) = (&self.court.law.waits, self.court.now);
        let Some(story) = self.stories.get(id).filter(|story| story.is_new).cloned() else { return };
        if !story.held.is_empty() {
            for at in [story.tags_until(waits.tags), later(story.opened, waits.launch)] {
                if at > now {
                    let sooner = self.judgement.decide_at.map_or(at, |known| known.min(at));
                    self.judgement.decide_at = Some(sooner);
                }
            }
        }
        let looked_for = later(story.opened, waits.lateness);
        let is_read = heard.read_through.is_some_and(|through| later(through, BEHIND) >= looked_for);
        match (&story.launch, story.first_seen) {
            (None, Some(_)) if story.told && now >= looked_for && is_read => {
                let minutes = waits.lateness.as_secs() / 60;
                let reason = format!("no call that launched it was read within {minutes} minutes");
                self.note(id, "no launch", &Report::WithoutLaunch { subject: describe(&story), reason });
            }
            (Some(launch), None) if now >= later(story.opened, waits.launch) => {
                if heard.listing_since.is_some_and(|since| since <= launch.time) {
                    let reason =
                        format!("{} launched it at {}, and no list has it", launch.principal, launch.time);
                    self.note(id, "never seen", &Report::NeverSeen { subject: describe(&story), reason });
                }
                if self.stories.get(id).is_some_and(|story| story.may_end(now)) {
                    self.stories.end(id);
                }
            }
            _ => {}
        }
    }

    /// Who goes by an exclusion's tags, and where, for the first time.
    fn claims(&mut self, id: &str, story: &Story, is_news: bool) {
        let (account, region) = (self.court.account, self.court.region);
        let launchers = story.launchers();
        let facts = self.facts(story, story.instance.state, launchers.as_deref());
        // Two exclusions may go by one tag, each for its own launchers.
        let is_somebodys =
            self.court.law.exclusions.iter().any(|exclusion| exclusion.fit(&facts) == Fit::Yes);
        for exclusion in &self.court.law.exclusions {
            if !exclusion.is_claimed_by(&story.began_with) || !exclusion.is_for(account, region) {
                continue;
            }
            let is_new_region = self.usage(&exclusion.name).is_new_region(region);
            let role = story.launch.as_ref().and_then(|launch| launch.names.first());
            let is_new_principal = exclusion.is_weak()
                && role.is_some_and(|role| self.usage(&exclusion.name).is_new_principal(role));
            // What runs already when an exclusion is written, or a first list is read, is learned and not told.
            if !story.is_new || !is_news {
                continue;
            }
            let who = story.launch.as_ref().map(|launch| launch.principal.as_str()).unwrap_or_default();
            if is_new_region {
                let why = format!("its tags were never seen in {region} before");
                self.misused(id, exclusion, "region", &why, who);
            }
            let Some(launch) = &story.launch else { continue };
            if exclusion.refuses_launcher(&launch.names) && !is_somebodys {
                let why = "its tags are on an instance that none of its launchers launched";
                self.misused(id, exclusion, "launcher", why, who);
            } else if is_new_principal {
                let why = "its tags are used by who has not used them before";
                self.misused(id, exclusion, "principal", why, who);
            }
        }
    }

    /// Tags came to an instance that was there before.
    pub fn tags_were_added(&mut self, id: &str, added: &Tags, who: &str) {
        let Some(story) = self.stories.get(id).cloned() else { return };
        let mut now = story.instance.tags.clone();
        now.extend(added.clone());
        for exclusion in &self.court.law.exclusions {
            if exclusion.is_claimed_by(&now) && !exclusion.is_claimed_by(&story.began_with) {
                let kind = if who.is_empty() { ADDED } else { "added by" };
                let why = "its tags were added to an instance that runs without them; they do not hide it";
                self.misused(id, exclusion, kind, why, who);
            }
        }
    }

    fn misused(&mut self, id: &str, exclusion: &Exclusion, kind: &str, why: &str, who: &str) {
        let Some(story) = self.stories.get(id) else { return };
        let report = Report::ExclusionClaimed {
            subject: describe(story),
            exclusion: exclusion.name.clone(),
            reason: why.to_owned(),
            principal: who.to_owned(),
        };
        self.note(id, &format!("{kind} {}", exclusion.name), &report);
    }

    /// Tells something of a story once.
    fn note(&mut self, id: &str, what: &str, report: &Report) {
        if self.stories.get(id).is_none_or(|story| story.noted.contains(what)) {
            return;
        }
        self.stories.change(id, |story| {
            story.noted.insert(what.to_owned());
        });
        let event = report.event(self.court.account, self.court.region, self.court.now);
        self.report(event);
    }
}

fn describe(story: &Story) -> String {
    let size = story.instance.size();
    if size.is_empty() { story.instance.id.clone() } else { format!("{} ({size})", story.instance.id) }
}
