//! The ledgers of all regions, as the loops note in them and others read them. Owns the lock; what a gap
//! is, is `health::ledger`'s, and who writes it down and reports it, `reports`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::coverage::{self, Region};
use crate::domain::health::ledger::{Before, Ledger};
use crate::domain::lookup::cursor::HISTORY;
use crate::domain::lookup::lanes::Lanes;
use crate::domain::time::earlier;

/// What is known of all regions that are watched.
#[derive(Debug, Default)]
pub struct Coverage {
    regions: Mutex<BTreeMap<Region, Covered>>,
    /// The names of the lanes, which are the same everywhere.
    lanes: OnceLock<Vec<String>>,
}

#[derive(Debug)]
struct Covered {
    ledger: Ledger,
    /// Up to when each lane has read.
    lanes: Vec<Timestamp>,
    /// Up to when every stream is read.
    through: Option<Timestamp>,
}

/// How far one region is read.
pub(in crate::daemon) struct Read {
    /// Its account and name.
    pub region: Region,
    /// Up to when each lane has read it, by its name.
    pub lanes: Vec<(String, Timestamp)>,
    /// What was not read in time.
    pub ledger: Ledger,
}

fn key(scope: Scope<'_>) -> Region {
    (scope.account().to_owned(), scope.region().to_owned())
}

impl Coverage {
    fn regions(&self) -> MutexGuard<'_, BTreeMap<Region, Covered>> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A region begins to be read.
    pub(in crate::daemon) fn begin(
        &self,
        scope: Scope<'_>,
        kept: Option<Ledger>,
        asked: Option<Timestamp>,
        lanes: &Lanes,
        now: Timestamp,
    ) {
        let cursors = lanes.cursors();
        self.lanes.get_or_init(|| cursors.iter().map(|(kind, _)| kind.name()).collect());
        let before = asked.zip(lanes.all_through()).map(|(asked, through)| Before { asked, through });
        let covered = Covered {
            ledger: Ledger::begin(kept, before, earlier(now, HISTORY), now),
            lanes: cursors.iter().map(|(_, cursor)| cursor.through).collect(),
            through: before.map(|before| before.through),
        };
        self.regions().insert(key(scope), covered);
    }

    /// A region is not read any more.
    pub fn retire(&self, account: &str, region: &str) {
        self.regions().remove(&(account.to_owned(), region.to_owned()));
    }

    fn note(&self, scope: Scope<'_>, change: impl FnOnce(&mut Covered)) {
        if let Some(covered) = self.regions().get_mut(&key(scope)) {
            change(covered);
        }
    }

    /// AWS does not answer, and that was reported.
    pub(in crate::daemon) fn unanswered(&self, scope: Scope<'_>, through: Option<Timestamp>) {
        self.note(scope, |covered| {
            through.map(|through| covered.ledger.unanswered(through));
        });
    }

    /// AWS answers.
    pub(in crate::daemon) fn answered(&self, scope: Scope<'_>, now: Timestamp) {
        self.note(scope, |covered| {
            covered.ledger.answered(now);
        });
    }

    /// Events of these times were read, by a lane that leaves none out, and came to these alerts.
    pub(in crate::daemon) fn read(
        &self,
        scope: Scope<'_>,
        lanes: &Lanes,
        (events, alerts): (&[Timestamp], &[Timestamp]),
        now: Timestamp,
    ) {
        self.note(scope, |covered| {
            covered.through = lanes.all_through();
            covered.lanes = lanes.reached().collect();
            covered.ledger.alerted(alerts);
            if let Some(through) = covered.through {
                covered.ledger.read(events, through, now);
            }
        });
    }

    /// What all ledgers come to.
    pub fn summary(&self, now: Timestamp) -> coverage::Coverage {
        let regions = self.regions();
        coverage::Coverage::of(regions.values().map(|one| (&one.ledger, one.through)), now)
    }

    /// How far each region is read.
    pub(in crate::daemon) fn reads(&self) -> Vec<Read> {
        let names = self.lanes.get().map(Vec::as_slice).unwrap_or_default();
        let read = |(region, covered): (&Region, &Covered)| Read {
            region: region.clone(),
            lanes: names.iter().cloned().zip(covered.lanes.iter().copied()).collect(),
            ledger: covered.ledger.clone(),
        };
        self.regions().iter().map(read).collect()
    }

    /// All ledgers, as they are now.
    pub(in crate::daemon) fn ledgers(&self) -> BTreeMap<Region, Ledger> {
        self.regions().iter().map(|(region, covered)| (region.clone(), covered.ledger.clone())).collect()
    }

    /// What is told in these copies is told.
    pub(in crate::daemon) fn told(&self, copies: &BTreeMap<Region, Ledger>) {
        for (region, covered) in self.regions().iter_mut() {
            copies.get(region).into_iter().for_each(|copy| covered.ledger.told_as_in(copy));
        }
    }
}
