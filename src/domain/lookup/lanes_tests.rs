use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::lookup::cursor::Page;
use proptest::prelude::*;

const START: i64 = 1_772_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).expect("a time")
}

fn policy() -> Policy {
    Policy {
        poll_interval: Duration::from_secs(15),
        lateness: Duration::from_secs(30 * 60),
        rescan: Duration::from_secs(24 * 3600),
        first_start: Duration::from_secs(15 * 60),
    }
}

/// A history of (happened, visible) seconds, answered as `LookupEvents` answers: newest first, five a page.
struct History(Vec<(i64, i64)>);

impl History {
    fn page(&self, request: &Request, now: i64) -> (Vec<usize>, Page) {
        let (start, end) = (request.start.as_second() - START, request.end.as_second() - START);
        let mut found: Vec<usize> = (0..self.0.len())
            .filter(|&n| (start..=end).contains(&self.0[n].0) && self.0[n].1 <= now)
            .collect();
        found.sort_by_key(|&n| (std::cmp::Reverse(self.0[n].0), n));
        let from: usize = request.token.as_deref().map_or(0, |token| token.parse().expect("a number"));
        let page: Vec<usize> = found.iter().copied().skip(from).take(5).collect();
        let next = (found.len() > from + 5).then(|| (from + 5).to_string());
        let oldest = page.iter().map(|&n| self.0[n].0).min().map(at);
        (page, Page { oldest, next })
    }
}

/// Reads for `seconds`, and tells when each event was first read to be judged. `cut` says after which reads the
/// process is restarted: tokens are lost, cursors stay.
fn read(history: &History, seconds: i64, cut: &BTreeSet<usize>) -> BTreeMap<usize, i64> {
    read_both(history, seconds, cut).0
}

/// The same, and which events were read of the past, with how often.
fn read_both(
    history: &History,
    seconds: i64,
    cut: &BTreeSet<usize>,
) -> (BTreeMap<usize, i64>, BTreeMap<usize, usize>) {
    let policy = policy();
    let mut lanes = Lanes::new(&[Stream::Writes], "", &policy, Duration::ZERO, at(0), |_| None);
    let mut now = 0;
    let mut first_read = BTreeMap::new();
    let mut past = BTreeMap::new();
    let mut reads = 0;
    while now < seconds {
        match lanes.plan(&policy, false, at(now)) {
            Plan::Read(Reading::Sweep(_) | Reading::Askers | Reading::Canary | Reading::Suspect, _) => {
                panic!("no rule asks for it")
            }
            Plan::Wait(until) => now = now.max(until.as_second() - START),
            Plan::Read(Reading::Lane(number), request) => {
                let (events, page) = history.page(&request, now);
                for event in events {
                    if lanes.is_history(number) {
                        *past.entry(event).or_insert(0) += 1;
                    } else {
                        first_read.entry(event).or_insert(now);
                    }
                }
                let before = lanes.lane(number).cursor.clone();
                let after = before.after(&request, &page);
                assert!(after.through >= before.through, "a cursor never moves back");
                lanes.set(number, after);
                reads += 1;
                now += 1;
                if cut.contains(&reads) {
                    let kept: Vec<(LaneKind, Cursor)> =
                        lanes.lanes.iter().map(|l| (l.kind.clone(), l.cursor.without_token())).collect();
                    lanes = Lanes::new(&[Stream::Writes], "", &policy, Duration::ZERO, at(now), |kind| {
                        kept.iter().find(|(k, _)| k == kind).map(|(_, cursor)| cursor.clone())
                    });
                }
            }
        }
    }
    (first_read, past)
}

#[test]
fn an_event_29_minutes_late_is_read_within_three_minutes_of_its_showing_up() {
    let history = History(vec![(100, 100 + 29 * 60)]);
    let read = read(&history, 3600, &BTreeSet::new());
    assert!(read[&0] - (100 + 29 * 60) < 180, "read at {}", read[&0]);
}

#[test]
fn an_event_five_hours_late_is_read_by_the_hourly_reading() {
    let history = History(vec![(100, 5 * 3600)]);
    let read = read(&history, 7 * 3600, &BTreeSet::new());
    assert!(read[&0] <= 6 * 3600 + 60, "read at {}", read[&0]);
}

#[test]
fn a_fresh_event_is_read_at_the_next_turn() {
    let history = History(vec![(1000, 1100)]);
    assert!(read(&history, 2000, &BTreeSet::new())[&0] - 1100 <= 17);
}

#[test]
fn the_past_is_read_once_also_across_restarts_and_delays_nothing() {
    let day = 86_400;
    let mut events: Vec<(i64, i64)> = (0..300).map(|n| (-n * day / 4 - 3600, 0)).collect();
    events.push((100, 200));
    let history = History(events);
    let (read, past) = read_both(&history, 900, &BTreeSet::from([5, 20, 21, 60]));
    assert!(read[&300] <= 217, "read at {}", read[&300]);
    assert!((0..300).all(|n| past.contains_key(&n)), "{} of 300", past.len());
    let again = past.values().filter(|times| **times > 1).count();
    assert!(again <= 4 * 5, "{again} were read more than once, at four restarts");
}

#[test]
fn nothing_before_the_first_start_is_ever_judged() {
    let history = History(vec![(-16 * 60, 0), (-14 * 60, 0)]);
    let read = read(&history, 26 * 3600, &BTreeSet::new());
    assert_eq!(read.keys().collect::<Vec<_>>(), [&1]);
}

