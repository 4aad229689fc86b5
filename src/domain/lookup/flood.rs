//! How many writes there are where they are too many, and who makes them. Owns the count of the last pages; that they are too
//! many is seen by `lanes`.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::domain::event::Received;

/// The pages that are counted, and those of them that say how many there are.
const PAGES: usize = 12;
const BUSIEST: usize = 6;
/// From this rate on a region is flooded: a walk over ten minutes takes three and more at the pace that it has.
pub const FLOODED: f64 = 15.0;

/// A name, and its share in hundredths.
pub type Most<'a> = (&'a str, u32);

/// The last pages of one region's writes.
#[derive(Debug, Clone, Default)]
pub struct Flood {
    pages: VecDeque<Counted>,
}

#[derive(Debug, Clone)]
struct Counted {
    events: u32,
    seconds: i64,
    principals: BTreeMap<String, u32>,
    names: BTreeMap<String, u32>,
}

impl Flood {
    /// Counts a page; `who` says whose an event is.
    pub fn note(&mut self, page: &[Received], who: impl Fn(&Received) -> Option<String>) {
        let times = || page.iter().filter_map(|event| event.time).map(Timestamp::as_second);
        let (Some(oldest), Some(newest)) = (times().min(), times().max()) else { return };
        let mut counted = Counted {
            events: u32::try_from(page.len()).unwrap_or(u32::MAX),
            seconds: newest - oldest + 1,
            principals: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        for event in page {
            *counted.names.entry(event.name.clone()).or_default() += 1;
            if let Some(who) = who(event) {
                *counted.principals.entry(who).or_default() += 1;
            }
        }
        self.pages.push_back(counted);
        if self.pages.len() > PAGES {
            self.pages.pop_front();
        }
    }

    /// Forgets what was counted.
    pub fn clear(&mut self) {
        self.pages.clear();
    }

    /// Events a second in the busiest part of the time that the last pages are of; none before there are enough of them. Of the
    /// newest minutes CloudTrail shows only the beginning, which says little.
    pub fn per_second(&self) -> Option<f64> {
        if self.pages.len() < PAGES {
            return None;
        }
        let mut pages: Vec<(i64, u32)> = self.pages.iter().map(|page| (page.seconds, page.events)).collect();
        pages.sort_unstable_by_key(|(seconds, events)| seconds * 1_000 / i64::from(*events).max(1));
        let busiest = pages.iter().take(BUSIEST);
        let (seconds, events) = busiest.fold((0, 0), |(s, e), (seconds, events)| (s + seconds, e + events));
        Some(f64::from(events) / (seconds.max(1) as f64))
    }

    /// Who makes most of them, and which call they mostly are; each with its share in hundredths.
    pub fn mostly(&self) -> (Option<Most<'_>>, Option<Most<'_>>) {
        let events: u32 = self.pages.iter().map(|page| page.events).sum();
        let most = |of: fn(&Counted) -> &BTreeMap<String, u32>| {
            let mut all: BTreeMap<&str, u32> = BTreeMap::new();
            for (name, times) in self.pages.iter().flat_map(of) {
                *all.entry(name).or_default() += times;
            }
            let (name, times) = all.into_iter().max_by_key(|(_, times)| *times)?;
            Some((name, times * 100 / events.max(1)))
        };
        (most(|page| &page.principals), most(|page| &page.names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(from: i64, by: &str, name: &str) -> Vec<Received> {
        let event = |n: i64| Received {
            id: by.to_owned(),
            name: name.to_owned(),
            time: Timestamp::from_second(from + n / 25).ok(),
            record: Ok(String::new()),
        };
        (0..50).map(event).collect()
    }

    #[test]
    fn a_flood_says_how_much_it_is_and_by_whom() {
        let mut flood = Flood::default();
        for n in 0..30 {
            let (by, name) = if n % 10 == 0 { ("ci", "PutObject") } else { ("mallory", "GetSessionToken") };
            flood.note(&page(n, by, name), |event| Some(event.id.clone()));
        }
        assert_eq!(flood.per_second(), Some(25.0));
        assert_eq!(flood.mostly(), (Some(("mallory", 91)), Some(("GetSessionToken", 91))));
    }

    #[test]
    fn a_few_pages_are_no_flood() {
        let mut flood = Flood::default();
        (0..5).for_each(|n| flood.note(&page(n, "ci", "PutObject"), |_| None));
        assert_eq!(flood.per_second(), None);
    }
}
