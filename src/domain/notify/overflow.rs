//! More alerts than there is room for. Owns which of those that wait for a sink become a count, so that neither a sink that is down
//! for weeks nor a flood fills the disk: the oldest of the least urgent first, and nothing that is high or critical.

use std::collections::BTreeMap;

use crate::domain::severity::Severity;

/// So many alerts may wait for a sink, each by itself.
pub const ROOM: usize = 10_000;
/// So many are left by themselves once there were more, so that not every alert asks for room.
const LEFT: usize = 9_000;

/// What may become a count, in this order.
pub const MAY_BE_COUNTED: [Severity; 3] = [Severity::Info, Severity::Low, Severity::Medium];

/// How many of those that wait are too many.
pub fn excess(waiting: usize) -> usize {
    if waiting > ROOM { waiting - LEFT } else { 0 }
}

/// Whether so few wait that there is room again.
pub fn is_over(waiting: usize) -> bool {
    waiting <= ROOM / 2
}

/// Which alerts become a count, and beside which one: places in what was given, the oldest first. The oldest of each kind stays.
pub fn fold<K: Ord>(waiting: impl IntoIterator<Item = K>, excess: usize) -> Vec<(usize, usize)> {
    let mut first: BTreeMap<K, usize> = BTreeMap::new();
    let mut folded = Vec::new();
    for (at, kind) in waiting.into_iter().enumerate() {
        if folded.len() == excess {
            break;
        }
        let kept = *first.entry(kind).or_insert(at);
        if kept != at {
            folded.push((at, kept));
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_a_kind_stays_and_the_next_oldest_are_counted_beside_it() {
        assert_eq!(fold(["a", "b", "a", "a", "c", "b", "a"], 3), [(2, 0), (3, 0), (5, 1)]);
        assert_eq!(fold(["a", "b", "c"], 3), []);
    }

    #[test]
    fn room_is_made_at_once_and_seldom() {
        assert_eq!((excess(ROOM), excess(ROOM + 1)), (0, 1_001));
        assert!(is_over(5_000) && !is_over(LEFT));
    }
}
