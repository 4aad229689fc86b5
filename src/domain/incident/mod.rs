//! Incidents: what one thief does, as one growing story. Owns what an incident knows, what of a new alert is news in it, and how bad
//! the whole is; which alert belongs to which is [`incidents`]'s, who somebody is [`credential`]'s.

pub mod brief;
pub mod commands;
pub mod credential;
pub mod incidents;
pub mod resource;
pub mod stage;
mod timeline;
mod told;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::incident::credential::{Credential, MadeBy};
use crate::domain::incident::resource::Resource;
use crate::domain::incident::stage::Stage;
pub use crate::domain::incident::timeline::{Beat, TIMELINE};
pub use crate::domain::incident::told::{Acknowledged, News, Part, Place, Standing, Told, Turn};
use crate::domain::severity::Severity;
use crate::domain::time::later;

/// How the group of an incident's messages begins; no other group begins so.
pub const CONVERSATION: &str = "incident ";
/// How the group of machines begins whose launcher nobody knows yet.
pub const OF_MACHINES: &str = "incident of machines in ";
/// So many different things of an incident are news because they are urgent: who invents names without end waits. The first of a rule
/// is always news: rules are ours, and nobody invents one.
const AT_ONCE: usize = 32;
/// So many credentials may belong to one incident.
pub const MEMBERS: usize = 200;
/// So many regions and accounts of an incident are named.
pub const PLACES: usize = 64;
/// So many keys, machines and the like of an incident are known; more are counted.
pub const TOUCHED: usize = 300;
/// Three stages within this time are one attack, and not three coincidences.
const TOGETHER: Duration = Duration::from_secs(3600);
const STAGES: usize = 3;

/// What somebody does, over regions, accounts and services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// A few letters and digits, by which people name it.
    pub id: String,
    /// Whom it is about, by a short name.
    pub about: String,
    /// The account in which it began, by number, and by name where it has one.
    pub account: (String, String),
    /// When its first event happened.
    pub began: Timestamp,
    /// When its last event happened, so far.
    pub last: Timestamp,
    /// When something was added last: quiet is counted from then on.
    pub grew: Timestamp,
    /// How bad it is as a whole.
    pub severity: Severity,
    /// How urgent the most urgent of its alerts is.
    #[serde(default)]
    pub worst: Severity,
    /// Why it is worse than that.
    #[serde(default)]
    pub worse: Option<Worse>,
    /// Who belongs to it, the one it began with first.
    pub members: Vec<Member>,
    /// How far it has come, and since when.
    pub stages: BTreeMap<Stage, Timestamp>,
    /// Where it happened, and how many alerts each place has.
    pub places: Vec<(Place, u64)>,
    /// How many alerts it has.
    pub alerts: u64,
    /// What happened, in the order in which it became known.
    pub timeline: Vec<Beat>,
    /// How many alerts the timeline had no room for.
    pub beyond: u64,
    /// By which rules urgent alerts of it are.
    #[serde(default)]
    pub rules: BTreeSet<String>,
    /// What it laid hands on, in the order in which that became known.
    #[serde(default)]
    pub touched: Vec<Touched>,
    /// Where its addresses are, as far as that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<String, String>,
    /// How much more there was no room for.
    #[serde(default)]
    pub untold: u64,
    /// Since when it is critical, and whether it was told that nobody looks after it.
    #[serde(default)]
    pub critical: Option<(Timestamp, bool)>,
    /// Who looks after it; what is worse than that asks for somebody again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// The incident of which this one turned out to be a part.
    pub part_of: Option<String>,
    /// It was quiet for long enough.
    pub closed: bool,
}

/// Something that an incident laid hands on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touched {
    /// Where.
    pub place: Place,
    /// When.
    pub since: Timestamp,
    /// What.
    pub what: Resource,
}

/// Somebody who belongs to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// By what he acts.
    pub credential: Credential,
    /// How that came to belong here; none for whom it began with.
    #[serde(default)]
    pub made: Option<MadeBy>,
    /// Since when.
    pub since: Timestamp,
    /// An alert came of it.
    pub used: bool,
}

/// Why an incident is worse than each of its alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Worse {
    /// Somebody who was made in it is used.
    Used(Credential, MadeBy),
    /// It came so far within an hour.
    Together(Vec<Stage>),
}

