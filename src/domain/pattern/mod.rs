//! EventBridge patterns: which events one matches. `value` compares one value, `compiled` is a pattern
//! and `compile` reads one and names its mistakes, `trie` has the paths that patterns look at, `sheet` the event as they see
//! it, `search` what arrays demand, `set` matches many patterns at once, and `compare` one for who asks why.
//!
//! The semantics are those of EventBridge's own engine (aws/event-ruler), shown by its answers in the pattern
//! cases of the tests, with the exceptions that `ARCHITECTURE.md` names. An event is seen as a flat list of
//! (path, scalar); a pattern as alternatives (`$or`), each of which wants one fitting scalar for every path,
//! all from the same elements of the arrays that they share.

mod compare;
mod compile;
mod compiled;
#[cfg(test)]
mod naive;
mod problem;
mod search;
mod set;
mod sheet;
mod trie;
mod value;

#[cfg(test)]
mod tests;

pub use compare::Compared;
pub(crate) use compile::{did_you_mean, nearest};
pub use compiled::Pattern;
pub use problem::Problem;
pub use set::{Known, Set};
pub use sheet::{Laid, Sheet};
pub(crate) use value::Wildcard;
