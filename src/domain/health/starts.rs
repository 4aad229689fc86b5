//! Starts after which there was no orderly end. Owns when they are so many that something in what is read may be the reason, and
//! it is read in smaller parts: a page that takes all memory would otherwise be read, and end the process, for ever.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::time::later;

/// Starts that are further apart than this have nothing to do with each other.
const WITHIN: Duration = Duration::from_secs(15 * 60);
/// So many deaths in this time are one too many.
const DEATHS: usize = 2;

/// The starts that count, this one included: `before` are those without an orderly end.
pub fn with_this(before: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    let mut starts: Vec<Timestamp> =
        before.iter().copied().filter(|start| *start <= now && now < later(*start, WITHIN)).collect();
    starts.push(now);
    starts
}

/// How often the process died just before this start, where that is too often.
pub fn deaths(starts: &[Timestamp]) -> Option<usize> {
    Some(starts.len().saturating_sub(1)).filter(|deaths| *deaths >= DEATHS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).expect("a time")
    }

    #[test]
    fn two_deaths_within_a_quarter_of_an_hour_are_too_many() {
        let mut starts = Vec::new();
        let mut found = Vec::new();
        for minute in [0, 20, 21, 22, 40, 54] {
            starts = with_this(&starts, at(minute));
            found.push(deaths(&starts));
        }
        assert_eq!(found, [None, None, None, Some(2), None, None]);
        assert_eq!(with_this(&[at(9)], at(0)), [at(0)], "a clock that was set back");
    }
}
