//! What happened in an incident: a beat for each kind of alert in each region. Owns which are kept where there are too many: the most
//! urgent, so that nobody pushes what he must hide out of the story by names that he invents.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::incident::told::Told;
use crate::domain::severity::Severity;

/// So many beats are kept; what is more is counted.
pub const TIMELINE: usize = 200;

/// One alert in the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// When it happened.
    pub time: Timestamp,
    /// How urgent.
    pub severity: Severity,
    /// What happened, in one line.
    pub title: String,
    /// Where.
    pub region: String,
    /// How often the same happened there.
    pub times: u64,
}

impl Beat {
    /// Of an alert.
    pub(super) fn of(told: &Told<'_>) -> Self {
        let (title, region) = (told.title.to_owned(), told.region.to_owned());
        Beat { time: told.time, severity: told.severity, title, region, times: 1 }
    }
}

/// Takes a beat in; true where nothing like it was there, and it is kept. How many alerts found no room is counted in `beyond`.
pub(super) fn take(timeline: &mut Vec<Beat>, beyond: &mut u64, beat: Beat) -> bool {
    let alike = |known: &&mut Beat| known.title == beat.title && known.region == beat.region;
    if let Some(known) = timeline.iter_mut().rev().find(alike) {
        known.times += beat.times;
        known.severity = known.severity.max(beat.severity);
        return false;
    }
    if timeline.len() < TIMELINE {
        timeline.push(beat);
        return true;
    }
    let least = timeline.iter().enumerate().min_by_key(|(_, known)| (known.severity, Reverse(known.time)));
    match least.map(|(at, known)| (at, known.severity)) {
        Some((at, severity)) if severity < beat.severity => {
            *beyond += timeline.remove(at).times;
            timeline.push(beat);
            true
        }
        _ => {
            *beyond += beat.times;
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(n: i64, severity: Severity) -> Beat {
        let time = Timestamp::from_second(n).expect("a time");
        Beat { time, severity, title: format!("beat {n}"), region: "us-east-1".to_owned(), times: 1 }
    }

    /// A thief invented two hundred names, and then stopped the trail.
    #[test]
    fn what_is_urgent_has_room_in_a_story_that_is_full_of_invented_names() {
        let (mut timeline, mut beyond) = (Vec::new(), 0);
        for n in 0..250 {
            assert_eq!(take(&mut timeline, &mut beyond, beat(n, Severity::Medium)), n < 200);
        }
        assert!(take(&mut timeline, &mut beyond, beat(300, Severity::Critical)));
        assert!(!take(&mut timeline, &mut beyond, beat(301, Severity::Low)));
        assert_eq!((timeline.len(), beyond), (TIMELINE, 52));
        assert!(timeline.iter().any(|beat| beat.title == "beat 300"));
        assert!(
            !timeline.iter().any(|beat| beat.title == "beat 199"),
            "the last of the least urgent made room"
        );
        assert!(!take(&mut timeline, &mut beyond, beat(300, Severity::Low)), "it is there");
        assert_eq!(timeline.last().map(|beat| (beat.times, beat.severity)), Some((2, Severity::Critical)));
    }
}
