//! A storm: more alerts than anybody reads one by one. Owns which of them are shown and which are counted, so that a thief's noise
//! buries nothing and is over when it is over; each rule, principal, region and severity of it is named.

use std::collections::BTreeMap;

use crate::domain::severity::Severity;

/// From so many on that wait for one sink, alike ones are counted.
const STORM: usize = 200;
/// So many of a kind are shown; of a great storm one, so that its kinds are said in a few messages.
const EXAMPLES: usize = 3;
const GREAT: usize = 1000;

/// What makes two alerts alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The rule's id.
    pub rule: String,
    /// Who did it.
    pub principal: String,
    /// Where it happened.
    pub region: String,
    /// How urgent it is.
    pub severity: Severity,
}

/// An alert that is only counted, beside one that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Like {
    /// Its place in the order of writing.
    pub seq: u64,
    /// Its id.
    pub id: String,
}

/// What becomes of an alert that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is shown.
    Shown,
    /// It is counted beside the one that was shown as this number.
    Beside(usize),
}

/// The alerts that wait for one sink, as they are gone through.
#[derive(Debug, Default)]
pub struct Storm {
    is_one: bool,
    examples: usize,
    shown: usize,
    kinds: BTreeMap<Kind, (usize, usize)>,
}

impl Storm {
    /// Of so many alerts that wait.
    pub fn of(waiting: usize) -> Self {
        let examples = if waiting > GREAT { 1 } else { EXAMPLES };
        Storm { is_one: waiting > STORM, examples, ..Storm::default() }
    }

    /// Whether there are so many.
    pub fn is_one(&self) -> bool {
        self.is_one
    }

    /// What becomes of the next one; the first of each kind are shown.
    pub fn place(&mut self, kind: Kind) -> Place {
        if self.is_one {
            // The first carries them: it is what a message takes first, whatever room that has.
            let (times, first) = self.kinds.entry(kind).or_insert((0, self.shown));
            if *times >= self.examples {
                return Place::Beside(*first);
            }
            *times += 1;
        }
        self.shown += 1;
        Place::Shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(principal: &str) -> Kind {
        let text = str::to_owned;
        Kind {
            rule: text("r"),
            principal: text(principal),
            region: text("eu-west-1"),
            severity: Severity::Critical,
        }
    }

    #[test]
    fn of_a_storm_each_kind_is_shown_and_the_rest_is_counted() {
        let mut great = Storm::of(1001);
        assert_eq!(
            [great.place(kind("noise")), great.place(kind("noise"))],
            [Place::Shown, Place::Beside(0)]
        );
        let mut storm = Storm::of(1000);
        let noise: Vec<Place> = (0..10).map(|_| storm.place(kind("noise"))).collect();
        assert_eq!(noise[..3], [Place::Shown; 3]);
        assert_eq!(noise[3..], [Place::Beside(0); 7]);
        assert_eq!(storm.place(kind("thief")), Place::Shown);
        assert_eq!(storm.place(kind("noise")), Place::Beside(0));
    }

    #[test]
    fn a_few_are_all_shown() {
        let mut storm = Storm::of(200);
        assert!((0..200).all(|_| storm.place(kind("ci")) == Place::Shown));
    }
}
