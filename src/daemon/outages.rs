//! What the loops note together of failing. Owns the lock; what is one report is `health::outages`'s, and who reports it `reports`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::health::outages;
use crate::domain::health::subject::Place;

/// What all loops of a configuration know together of failing.
#[derive(Debug, Default)]
pub struct Outages {
    places: Mutex<outages::Outages>,
    /// Held by who reports, so that nothing is reported twice; who only notes something does not wait for it.
    pub(in crate::daemon) turn: tokio::sync::Mutex<()>,
}

impl Outages {
    /// Looks at them, or changes them.
    pub(in crate::daemon) fn places(&self) -> MutexGuard<'_, outages::Outages> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A region is not read any more.
    pub fn retire(&self, account: &str, region: &str) {
        self.places().retire(account, region);
    }

    /// Since when a place fails.
    pub fn failing_since(&self, place: &Place) -> Option<Timestamp> {
        self.places().failing_since(place)
    }

    /// Whether a place fails for so long that nobody waits for it.
    pub fn is_blind(&self, place: &Place) -> bool {
        self.places().is_blind(place)
    }
}
