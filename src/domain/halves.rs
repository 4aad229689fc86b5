//! What a batch leaves open: alerts that waited, halves of stories that never came, and tags that somebody tries to
//! hide behind. Owns when each is due; the decision for an alert is `judge`'s.

use jiff::Timestamp;

use super::exclusion::Exclusion;
use super::instance::Tags;
use super::judge::Desk;
use super::pacer::later;
use super::report::Report;
use super::story::Story;

impl Desk<'_> {
    /// Decides what has waited long enough, or whose other half came; `listing_since` says from when on no list of the
    /// region was missing. With `all`, also stories that did not change are looked at for who uses exclusions where.
    pub fn settle(&mut self, listing_since: Option<Timestamp>, all: bool) {
        for id in self.stories.ids() {
            let looked_at = |story: &&Story| all || self.stories.is_changed(&id) || story.is_open();
            let Some(story) = self.stories.get(&id).filter(looked_at).cloned() else { continue };
            if all || self.stories.is_changed(&id) {
                self.claims(&id, &story);
            }
            if !story.held.is_empty() {
                self.stories.change(&id, |story| story.held.clear());
                for held in story.held {
                    self.place(held);
                }
            }
            self.look_for_halves(&id, listing_since);
        }
    }

    fn look_for_halves(&mut self, id: &str, listing_since: Option<Timestamp>) {
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
        match (&story.launch, story.first_seen) {
            (None, Some(_)) if story.told && now >= later(story.opened, waits.lateness) => {
                let reason = format!(
                    "no call that launched it was read within {} minutes",
                    waits.lateness.as_secs() / 60
                );
                self.note(id, "no launch", &Report::WithoutLaunch { subject: describe(&story), reason });
            }
            // Only a list can say that it was not on any.
            (Some(launch), None) if now >= later(story.opened, waits.launch) => {
                let Some(since) = listing_since else { return };
                if since <= launch.time {
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
    fn claims(&mut self, id: &str, story: &Story) {
        let region = self.court.region;
        for exclusion in &self.court.law.exclusions {
            if !exclusion.is_claimed_by(&story.began_with) {
                continue;
            }
            let is_new_region = self.usage(&exclusion.name).is_new_region(region);
            if !story.is_new {
                continue;
            }
            let who = story.launch.as_ref().map(|launch| launch.principal.as_str()).unwrap_or_default();
            if is_new_region {
                let why = format!("its tags were never seen in {region} before");
                self.misused(id, exclusion, "region", &why, who);
            }
            let Some(launch) = &story.launch else { continue };
            if exclusion.refuses_launcher(&launch.names) {
                let why = "its tags are on an instance that none of its launchers launched";
                self.misused(id, exclusion, "launcher", why, who);
            } else if exclusion.is_weak()
                && let Some(role) = launch.names.first()
                && self.usage(&exclusion.name).is_new_principal(role)
            {
                self.misused(
                    id,
                    exclusion,
                    "principal",
                    "its tags are used by who has not used them before",
                    who,
                );
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
                let kind = if who.is_empty() { "added" } else { "added by" };
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
        self.report(&event);
    }
}

fn describe(story: &Story) -> String {
    let size = story.instance.size();
    if size.is_empty() { story.instance.id.clone() } else { format!("{} ({size})", story.instance.id) }
}