#[test]
fn a_second_with_more_events_than_a_page_is_read_whole_after_a_lost_token() {
    let history = History(vec![(500, 510); 13]);
    let cut = BTreeSet::from([40, 41, 42, 43, 44, 45]);
    assert_eq!(read(&history, 3600, &cut).len(), 13);
}

#[test]
fn a_clock_set_back_a_day_stops_nothing() {
    let policy = policy();
    let mut lanes = Lanes::new(&[Stream::Writes], "", &policy, Duration::ZERO, at(86_400), |_| None);
    // One walk is under way when the clock is set back.
    for _ in 0..2 {
        let Plan::Read(Reading::Lane(number), request) = lanes.plan(&policy, false, at(86_400)) else {
            break;
        };
        let after = lanes.lane(number).cursor.after(&request, &Page::default());
        lanes.set(number, after);
    }
    let mut reads = 0;
    let mut now = 0;
    while now < 60 {
        match lanes.plan(&policy, false, at(now)) {
            Plan::Read(Reading::Lane(number), request) if lanes.is_history(number) => {
                let after = lanes.lane(number).cursor.after(&request, &Page::default());
                lanes.set(number, after);
            }
            Plan::Read(Reading::Lane(number), request) => {
                assert!(request.start <= request.end && request.end <= at(now), "{request:?} at {now}");
                let after = lanes.lane(number).cursor.after(&request, &Page::default());
                lanes.set(number, after);
                reads += 1;
            }
            Plan::Read(Reading::Sweep(_) | Reading::Askers | Reading::Canary | Reading::Suspect, _) => {
                panic!("no rule asks for it")
            }
            Plan::Wait(until) => now = until.as_second() - START,
        }
    }
    assert!(reads >= 3, "only {reads} reads in a minute");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Every event that shows up at most `lateness` after it happened is read, whatever the order, and however
    /// often the process is cut off between pages.
    #[test]
    fn no_event_is_missed(
        events in prop::collection::vec((0i64..3000, 0i64..1800), 1..40),
        cut in prop::collection::btree_set(1usize..400, 0..30),
    ) {
        let history = History(events.into_iter().map(|(at, late)| (at, at + late)).collect());
        let read = read(&history, 3000 + 1800 + 600, &cut);
        for (n, (_, visible)) in history.0.iter().enumerate() {
            prop_assert!(read.contains_key(&n), "event {n} was never read");
            prop_assert!(read[&n] - visible < 400, "event {n} visible at {visible} was read at {}", read[&n]);
        }
    }
}

/// Every region of a hundred accounts asked for all its reads in one minute of five, and a thousand connections were open.
#[test]
fn the_reads_of_many_rules_come_one_after_the_other() {
    let streams: Vec<Stream> = (0..14).map(|n| Stream::Name(format!("Get{n}"))).collect();
    let policy = policy();
    let mut lanes = Lanes::new(&streams, "", &policy, Duration::ZERO, at(0), |_| None);
    let mut walks: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut now = 0;
    while now < 1_800 {
        match lanes.plan(&policy, false, at(now)) {
            Plan::Wait(until) => now = now.max(until.as_second() - START),
            Plan::Read(Reading::Lane(number), request) => {
                let lane = lanes.lane(number);
                if let LaneKind::Read(stream) = &lane.kind {
                    walks.entry(stream.to_string()).or_default().push(now);
                }
                let after = lane.cursor.clone().after(&request, &Page::default());
                lanes.set(number, after);
                now += 1;
            }
            other => panic!("nothing asks for {other:?}"),
        }
    }
    // After the first, which all do at once.
    let mut later: Vec<i64> = walks.values().flat_map(|times| &times[1..]).copied().collect();
    later.sort_unstable();
    let apart: Vec<i64> = later.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(apart.iter().all(|apart| (18..=22).contains(apart)), "{apart:?}");
    for (stream, times) in walks {
        assert!(times.windows(2).all(|two| two[1] - two[0] <= 14 * 20 + 20), "{stream}: {times:?}");
    }
}

/// A clock that was set back left the reads waiting for the time that it had shown.
#[test]
fn a_clock_set_back_does_not_stop_the_reads() {
    let streams: Vec<Stream> = (0..14).map(|n| Stream::Name(format!("Get{n}"))).collect();
    let policy = policy();
    let mut lanes = Lanes::new(&streams, "", &policy, Duration::ZERO, at(86_400), |_| None);
    let mut walks = Vec::new();
    for (from, until) in [(86_400, 87_000), (0, 600)] {
        let mut now = from;
        walks.clear();
        while now < until {
            match lanes.plan(&policy, false, at(now)) {
                Plan::Wait(until) => now = now.max(until.as_second() - START).min(now + 60),
                Plan::Read(Reading::Lane(number), request) => {
                    let lane = lanes.lane(number);
                    if matches!(lane.kind, LaneKind::Read(_)) {
                        walks.push(now);
                    }
                    let after = lane.cursor.clone().after(&request, &Page::default());
                    lanes.set(number, after);
                    now += 1;
                }
                other => panic!("nothing asks for {other:?}"),
            }
        }
    }
    assert!(walks.len() >= 25 && walks.windows(2).all(|two| two[1] - two[0] <= 45), "{walks:?}");
}