impl Incident {
    /// One that begins with this.
    pub fn open(id: String, about: &Credential, told: &Told<'_>, now: Timestamp) -> Self {
        Incident {
            id,
            about: if told.who.is_empty() { about.name() } else { told.who }.to_owned(),
            account: (told.account.0.to_owned(), told.account.1.to_owned()),
            began: told.time,
            last: told.time,
            grew: now,
            severity: Severity::Info,
            worst: Severity::Info,
            worse: None,
            members: Vec::new(),
            stages: BTreeMap::new(),
            places: Vec::new(),
            alerts: 0,
            timeline: Vec::new(),
            beyond: 0,
            rules: BTreeSet::new(),
            touched: Vec::new(),
            origins: BTreeMap::new(),
            untold: 0,
            critical: None,
            acknowledged: None,
            part_of: None,
            closed: false,
        }
    }

    /// Takes in an alert; what is news of it is added.
    pub fn take(&mut self, told: &Told<'_>, now: Timestamp, news: &mut Vec<News>) {
        if std::mem::take(&mut self.closed) {
            news.push(News::Reopened);
            // Whoever looked after it did so then.
            self.acknowledged = None;
            self.critical = self.critical.map(|_| (now, false));
        }
        self.began = self.began.min(told.time);
        self.last = self.last.max(told.time);
        self.grew = self.grew.max(now);
        self.alerts += 1;
        for stage in told.stages {
            let since = self.stages.entry(*stage).or_insert_with(|| {
                news.push(News::Stage(*stage));
                told.time
            });
            *since = (*since).min(told.time);
        }
        let place = Place { account: told.account.0.to_owned(), region: told.region.to_owned() };
        for what in told.touched {
            self.touch(Touched { place: place.clone(), since: told.time, what: what.clone() });
        }
        let (address, origin) = told.origin;
        if !origin.is_empty() && self.origins.len() < TOUCHED {
            self.origins.insert(address.to_owned(), origin.to_owned());
        }
        if self.count(&place, 1) {
            news.push(News::Region(place));
        }
        let is_another = timeline::take(&mut self.timeline, &mut self.beyond, Beat::of(told))
            && self.timeline.len() <= AT_ONCE;
        if told.severity >= Severity::High {
            match self.rules.insert(told.rule.to_owned()) {
                true => news.push(News::Rule),
                false if is_another => news.push(News::Urgent),
                false => {}
            }
        }
        self.worst = self.worst.max(told.severity);
        self.weigh(told.severity, now, news);
    }

    /// Whether it is critical since so long, and nobody said that he looks after it; that is answered once.
    pub fn asks_for_somebody(&mut self, after: Duration, now: Timestamp) -> bool {
        let is_open = !self.closed && self.part_of.is_none() && self.acknowledged.is_none();
        match &mut self.critical {
            Some((since, told @ false)) if is_open && later(*since, after) <= now => {
                *told = true;
                true
            }
            _ => false,
        }
    }

    /// Takes in something that it laid hands on.
    pub fn touch(&mut self, touched: Touched) {
        // Who called is the same wherever he did, and a machine that was named without its type may have one now.
        let is_same = |known: &&mut Touched| match (&known.what, &touched.what) {
            (Resource::Machine { id, .. }, Resource::Machine { id: other, .. }) => id == other,
            (known_what, what) => known_what == what && known.place.account == touched.place.account,
        };
        let has_room = self.touched.len() < TOUCHED;
        match (self.touched.iter_mut().find(is_same), touched.what) {
            (
                Some(Touched { what: Resource::Machine { kind, .. }, .. }),
                Resource::Machine { kind: said, .. },
            ) if kind.is_empty() => {
                *kind = said;
            }
            (Some(_), _) => {}
            (None, what) if has_room => self.touched.push(Touched { what, ..touched }),
            (None, _) => self.untold += 1,
        }
    }

    /// Counts alerts in a place; true where it is another one.
    fn count(&mut self, place: &Place, alerts: u64) -> bool {
        if let Some((_, known)) = self.places.iter_mut().find(|(known, _)| known == place) {
            *known += alerts;
            return false;
        }
        let has_room = self.places.len() < PLACES;
        if has_room {
            self.places.push((place.clone(), alerts));
        }
        has_room
    }

