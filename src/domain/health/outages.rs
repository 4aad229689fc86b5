//! Which places cannot be read, or are late, and when that is reported. Owns that one cause is one report: seventeen regions
//! that refuse the same credentials are one, and one once they are well again. How it is said is `report`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::health::Patience;
use crate::domain::health::subject::{Api, Place, What};
use crate::domain::time::later;

/// A report waits at most this long for others that fail by the same cause.
const GATHER: Duration = Duration::from_secs(60);
/// Being well again is reported at most this long after the first of a cause is: others ask again with more and more time between.
const HEAL: Duration = Duration::from_secs(5 * 60);

/// Why a place fails, as far as others fail by the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A policy forbids it: each account has its own.
    Denied,
    /// The credentials are missing, wrong or over.
    Credentials,
    /// No answer comes, or none that can be read.
    Unanswered,
    /// Answers come, and what is in them is late.
    Late,
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Why, in kinds.
    pub cause: Cause,
    /// Why, in words.
    pub reason: String,
    /// How long it must last.
    pub patience: Patience,
}

/// Something to report: these places fail by one cause, or do no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// They are well again.
    pub healed: bool,
    /// Why, in words.
    pub reason: String,
    /// Since when the first of them failed.
    pub since: Timestamp,
    /// Which ones, in order. Never empty.
    pub places: Vec<Place>,
}

/// Every place that fails, or did when that was reported.
#[derive(Debug, Default)]
pub struct Outages {
    places: BTreeMap<Place, Outage>,
}

#[derive(Debug)]
struct Outage {
    since: Timestamp,
    times: u32,
    /// None before it failed after a restart.
    cause: Option<Cause>,
    reason: String,
    /// Since when it has lasted long enough.
    ripe: Option<Timestamp>,
    told: bool,
    /// Since when it is well again, where its failure was reported.
    well: Option<Timestamp>,
}

/// What is reported together: a kind of failing, its cause, and the account where each has its own.
type Together<'a> = (What, Option<Cause>, &'a str);

fn together<'a>(place: &'a Place, outage: &Outage) -> Together<'a> {
    let what = match place.what {
        What::Reading(_) => What::Reading(Api::CloudTrail),
        what => what,
    };
    let own = if outage.cause == Some(Cause::Denied) { place.account.as_str() } else { "" };
    (what, outage.cause, own)
}

impl Outages {
    /// It was reported before a restart that a place fails since then.
    pub fn remember(&mut self, place: Place, since: Timestamp) {
        let known = Outage {
            since,
            times: 0,
            cause: None,
            reason: String::new(),
            ripe: None,
            told: true,
            well: None,
        };
        self.places.entry(place).or_insert(known);
    }

    /// A region is not read any more.
    pub fn retire(&mut self, account: &str, region: &str) {
        self.places.retain(|place, _| (place.account.as_str(), place.region.as_str()) != (account, region));
    }

    /// Since when a place fails.
    pub fn failing_since(&self, place: &Place) -> Option<Timestamp> {
        self.places.get(place).filter(|outage| outage.well.is_none()).map(|outage| outage.since)
    }

    /// Whether a place fails for so long that nobody waits for it.
    pub fn is_blind(&self, place: &Place) -> bool {
        self.places
            .get(place)
            .is_some_and(|outage| outage.well.is_none() && (outage.told || outage.ripe.is_some()))
    }

    /// An attempt failed.
    pub fn failed(&mut self, place: &Place, failure: Failure, now: Timestamp) {
        let Failure { cause, reason, patience } = failure;
        // What is asked of the account every ten minutes says late what was told by then.
        let is_of = |other: &Outage| other.told && other.cause == Some(cause);
        let is_known = place.region.is_empty()
            && self.places.iter().any(|(other, outage)| {
                !other.region.is_empty() && other.account == place.account && is_of(outage)
            });
        let outage = self.places.entry(place.clone()).or_insert(Outage {
            since: now,
            times: 0,
            cause: None,
            reason: String::new(),
            ripe: None,
            told: false,
            well: None,
        });
        // That somebody forbids it is news, also of a place that did not answer anyhow.
        let is_worse = cause == Cause::Denied && outage.cause.is_some_and(|before| before != cause);
        if outage.told && is_worse {
            (outage.told, outage.times, outage.ripe) = (false, 0, None);
        }
        outage.times += 1;
        (outage.cause, outage.reason, outage.well) = (Some(cause), reason, None);
        if outage.times >= patience.times && now >= later(outage.since, patience.lasting) {
            outage.ripe.get_or_insert(now);
            outage.told |= is_known;
        }
    }

    /// An attempt did not fail.
    pub fn succeeded(&mut self, place: &Place, now: Timestamp) {
        if let Some(outage) = self.places.get_mut(place) {
            if !outage.told {
                self.places.remove(place);
            } else {
                outage.well.get_or_insert(now);
            }
        }
    }

    /// What is to be reported now, if anything.
    pub fn due(&self, now: Timestamp) -> Option<News> {
        self.failed_together(now).or_else(|| self.healed_together(now))
    }

    /// It was reported.
    pub fn told(&mut self, news: &News) {
        for place in &news.places {
            if news.healed {
                self.places.remove(place);
            } else if let Some(outage) = self.places.get_mut(place) {
                outage.told = true;
            }
        }
    }

    fn failed_together(&self, now: Timestamp) -> Option<News> {
        let mut groups: BTreeMap<Together<'_>, Vec<(&Place, &Outage)>> = BTreeMap::new();
        for (place, outage) in self.places.iter().filter(|(_, outage)| !outage.told) {
            groups.entry(together(place, outage)).or_default().push((place, outage));
        }
        groups.into_values().find_map(|members| {
            let first = members.iter().filter_map(|(_, outage)| outage.ripe).min()?;
            let awaited = members.iter().any(|(_, outage)| outage.ripe.is_none());
            let ripe = members.into_iter().filter(|(_, outage)| outage.ripe.is_some());
            News::of(ripe, false).filter(|_| !awaited || now >= later(first, GATHER))
        })
    }

    fn healed_together(&self, now: Timestamp) -> Option<News> {
        let told = || self.places.iter().filter(|(_, outage)| outage.told);
        let well: BTreeSet<Together<'_>> = told()
            .filter(|(_, outage)| outage.well.is_some())
            .map(|(place, outage)| together(place, outage))
            .collect();
        well.into_iter().find_map(|of| {
            // After a restart the cause is not known before it fails once more.
            let is_one =
                |other: Together<'_>| other == of || other.0 == of.0 && (other.1.is_none() || of.1.is_none());
            let members = || told().filter(|(place, outage)| is_one(together(place, outage)));
            let first = members().filter_map(|(_, outage)| outage.well).min()?;
            let awaited = members().any(|(_, outage)| outage.well.is_none());
            let is_due = !awaited || now >= later(first, HEAL);
            News::of(members().filter(|(_, outage)| outage.well.is_some()), true).filter(|_| is_due)
        })
    }
}

impl News {
    fn of<'a>(places: impl Iterator<Item = (&'a Place, &'a Outage)>, healed: bool) -> Option<News> {
        let places: Vec<_> = places.collect();
        let (_, first) = places.iter().min_by_key(|(_, outage)| outage.since)?;
        Some(News {
            healed,
            reason: first.reason.clone(),
            since: first.since,
            places: places.iter().map(|(place, _)| (*place).clone()).collect(),
        })
    }
}

#[cfg(test)]
#[path = "outages_tests.rs"]
mod tests;
