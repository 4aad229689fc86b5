//! What an exclusion has hidden in an account, and who has used it where. Owns the memory that tells a habit from a first time.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::time::earlier;

/// A ceiling is counted over this time.
const HOUR: Duration = Duration::from_secs(3600);
/// How many principals are remembered; whoever comes after them is told as new each time.
const PRINCIPALS: usize = 200;

/// What is remembered of one exclusion in one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// How many events it hid.
    pub count: u64,
    /// When the last one happened.
    pub last: Option<Timestamp>,
    /// The instance that it was about.
    pub instance: String,
    /// Who had launched that.
    pub principal: String,
    /// Who has used its tags.
    pub principals: BTreeSet<String>,
    /// Where they were used.
    pub regions: BTreeSet<String>,
    /// When new instances came under it in the last hour.
    pub recent: Vec<Timestamp>,
}

impl Usage {
    /// Notes a hidden event.
    pub fn hid(&mut self, time: Timestamp, instance: &str, principal: &str) {
        self.count += 1;
        self.last = self.last.max(Some(time));
        instance.clone_into(&mut self.instance);
        if !principal.is_empty() {
            principal.clone_into(&mut self.principal);
        }
    }

    /// Takes in a new instance that came at a time, unless its ceiling is reached for the hour before.
    pub fn admit(&mut self, at_most: usize, at: Timestamp) -> bool {
        let newest = self.recent.iter().max().copied().unwrap_or(at).max(at);
        // Records come out of order, by less than this.
        self.recent.retain(|time| *time > earlier(newest, HOUR * 2));
        let in_the_hour = |time: &&Timestamp| **time > earlier(at, HOUR) && **time <= at;
        let room = self.recent.iter().filter(in_the_hour).count() < at_most;
        if room {
            self.recent.push(at);
        }
        room
    }

    /// Notes a principal; whether it is a new one among others is answered. There are others also where the exclusion is
    /// used `elsewhere`, in another account.
    pub fn is_new_principal(&mut self, principal: &str, elsewhere: bool) -> bool {
        is_new(&mut self.principals, principal, PRINCIPALS, elsewhere)
    }

    /// Notes a region, as [`Usage::is_new_principal`] a principal.
    pub fn is_new_region(&mut self, region: &str, elsewhere: bool) -> bool {
        is_new(&mut self.regions, region, usize::MAX, elsewhere)
    }

    /// Takes in what the exclusion hid in another account, to be shown together.
    pub fn join(&mut self, other: Usage) {
        self.count += other.count;
        if other.last > self.last {
            (self.last, self.instance, self.principal) = (other.last, other.instance, other.principal);
        }
    }
}

fn is_new(known: &mut BTreeSet<String>, value: &str, most: usize, elsewhere: bool) -> bool {
    if known.contains(value) {
        return false;
    }
    let others = elsewhere || !known.is_empty();
    if known.len() < most {
        known.insert(value.to_owned());
    }
    others
}
