//! Which alert belongs to which incident. Owns joining them by the lineage of credentials, closing what was quiet, and the bounds;
//! what an incident makes of an alert is its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::derived_id;
use crate::domain::incident::credential::{Credential, How, MadeBy};
use crate::domain::incident::{Acknowledged, Incident, News, Told, Touched};
use crate::domain::time::{earlier, later};

/// So many incidents are known; of more, the one that was quiet for longest is forgotten.
pub const KNOWN: usize = 1_000;
/// How long who made whom is remembered, while nobody of it is under suspicion; and how much of it.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
const LINKS: usize = 20_000;
/// How many letters and digits an incident's id has.
const ID: usize = 4;
/// So many of the last alerts are known again: a batch that could not be written is judged once more.
const HEARD: usize = 1_000;

/// Somebody who was brought into being, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whom the call spoke as.
    pub by: Vec<Credential>,
    /// Whom it made.
    pub made: Credential,
    /// How.
    pub how: How,
    /// When.
    pub time: Timestamp,
    /// What the call laid hands on.
    pub touched: Vec<Touched>,
}

/// Every incident that is known.
#[derive(Debug, Default)]
pub struct Incidents {
    all: BTreeMap<String, Incident>,
    /// In which incident somebody is.
    of: BTreeMap<Credential, String>,
    links: VecDeque<Link>,
    /// Whom these made: the same history is read again and again.
    linked: BTreeSet<Credential>,
    heard: BTreeMap<String, Joined>,
    heard_in_order: VecDeque<String>,
    changed: BTreeSet<String>,
}

/// Where an alert belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The incident's id.
    pub incident: String,
    /// What of it is news.
    pub news: Vec<News>,
}

impl Incidents {
    /// As the state has them.
    pub fn restored(known: impl IntoIterator<Item = Incident>) -> Self {
        let mut incidents = Incidents::default();
        for incident in known {
            for member in &incident.members {
                incidents.of.insert(member.credential.clone(), incident.id.clone());
            }
            incidents.all.insert(incident.id.clone(), incident);
        }
        incidents
    }

    /// Every incident, those that grew last first.
    pub fn all(&self) -> Vec<&Incident> {
        let mut all: Vec<&Incident> = self.all.values().collect();
        all.sort_by_key(|incident| std::cmp::Reverse(incident.grew));
        all
    }

