//! When not being able to see, or to send, is itself reported: once when it has lasted, once when it is over. Owns
//! that decision for one subject.

pub mod coverage;
pub mod daily;
pub mod heartbeat;
pub mod ledger;
pub mod outages;
pub mod places;
pub mod report;
mod reported;
pub mod starts;
pub mod subject;

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::time::later;

/// How a subject (a region, a sink, the state) is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// It is as it should be.
    #[default]
    Well,
    /// Failing, and not reported yet.
    Failing {
        /// Since when that is so.
        since: Timestamp,
        /// How often in a row.
        times: u32,
    },
    /// It fails, and that was reported.
    Reported {
        /// Since when that is so.
        since: Timestamp,
    },
}

/// What is to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It has failed since then.
    Failed(Timestamp),
    /// It failed since then, and is well again.
    Healed(Timestamp),
}

/// How long, and how often in a row, something fails before it is reported.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many attempts must fail in a row.
    pub times: u32,
    /// Time since the first.
    pub lasting: Duration,
}

impl Health {
    /// The health after an attempt, and what is to be reported of it.
    pub fn after(&self, failed: bool, patience: Patience, now: Timestamp) -> (Health, Option<Notice>) {
        match (self, failed) {
            (Health::Reported { since }, false) => (Health::Well, Some(Notice::Healed(*since))),
            (Health::Reported { .. }, true) => (self.clone(), None),
            (_, false) => (Health::Well, None),
            (_, true) => {
                let (since, times) = match self {
                    Health::Failing { since, times } => (*since, times + 1),
                    _ => (now, 1),
                };
                if times >= patience.times && now >= later(since, patience.lasting) {
                    return (Health::Reported { since }, Some(Notice::Failed(since)));
                }
                (Health::Failing { since, times }, None)
            }
        }
    }

    /// Since when it fails.
    pub fn failing_since(&self) -> Option<Timestamp> {
        match self {
            Health::Well => None,
            Health::Failing { since, .. } | Health::Reported { since } => Some(*since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { times: 3, lasting: Duration::from_secs(45) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn failing_is_told_once_and_healing_once() {
        let mut health = Health::Well;
        let mut reported = Vec::new();
        for (second, failed) in
            [(0, true), (15, true), (30, true), (60, true), (75, true), (90, false), (99, false)]
        {
            let (next, notice) = health.after(failed, PATIENCE, at(second));
            reported.extend(notice.map(|notice| (second, notice)));
            health = next;
        }
        assert_eq!(reported, [(60, Notice::Failed(at(0))), (90, Notice::Healed(at(0)))]);
    }

    #[test]
    fn a_short_failure_is_not_told() {
        let (health, _) = Health::Well.after(true, PATIENCE, at(0));
        let (health, _) = health.after(true, PATIENCE, at(15));
        assert_eq!(health.after(false, PATIENCE, at(30)), (Health::Well, None));
    }
}