    /// Somebody belongs to it from now on; false where he does already, or there is no room.
    pub fn add(&mut self, credential: Credential, made: Option<MadeBy>, since: Timestamp) -> bool {
        if self.members.len() >= MEMBERS || self.has(&credential) {
            return false;
        }
        self.members.push(Member { credential, made, since, used: false });
        true
    }

    /// Whether nothing is known of it but a machine: who launched that is known minutes later.
    pub fn is_of_a_machine(&self) -> bool {
        matches!(self.members.as_slice(), [Member { credential: Credential::Instance(_), .. }])
    }

    /// Whether somebody belongs to it.
    pub fn has(&self, credential: &Credential) -> bool {
        self.members.iter().any(|member| member.credential == *credential)
    }

    /// Whether an alert came of this key.
    pub fn is_used(&self, key: &str) -> bool {
        let is_it = |member: &Member| matches!(&member.credential, Credential::Key(id) if id == key);
        self.members.iter().any(|member| member.used && is_it(member))
    }

    /// An alert came of these.
    pub fn note_used(&mut self, by: &[Credential]) {
        for member in self.members.iter_mut().filter(|member| by.contains(&member.credential)) {
            member.used = true;
        }
    }

    /// How bad it is as a whole: as its worst alert, and one step worse where it is more than that.
    pub fn weigh(&mut self, worst: Severity, now: Timestamp, news: &mut Vec<News>) {
        let before = self.severity;
        self.severity = self.severity.max(worst);
        if self.worse.is_none() && self.severity >= Severity::Medium {
            self.worse = self.why_worse();
            if self.worse.is_some() && self.severity < Severity::Critical {
                self.severity = Severity::ALL[self.severity as usize + 1];
            }
        }
        if self.severity > before {
            news.push(News::Worse(self.severity));
            self.acknowledged = None;
            if self.severity == Severity::Critical {
                self.critical = Some((now, false));
            }
        }
    }

    /// Why the whole is worse than each part.
    fn why_worse(&self) -> Option<Worse> {
        let mut used = self.members.iter().filter(|member| member.used);
        let made = used.find_map(|member| Some((member.credential.clone(), member.made.clone()?)));
        if let Some((who, made)) = made {
            return Some(Worse::Used(who, made));
        }
        let mut times: Vec<Timestamp> = self.stages.values().copied().collect();
        times.sort();
        let close = |three: &[Timestamp]| {
            Duration::try_from(three[STAGES - 1].duration_since(three[0])).is_ok_and(|took| took <= TOGETHER)
        };
        let is_attack = times.windows(STAGES).any(close);
        is_attack.then(|| Worse::Together(self.stages.keys().copied().collect()))
    }

    /// Takes in another incident, which turned out to be a part of this one.
    pub fn absorb(&mut self, other: &mut Incident, now: Timestamp, news: &mut Vec<News>) {
        news.push(News::Joined(other.id.clone()));
        other.part_of = Some(self.id.clone());
        other.closed = true;
        self.closed = false;
        self.began = self.began.min(other.began);
        self.last = self.last.max(other.last);
        self.grew = self.grew.max(now);
        self.alerts += other.alerts;
        self.beyond += other.beyond;
        self.rules.append(&mut other.rules);
        for member in other.members.drain(..) {
            if self.members.len() < MEMBERS && !self.has(&member.credential) {
                self.members.push(member);
            }
        }
        for (stage, since) in std::mem::take(&mut other.stages) {
            let known = self.stages.entry(stage).or_insert(since);
            *known = (*known).min(since);
        }
        for (place, alerts) in std::mem::take(&mut other.places) {
            self.count(&place, alerts);
        }
        self.untold += other.untold;
        self.origins.append(&mut other.origins);
        for touched in std::mem::take(&mut other.touched) {
            self.touch(touched);
        }
        for beat in std::mem::take(&mut other.timeline) {
            timeline::take(&mut self.timeline, &mut self.beyond, beat);
        }
        self.timeline.sort_by_key(|beat| beat.time);
        self.worst = self.worst.max(other.worst);
        self.weigh(other.severity, now, news);
    }
}