    /// One by its id, in capitals or not.
    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.all.get(&id.to_ascii_uppercase())
    }

    /// The one of which another is a part, or it itself.
    pub fn whole(&self, id: &str) -> Option<&Incident> {
        // An incident is made a part of one that is none, but that one may become a part later.
        let next = |part: &&Incident| self.all.get(part.part_of.as_ref()?);
        std::iter::successors(self.all.get(id), next).take(KNOWN).last()
    }

    /// What changed since this was asked last: an incident, or none where it is forgotten.
    pub fn take_changes(&mut self) -> Vec<(String, Option<Incident>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|id| (id.clone(), self.all.get(&id).cloned())).collect()
    }

    /// Whether something changed since.
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What was taken as changed could not be written: it is to be written with what changes next.
    pub fn unwritten(&mut self, ids: impl IntoIterator<Item = String>) {
        self.changed.extend(ids);
    }

    /// Notes who made whom. Where the maker is in an incident, so is whom he made; the next alert of it says so.
    pub fn follow(&mut self, link: Link, now: Timestamp) {
        let known = link.by.iter().find_map(|by| self.of.get(by)).cloned();
        let Some(id) = known else {
            if link.time >= earlier(now, REMEMBERED) && self.linked.insert(link.made.clone()) {
                self.links.push_back(link);
            }
            while self.links.len() > LINKS
                || self.links.front().is_some_and(|first| first.time < earlier(now, REMEMBERED))
            {
                let gone = self.links.pop_front();
                gone.iter().for_each(|gone| {
                    self.linked.remove(&gone.made);
                });
            }
            return;
        };
        self.made(&id, link, now, &mut Vec::new());
    }

    /// Puts an alert where it belongs: into the incident of whoever did it, or into a new one. `by` is whom it speaks as, the narrowest
    /// first; where that is nobody, it is in no incident. The same alert is taken in once.
    pub fn join(
        &mut self,
        alert: &str,
        by: &[Credential],
        told: &Told<'_>,
        now: Timestamp,
    ) -> Option<Joined> {
        if let Some(known) = self.heard.get(alert) {
            return Some(known.clone());
        }
        let joined = self.joined(by, told, now)?;
        self.heard.insert(alert.to_owned(), joined.clone());
        self.heard_in_order.push_back(alert.to_owned());
        if self.heard_in_order.len() > HEARD
            && let Some(oldest) = self.heard_in_order.pop_front()
        {
            self.heard.remove(&oldest);
        }
        Some(joined)
    }

    fn joined(&mut self, by: &[Credential], told: &Told<'_>, now: Timestamp) -> Option<Joined> {
        let first = by.first()?;
        let mut news = Vec::new();
        let id = match by.iter().find_map(|by| self.of.get(by)) {
            Some(id) => id.clone(),
            None => {
                let id = self.fresh_id(first, told.time);
                news.push(News::Opened);
                self.all.insert(id.clone(), Incident::open(id.clone(), first, told, now));
                id
            }
        };
        // Whoever acts by what the incident made belongs to it by his own key too; a wide name alone takes nobody in.
        let own = by.iter().enumerate().filter(|(n, by)| *n == 0 || matches!(by, Credential::Session { .. }));
        for (_, own) in own {
            self.enter(&id, own.clone(), None, told.time, now, &mut news);
        }
        let opened = news.contains(&News::Opened);
        if let Some(incident) = self.all.get_mut(&id) {
            incident.note_used(by);
            incident.take(told, now, &mut news);
        }
        if opened {
            // Where it begins and how bad it is, is what a new one says anyway.
            news.retain(|news| matches!(news, News::Opened | News::Joined(_)));
        }
        self.changed.insert(id.clone());
        self.forget_quietest();
        Some(Joined { incident: id, news })
    }

    /// Closes what was quiet for so long, and answers which these are.
    pub fn close(&mut self, quiet: Duration, now: Timestamp) -> Vec<String> {
        let is_over = |incident: &&mut Incident| !incident.closed && later(incident.grew, quiet) <= now;
        let mut closed = Vec::new();
        for incident in self.all.values_mut().filter(is_over) {
            incident.closed = true;
            closed.push(incident.id.clone());
        }
        self.changed.extend(closed.iter().cloned());
        closed
    }

    /// Those that are critical since so long and that nobody looks after, each once.
    pub fn ask_for_somebody(&mut self, after: Duration, now: Timestamp) -> Vec<Incident> {
        let mut asking = Vec::new();
        for incident in self.all.values_mut() {
            if incident.asks_for_somebody(after, now) {
                self.changed.insert(incident.id.clone());
                asking.push(incident.clone());
            }
        }
        asking
    }

    /// Somebody looks after one.
    pub fn acknowledge(&mut self, id: &str, said: Acknowledged) {
        if let Some(incident) = self.all.get_mut(id) {
            incident.acknowledged = Some(said);
            self.changed.insert(id.to_owned());
        }
    }

    /// Somebody was made by a member.
    fn made(&mut self, id: &str, link: Link, now: Timestamp, news: &mut Vec<News>) {
        let Link { by, made, how, time, touched } = link;
        if let Some(incident) = self.all.get_mut(id) {
            touched.into_iter().for_each(|touched| incident.touch(touched));
        }
        let maker = by.iter().find(|by| self.of.get(by).is_some_and(|of| of == id)).or(by.first());
        let maker = maker.map_or_else(|| "somebody".to_owned(), |maker| signed(maker, &by));
        self.enter(id, made, Some(MadeBy { how, by: maker }), time, now, news);
    }

    /// Takes somebody into an incident, with everybody whom he made in the last day. Who is in another one brings that along.
    fn enter(
        &mut self,
        id: &str,
        who: Credential,
        made: Option<MadeBy>,
        since: Timestamp,
        now: Timestamp,
        news: &mut Vec<News>,
    ) {
        if let Some(other) = self.of.get(&who).filter(|other| *other != id).cloned() {
            self.absorb(id, &other, now, news);
            return;
        }
        let Some(incident) = self.all.get_mut(id) else { return };
        let was_made = made.is_some();
        if !incident.add(who.clone(), made, since) {
            return;
        }
        self.changed.insert(id.to_owned());
        self.of.insert(who.clone(), id.to_owned());
        if was_made {
            news.push(News::Credential(who.clone()));
        }
        while let Some(at) = self.links.iter().position(|link| link.by.contains(&who)) {
            let Some(link) = self.links.remove(at) else { break };
            self.linked.remove(&link.made);
            self.made(id, link, now, news);
        }
    }

    /// Makes an incident a part of another.
    fn absorb(&mut self, id: &str, other: &str, now: Timestamp, news: &mut Vec<News>) {
        let Some(mut part) = self.all.remove(other) else { return };
        if let Some(whole) = self.all.get_mut(id) {
            whole.absorb(&mut part, now, news);
            self.of.values_mut().filter(|of| *of == other).for_each(|of| id.clone_into(of));
        }
        self.changed.extend([id.to_owned(), other.to_owned()]);
        self.all.insert(other.to_owned(), part);
    }

    /// An id that no other incident has. Whom it is about and when it began make it, so that the same past has the same ids.
    fn fresh_id(&self, about: &Credential, began: Timestamp) -> String {
        let whole = |n: u32| {
            let id = derived_id(&["incident", &format!("{about:?}"), &began.to_string(), &n.to_string()]);
            id.to_ascii_uppercase()
        };
        let ids = (0..10_000).map(|n| whole(n)[..ID].to_owned());
        ids.into_iter().find(|id| !self.all.contains_key(id)).unwrap_or_else(|| whole(0))
    }

    fn forget_quietest(&mut self) {
        while self.all.len() > KNOWN {
            let quietest = self.all.values().min_by_key(|incident| (!incident.closed, incident.grew));
            let Some(id) = quietest.map(|incident| incident.id.clone()) else { return };
            self.all.remove(&id);
            self.of.retain(|_, of| *of != id);
            self.changed.insert(id);
        }
    }
}

/// Who made somebody, in words: a key with whose it is.
fn signed(maker: &Credential, by: &[Credential]) -> String {
    let whose = by.iter().find(|one| matches!(one, Credential::User { .. } | Credential::Role { .. }));
    match (maker, whose) {
        (Credential::Key(id), Some(whose)) => format!("{} ({id})", whose.name()),
        _ => maker.name().to_owned(),
    }
}
