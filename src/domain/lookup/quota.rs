//! Whether somebody else spends the requests that AWS allows. Owns that conclusion; how fast is asked is `pacer`'s.
//!
//! AWS allows two `LookupEvents` a second for each account and region, whoever asks (CloudTrail API reference). We ask once a
//! second at most where it refuses: what is refused nevertheless, somebody else has spent. A thief does that to blind the
//! watcher, and needs no more than a key that may read.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::pacer::Hurry;
use crate::domain::time::earlier;

/// The time that is looked at.
const WINDOW: Duration = Duration::from_secs(60);
/// So many refusals among so many answers are no accident.
const REFUSALS: usize = 5;
const ANSWERS: usize = 10;
/// So long without a refusal, and it is over.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// How the last requests of one account and region were answered.
#[derive(Debug, Clone, Default)]
pub struct Quota {
    /// When, and whether it was refused.
    answers: VecDeque<(Timestamp, bool)>,
    refused: Option<Timestamp>,
    spent: bool,
    /// Who else asked, by principal, as far as that was read.
    others: BTreeMap<String, u32>,
}

impl Quota {
    /// A request was answered, or refused as one too many.
    pub fn note(&mut self, refused: bool, now: Timestamp) {
        let from = earlier(now, WINDOW);
        self.answers.retain(|(at, _)| from < *at && *at <= now);
        self.answers.push_back((now, refused));
        if refused {
            self.refused = Some(now);
        }
        let last = self.answers.iter().rev().take(ANSWERS);
        if last.filter(|(_, refused)| *refused).count() >= REFUSALS {
            self.spent = true;
        }
        if self.refused.is_none_or(|last| last < earlier(now, QUIET)) {
            (self.spent, self.refused) = (false, None);
            self.others.clear();
        }
    }

    /// How much hurry there is, where something is late or not. After a refusal the pace is that at rest, so that it shows who
    /// spends the quota; once that is shown, it is contested.
    pub fn hurry(&self, behind: bool) -> Hurry {
        let last = self.answers.back().is_some_and(|(_, refused)| *refused);
        let hopeless = self.answers.iter().all(|(_, refused)| *refused);
        match (self.spent, behind) {
            // Where a minute brought no answer at all, more requests bring none either.
            (true, _) if hopeless => Hurry::None,
            (true, _) if last => Hurry::Contest,
            (true, _) => Hurry::Quota,
            (false, true) if self.answers.iter().all(|(_, refused)| !refused) => Hurry::Quota,
            _ => Hurry::None,
        }
    }

    /// Somebody else spends it, until nothing was refused for five minutes.
    pub fn is_spent_by_others(&self) -> bool {
        self.spent
    }

    /// Notes who asked, as one of the calls on record says.
    pub fn asked_by(&mut self, principal: String) {
        *self.others.entry(principal).or_default() += 1;
    }

    /// Who else asked most often.
    pub fn spender(&self) -> Option<&str> {
        self.others.iter().max_by_key(|(_, times)| **times).map(|(principal, _)| principal.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_stranger_who_spends_the_quota_is_known_within_seconds() {
        let mut quota = Quota::default();
        for second in 0..60 {
            quota.note(false, at(second));
        }
        let known = (60..90).find(|second| {
            quota.note(second % 10 != 0, at(*second));
            quota.is_spent_by_others()
        });
        assert_eq!(known, Some(65), "five refusals at 0.1 answers a second");
        let over = (100..900).find(|second| {
            quota.note(false, at(*second));
            !quota.is_spent_by_others()
        });
        assert_eq!(over, Some(366));
    }

    #[test]
    fn a_refusal_now_and_then_is_nobodys_attack() {
        let mut quota = Quota::default();
        for second in 0..3_600 {
            quota.note(second % 15 == 0, at(second));
            assert!(!quota.is_spent_by_others());
        }
    }

    #[test]
    fn the_quota_is_used_while_behind_and_contested_while_another_spends_it() {
        let mut quota = Quota::default();
        let now = |second| at(second);
        quota.note(false, now(0));
        assert_eq!((quota.hurry(false), quota.hurry(true)), (Hurry::None, Hurry::Quota));
        quota.note(true, now(1));
        assert_eq!(quota.hurry(true), Hurry::None, "after a refusal the pace is that at rest");
        (2..6).for_each(|second| quota.note(true, now(second)));
        assert!(quota.is_spent_by_others());
        assert_eq!(quota.hurry(false), Hurry::Contest);
        quota.note(false, now(6));
        assert_eq!(quota.hurry(false), Hurry::Quota);
        (60..70).for_each(|second| quota.note(true, now(second)));
        assert_eq!(quota.hurry(true), Hurry::None, "nothing was answered for a minute");
    }

    #[test]
    fn who_asked_most_often_is_the_spender_until_it_is_over() {
        let mut quota = Quota::default();
        assert_eq!(quota.spender(), None);
        for who in ["a", "b", "b"] {
            quota.asked_by(who.to_owned());
        }
        (0..10).for_each(|second| quota.note(true, at(second)));
        assert_eq!(quota.spender(), Some("b"));
        quota.note(false, at(309));
        assert_eq!(quota.spender(), Some("b"));
        quota.note(false, at(310));
        assert_eq!((quota.spender(), quota.is_spent_by_others()), (None, false));
    }
}
