//! What becomes of an alert about instances: told, hidden, or held until that can be said. Owns the verdict; what a
//! record teaches is `judge`'s, and when a wait is over is `halves`'s.

use super::exclusion::{Exclusion, Facts, Fit};
use super::instance::State;
use super::judge::Desk;
use super::story::{Held, Story, complete, without_launcher};

/// What is decided of an instance.
enum Verdict {
    Told { launcher_unknown: bool },
    Hidden(String),
    Waits,
}

impl Desk<'_> {
    /// Tells, hides, or keeps an alert until that can be said.
    pub(super) fn place(&mut self, held: Held) {
        let is_launch = held.alert.instance.is_empty();
        let (mut told, mut unknown, mut waits, mut hidden) = (held.ids.is_empty(), false, None, None);
        for id in &held.ids {
            let story = self.stories.get(id);
            // What was told of an instance is completed, whoever it turns out to be from.
            told |= is_launch && story.is_some_and(|story| story.told);
            // A start is judged by who called it, and not by who started the instance afterwards.
            told |= held.starts && story.is_some_and(|story| !story.is_launch(&held.alert.event_id));
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
            let minutes = self.court.law.waits.launch.as_secs() / 60;
            let is_new = held.ids.iter().filter_map(|id| self.stories.get(id)).all(|story| story.is_new);
            let why = if is_new {
                format!("no record of it within {minutes} minutes")
            } else {
                "it was launched before trailnoti watched".to_owned()
            };
            self.tell(held, unknown.then_some(&why));
        } else if let Some(id) = waits {
            self.stories.change(&id, |story| story.held.push(held));
        } else if let Some((name, id)) = hidden {
            let launch = self.story(id).and_then(|story| story.launch.as_ref());
            let principal = launch.map_or(held.alert.principal.clone(), |launch| launch.principal.clone());
            self.usage(&name).hid(held.alert.time, id, &principal);
            self.judgement.excluded.push(name);
        }
    }

    /// Tells what waits of an instance, since nothing that it waits for will decide it.
    pub fn release(&mut self, id: &str, why: &str) {
        let held = self.stories.get(id).map(|story| story.held.clone()).unwrap_or_default();
        self.stories.change(id, |story| story.held.clear());
        held.into_iter().for_each(|held| self.tell(held, Some(why)));
    }

    /// Tells everything that waits: nobody will look here again.
    pub fn release_all(&mut self) {
        for id in self.stories.ids() {
            self.release(&id, "its region is not watched any more");
        }
    }

    fn tell(&mut self, held: Held, launcher_unknown: Option<&str>) {
        let Held { mut alert, ids, .. } = held;
        let stories: Vec<&Story> = ids.iter().filter_map(|id| self.stories.get(id)).collect();
        complete(&mut alert, &stories);
        if let Some(why) = launcher_unknown {
            without_launcher(&mut alert, why);
        }
        for id in &ids {
            self.stories.change(id, |story| alert.completes |= story.note_told());
        }
        self.judgement.alerts.push(alert);
    }

    fn story(&self, id: &str) -> Option<&Story> {
        self.stories.get(id).or_else(|| self.late.get(id))
    }

    fn verdict(&mut self, id: &str, state: State) -> Verdict {
        let Some(story) = self.story(id).cloned() else {
            return Verdict::Told { launcher_unknown: false };
        };
        if story.is_launched_by(self.court.own) {
            return Verdict::Told { launcher_unknown: false };
        }
        let launchers = story.launchers();
        let launch_may_come = story.launch_may_come(self.court.law.waits.launch, self.court.now);
        let (mut missed, mut open) = (false, Vec::new());
        let exclusions = &self.court.law.exclusions;
        for exclusion in exclusions {
            match exclusion.fit(&self.facts(&story, state, launchers.as_deref())) {
                Fit::No => self.dismiss(exclusion, id),
                Fit::Undecided(missing) if missing.launch && !launch_may_come => missed = true,
                Fit::Undecided(_) => open.push(exclusion),
                // What hides for certain takes no room under the ceiling of what only may.
                Fit::Yes if self.admits(exclusion, id, &story) => {
                    return Verdict::Hidden(exclusion.name.clone());
                }
                Fit::Yes => {}
            }
        }
        let mut waiting = false;
        for exclusion in open {
            waiting |= self.admits(exclusion, id, &story);
        }
        if waiting { Verdict::Waits } else { Verdict::Told { launcher_unknown: missed } }
    }

    /// Whether the exclusion's ceiling has room for a new instance. Those that wait count: a flood with a copied tag
    /// must not wait as a whole.
    fn admits(&mut self, exclusion: &Exclusion, id: &str, story: &Story) -> bool {
        let Some(at_most) = exclusion.at_most.filter(|_| story.is_new) else { return true };
        if story.admitted.contains(&exclusion.name) {
            return true;
        }
        // Once told, an instance does not slip under the ceiling later.
        let now = self.court.now;
        if story.told || !self.usage(&exclusion.name).admit(at_most, now) {
            return false;
        }
        self.stories.change(id, |story| {
            story.admitted.insert(exclusion.name.clone());
        });
        true
    }

    /// What waited under a ceiling and turned out to be another's gives its room back.
    fn dismiss(&mut self, exclusion: &Exclusion, id: &str) {
        if exclusion.at_most.is_some()
            && self.stories.get(id).is_some_and(|story| story.admitted.contains(&exclusion.name))
        {
            self.usage(&exclusion.name).recent.pop();
            self.stories.change(id, |story| {
                story.admitted.remove(&exclusion.name);
            });
        }
    }

    pub(super) fn facts<'s>(
        &'s self,
        story: &'s Story,
        state: State,
        launchers: Option<&'s [String]>,
    ) -> Facts<'s> {
        let tags_may_come = story.tags_may_come(self.court.law.waits.tags, self.court.now);
        story.facts((self.court.account, self.court.region), state, tags_may_come, launchers)
    }
}
