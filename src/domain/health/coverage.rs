//! What all ledgers come to: how many regions are read, up to when, and what is missing. Owns that sentence, which `status`, the
//! daily summary and the heartbeat say alike, and what is reported once a pause was read back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::health::ledger::{Gap, Ledger, Why};
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Api, Place, What};
use crate::domain::language::{Day, Language};
use crate::domain::time::later;

/// A region that is read up to no more than this long ago is read in time: every stream of it is asked for each five minutes.
const IN_TIME: Duration = Duration::from_secs(15 * 60);
/// What was read back is reported at most this long after the first region was.
const TOGETHER: Duration = Duration::from_secs(10 * 60);

/// An account and a region.
pub type Region = (String, String);

/// What all ledgers come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many regions are watched.
    pub regions: usize,
    /// How many of them are read up to now.
    pub in_time: usize,
    /// Up to when all of these are read.
    pub up_to: Option<Timestamp>,
    /// Since when the first of all is watched.
    pub since: Option<Timestamp>,
    /// Gaps that are not read back yet, or never can be.
    pub missing: usize,
    /// Gaps that were read back.
    pub read_back: usize,
}

impl Coverage {
    /// Of all regions; each with the time up to which everything is read.
    pub fn of<'a>(regions: impl Iterator<Item = (&'a Ledger, Option<Timestamp>)>, now: Timestamp) -> Self {
        let mut all = Coverage::default();
        for (ledger, through) in regions {
            all.regions += 1;
            all.missing += ledger.missing();
            all.read_back += ledger.gaps.len() - ledger.missing();
            all.since = Some(all.since.map_or(ledger.since, |since| since.min(ledger.since)));
            if let Some(through) = through.filter(|through| now <= later(*through, IN_TIME)) {
                all.in_time += 1;
                all.up_to = Some(all.up_to.map_or(through, |up_to| up_to.min(through)));
            }
        }
        all
    }

    /// Whether every region is read up to now.
    pub fn is_whole(&self) -> bool {
        self.regions > 0 && self.in_time == self.regions
    }
}

impl Coverage {
    /// The same, for a person to read.
    pub fn said(&self, language: Language) -> String {
        language.words().day(&Day::Read {
            in_time: self.in_time,
            regions: self.regions,
            up_to: self.up_to.map(|up_to| up_to.strftime("%H:%M UTC").to_string()),
            missing: self.missing,
            since: self.since.map(|since| since.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            read_back: self.read_back,
        })
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(Language::English))
    }
}

/// What is to be reported of the ledgers now, if anything: what was read back, of all regions together, or what cannot be.
pub fn report(ledgers: &BTreeMap<Region, Ledger>, now: Timestamp) -> Option<Report> {
    let places = |gaps: &[(&Region, &Gap)]| -> Vec<Place> {
        let mut places: Vec<Place> = gaps.iter().map(|(region, _)| place(region)).collect();
        places.dedup();
        places
    };
    let untold = || ledgers.iter().flat_map(|(region, ledger)| ledger.untold().map(move |gap| (region, gap)));
    let gone: Vec<_> = untold().filter(|(_, gap)| gap.why == Why::TooOld).collect();
    if let Some(from) = gone.iter().map(|(_, gap)| gap.from).min() {
        let until = gone.iter().filter_map(|(_, gap)| gap.until).max().unwrap_or(from);
        return Some(Report::Gap { places: places(&gone), from, until });
    }
    // That AWS answers again is reported at once, and that nothing had happened is no more than that.
    let back: Vec<_> = untold().collect();
    let says_something = |gap: &Gap| gap.events > 0 || gap.why == Why::Stopped;
    let first = back.iter().filter(|(_, gap)| says_something(gap)).filter_map(|(_, gap)| gap.closed).min()?;
    let awaited = ledgers.values().any(|ledger| ledger.missing() > ledger.lost());
    if awaited && now < later(first, TOGETHER) {
        return None;
    }
    let lasted =
        |gap: &Gap| Some(Duration::try_from(gap.until?.duration_since(gap.from)).unwrap_or_default());
    // Places are written down every few minutes, so the region that was asked last says best how long nothing ran.
    let stopped =
        back.iter().filter(|(_, gap)| gap.why == Why::Stopped).filter_map(|(_, gap)| lasted(gap)).min();
    Some(Report::ReadBack {
        places: places(&back),
        stopped,
        events: back.iter().map(|(_, gap)| gap.events).sum(),
        alerts: back.iter().map(|(_, gap)| gap.alerts).sum(),
    })
}

fn place((account, region): &Region) -> Place {
    Place { account: account.clone(), region: region.clone(), what: What::Reading(Api::CloudTrail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::ledger::Before;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_445_600 + minute * 60).expect("a time")
    }

    /// Nothing ran for three hours, and each region was asked last at a moment of its own.
    fn after_a_pause(regions: i64) -> BTreeMap<Region, Ledger> {
        let begun = |n: i64| {
            let before = Before { asked: at(-192 - n % 5), through: at(-200) };
            Ledger::begin(None, Some(before), at(-99_999), at(0))
        };
        (0..regions).map(|n| (("1".to_owned(), format!("r{n:02}")), begun(n))).collect()
    }

    #[test]
    fn one_pause_of_seventeen_regions_is_one_report() {
        let mut ledgers = after_a_pause(17);
        assert_eq!(report(&ledgers, at(0)), None);
        for (n, ledger) in (0_i64..).zip(ledgers.values_mut()) {
            ledger.read(&[at(-60), at(-30)], at(0), at(1 + n / 4));
            ledger.alerted(&[at(-60)]);
        }
        let told = report(&ledgers, at(5)).expect("one");
        let Report::ReadBack { places, stopped, events, alerts } = &told else { panic!("{told:?}") };
        assert_eq!((places.len(), *events, *alerts), (17, 34, 17));
        assert_eq!(*stopped, Some(Duration::from_secs(192 * 60)));
        ledgers.values_mut().for_each(|ledger| ledger.told(false));
        assert_eq!(report(&ledgers, at(6)), None);
    }

    #[test]
    fn a_region_that_takes_longer_is_reported_by_itself() {
        let mut ledgers = after_a_pause(2);
        ledgers.values_mut().next().expect("one").read(&[], at(0), at(1));
        assert_eq!(report(&ledgers, at(10)), None);
        assert!(report(&ledgers, at(11)).is_some());
    }

    #[test]
    fn the_sentence_says_how_many_up_to_when_and_since_when() {
        let mut ledgers = after_a_pause(3);
        let sentence = |ledgers: &BTreeMap<Region, Ledger>, through: [i64; 3]| {
            let through = through.into_iter().map(|minute| Some(at(minute)));
            Coverage::of(ledgers.values().zip(through), at(0)).to_string()
        };
        assert_eq!(
            sentence(&ledgers, [-2, -200, -200]),
            "1 of 3 regions read up to 09:58 UTC, 3 gaps since 2026-03-02 06:40 UTC"
        );
        ledgers.values_mut().for_each(|ledger| _ = ledger.read(&[], at(0), at(0)));
        assert_eq!(
            sentence(&ledgers, [-2, -1, -3]),
            "3 of 3 regions read up to 09:57 UTC, no gaps since 2026-03-02 06:40 UTC (3 read back)"
        );
    }
}
