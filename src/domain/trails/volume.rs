//! What copies cost: how many events a region records, by the newest of its history, and what AWS asks for each copy. Owns the
//! estimate and on what it rests; it is an estimate, and says so.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::domain::event::Received;
use crate::domain::json::Json;
use crate::domain::text::{counted, span};
use crate::domain::trails::Duplicate;

/// Dollars for each event of a copy (AWS CloudTrail pricing: $2.00 per 100,000).
const DOLLARS: f64 = 2.0 / 100_000.0;
const DAYS_A_MONTH: f64 = 30.0;
const DAY: f64 = 86_400.0;
/// In seconds, how late events may be shown: that there is none yet of this time does not mean that there was none.
const LATE: i64 = 15 * 60;
/// In seconds, how far the history goes back (CloudTrail user guide, "Viewing event history").
const HISTORY: i64 = 90 * 86_400;

/// The newest events of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Each event's service, such as `kms.amazonaws.com`, and whether it only reads.
    events: Vec<(String, bool)>,
    /// How many of all kinds there are in a day.
    a_day: f64,
    /// The seconds that they span.
    seconds: i64,
}

impl Sample {
    /// The sample that a page is, which was asked for without an attribute. `more` says that the history goes on behind it.
    /// None where the page is empty.
    pub fn new(page: &[Received], more: bool, now: Timestamp) -> Option<Self> {
        let times = page.iter().filter_map(|received| received.time);
        let (oldest, newest) = (times.clone().min()?, times.max()?);
        let quiet = (now.duration_since(newest).as_secs() - LATE).max(0);
        // Between so many events there is one interval fewer; where there are no more, all stand in the whole history.
        let (seconds, intervals) = if more {
            (newest.duration_since(oldest).as_secs() + quiet, page.len().saturating_sub(1))
        } else {
            (HISTORY, page.len())
        };
        let seconds = seconds.max(1);
        let events = page.iter().map(|received| {
            let record = received.record.as_deref().ok().and_then(|text| Json::parse(text).ok());
            let record = record.unwrap_or(Json::Null);
            let service = record.text("eventSource").unwrap_or_default().to_owned();
            (service, record.get("readOnly").and_then(Json::as_bool).unwrap_or(false))
        });
        let a_day = intervals as f64 * DAY / seconds as f64;
        Some(Sample { events: events.collect(), a_day, seconds })
    }

    /// How many of a day's events a trail records although others do.
    fn copies_a_day(&self, duplicate: &Duplicate<'_>) -> f64 {
        let is_copy = |(service, read): &&(String, bool)| {
            (if *read { duplicate.reads } else { duplicate.writes }) && !duplicate.apart.contains(service)
        };
        let copies = self.events.iter().filter(is_copy).count();
        self.a_day * copies as f64 / self.events.len().max(1) as f64
    }
}

/// About how many copies a trail makes, and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Copies in a day.
    pub a_day: f64,
    /// Dollars for a month of thirty days.
    pub dollars_a_month: f64,
    /// How many events it rests on.
    pub events: usize,
    /// From how many regions these are.
    pub regions: usize,
    /// The seconds that they span; the longest of several regions.
    pub seconds: i64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dollars_a_month {
            less if less < 0.01 => f.write_str("less than $0.01 a month")?,
            some if some < 100.0 => write!(f, "about ${some:.2} a month")?,
            many => write!(f, "about ${many:.0} a month")?,
        }
        match self.a_day {
            less if less < 1.0 => f.write_str(" (less than one event a day")?,
            some => write!(f, " (about {} a day", counted(some.round() as u64, "event"))?,
        }
        write!(f, ", estimated from the newest {}", counted(self.events as u64, "event"))?;
        match self.regions {
            1 => write!(f, ", which span {})", span(self.seconds)),
            several => write!(f, " of {several} regions)"),
        }
    }
}

/// About what a duplicate costs, by the samples of its regions. None without any.
pub fn estimate(duplicate: &Duplicate<'_>, samples: &BTreeMap<String, Sample>) -> Option<Estimate> {
    let sampled: Vec<&Sample> = duplicate.regions.iter().filter_map(|region| samples.get(region)).collect();
    let seconds = sampled.iter().map(|sample| sample.seconds).max()?;
    let a_day: f64 = sampled.iter().map(|sample| sample.copies_a_day(duplicate)).sum();
    Some(Estimate {
        a_day,
        dollars_a_month: a_day * DAYS_A_MONTH * DOLLARS,
        events: sampled.iter().map(|sample| sample.events.len()).sum(),
        regions: sampled.len(),
        seconds,
    })
}
