//! What an exclusion has hidden in an account, and who has used it where. Owns the memory that tells a habit from a first time.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::principal::role_of;
use crate::domain::time::earlier;

/// A ceiling is counted over this time.
const HOUR: Duration = Duration::from_secs(3600);
/// How many principals are remembered; whoever comes after them is reported as new each time.
const PRINCIPALS: usize = 200;

/// How many values of tags are remembered, likewise.
const VALUES: usize = 500;

/// An account, and the name of an exclusion that is used in it.
pub type UsedIn = (String, String);

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
    /// The values of AWS's own tags that it went by, where it leaves them open.
    pub values: BTreeSet<String>,
    /// The most processors of an instance that it hid, or would have.
    pub largest: u32,
    /// When new instances came under it in the last hour.
    pub recent: Vec<Timestamp>,
    /// The roles and users whose launches it hid.
    pub launchers: BTreeSet<String>,
}

impl Usage {
    /// Notes a hidden event.
    pub fn hid(&mut self, time: Timestamp, instance: &str, principal: &str) {
        let launcher = role_of(principal);
        if !launcher.is_empty() && self.launchers.len() < PRINCIPALS {
            self.launchers.insert(launcher);
        }
        self.count += 1;
        self.last = self.last.max(Some(time));
        if !instance.is_empty() {
            instance.clone_into(&mut self.instance);
        }
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

    /// Whether there is room for a new instance that comes at a time.
    pub fn has_room(&self, at_most: Option<usize>, at: Timestamp) -> bool {
        let in_the_hour = |time: &&Timestamp| **time > earlier(at, HOUR) && **time <= at;
        at_most.is_none_or(|most| self.recent.iter().filter(in_the_hour).count() < most)
    }

    /// Gives back the place of an instance that came at a time: it turned out to be another's.
    pub fn dismiss(&mut self, at: Timestamp) {
        if let Some(place) = self.recent.iter().position(|time| *time == at) {
            self.recent.remove(place);
        }
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

    /// Notes a value of a tag, as [`Usage::is_new_principal`] a principal.
    pub fn is_new_value(&mut self, value: &str, elsewhere: bool) -> bool {
        is_new(&mut self.values, value, VALUES, elsewhere)
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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// The newest place was given back, whosever it was: a flood that waited made room in a later hour.
    #[test]
    fn what_was_anothers_gives_back_its_own_place_under_a_ceiling() {
        let at = |second: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let mut usage = Usage::default();
        assert!(usage.admit(2, at(0)) && usage.admit(2, at(3000)) && !usage.admit(2, at(3010)));
        usage.dismiss(at(0));
        usage.dismiss(at(1));
        assert!(usage.admit(2, at(3700)), "one place of two is taken, at 3000");
        assert!(!usage.admit(2, at(3710)));
    }
}
