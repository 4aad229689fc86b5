//! What is said to a watcher outside: that everything is seen and somebody can be told, or that it is not. Owns when which; how
//! it is sent is `sink::heartbeat`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::health::coverage::Coverage;
use crate::domain::time::later;

/// After a start, everything is read by then; what is missing before says nothing.
const SETTLED: Duration = Duration::from_secs(5 * 60);

/// One beat, or the word that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// trailnoti has started.
    Start,
    /// Every region is covered, and a sink works.
    Well(String),
    /// One of the two is not so. No account and no region is named: it is read by another's server.
    Fails(String),
}

/// What a beat is about.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What all ledgers come to.
    pub coverage: &'a Coverage,
    /// How many things are not read in time.
    pub missing: usize,
    /// How many queues of sinks there are, and how many of them took their last message.
    pub sinks: (usize, usize),
    /// It was well before, since this began.
    pub was_well: bool,
}

/// What to say now; nothing as long as nothing is known after a start.
pub fn beat(seen: &Seen<'_>, started: Timestamp, now: Timestamp) -> Option<Beat> {
    let (sinks, working) = seen.sinks;
    let is_covered = seen.missing == 0 && seen.coverage.is_whole();
    if is_covered && working > 0 {
        return Some(Beat::Well(seen.coverage.to_string()));
    }
    if !seen.was_well && now < later(started, SETTLED) {
        return None;
    }
    let said = match working {
        0 => format!("none of {sinks} sinks takes messages; {}", seen.coverage),
        _ => seen.coverage.to_string(),
    };
    Some(Beat::Fails(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time")
    }

    #[test]
    fn it_beats_only_while_every_region_is_covered_and_a_sink_works() {
        let whole = Coverage { regions: 2, in_time: 2, ..Coverage::default() };
        let late = Coverage { in_time: 1, ..whole.clone() };
        let said = |coverage, missing, sinks, second| match beat(
            &Seen { coverage, missing, sinks, was_well: false },
            at(0),
            at(second),
        ) {
            None => "",
            Some(Beat::Start) => "start",
            Some(Beat::Well(_)) => "well",
            Some(Beat::Fails(_)) => "fails",
        };
        assert_eq!(said(&whole, 0, (2, 1), 20), "well");
        assert_eq!(said(&whole, 1, (2, 2), 20), "");
        assert_eq!(said(&whole, 1, (2, 2), 400), "fails");
        assert_eq!(said(&late, 0, (2, 2), 400), "fails");
        assert_eq!(said(&whole, 0, (2, 0), 400), "fails");
        let broke = Seen { coverage: &late, missing: 1, sinks: (1, 1), was_well: true };
        assert!(matches!(beat(&broke, at(0), at(20)), Some(Beat::Fails(_))), "it had been well");
        assert_eq!(said(&Coverage::default(), 0, (1, 1), 400), "fails");
    }
}
