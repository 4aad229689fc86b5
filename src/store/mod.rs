//! The state, and the only place that writes it. Owns what is kept, under which keys, and that what belongs together is
//! written together; deciding is the domain's. Where the bytes stand is an `engine`'s: sled's on the disk, or memory's.
//!
//! # What is kept
//!
//! One tree, its keys in one order (`\0` ends a text inside a key):
//!
//! | key | value |
//! | --- | --- |
//! | `b` | when the state was begun; always there |
//! | `c` account `\0` region `\0` lane | how far the lane has come |
//! | `s` account `\0` second, chunk | up to 64 ids of 16 bytes that were judged in that second |
//! | `k` account `\0` region | the region was enabled when they were last listed |
//! | `l` account | when its regions were last listed |
//! | `r` account `\0` region | the region's instances are known: a baseline was taken |
//! | `i` account `\0` region `\0` instance | its story: as last listed, who launched it, alerts that wait for a half |
//! | `o` sink `\0` urgency, seq | an alert that waits for that sink |
//! | `g` sink `\0` group | what was last sent of the group |
//! | `w` sink | nothing goes to the sink before that time |
//! | `d` sink `\0` seq | an alert that the sink refused for good |
//! | `h` subject | it was reported that the subject fails, since then |
//! | `x` account `\0` exclusion | how often it hid something there, who used its tags, and where |
//! | `m` account `\0` kind, bucket | what it did before: 15 bytes made of each value, when it was seen first and last |
//! | `q` account `\0` rule and values | what a rule with a threshold has counted |
//! | `a` place | an alert and what became of it: the last 500, and fewer of a storm |
//! | `f` id | an incident |
//! | `e` account `\0` region | under which rules its history was read, and what came meanwhile was judged |
//! | `v` account `\0` region | since when the region is watched, and what of it was not read in time |
//! | `n` | the last starts after which there was no orderly end |
//! | `t` account | what was alerted on, hidden and missed since the last daily summary |
//! | `y` | when that was |
//! | `z` | when the state was lost, if it was |
//! | `p` key, chunk | a part of a value that is longer than 3 KiB |
//!
//! What several accounts would read, change and write is kept for each by itself: whoever judges an account holds its lock,
//! and no row has two who write it.
//!
//! # A crash
//!
//! A commit is one batch, which recovers whole or not at all, and never without those before it. It lasts once it is
//! settled: on the disk `flush` and `sync_data`, since sled's flush alone does not reach the disk before a power loss
//! (`ARCHITECTURE.md`, "The store"). Nobody holds an account's lock meanwhile, those who wait share one flush, and an alert
//! is not shown to its sink before. Commits that carry only cursors are not waited for: a lost cursor is read again.
//!
//! # A full disk
//!
//! The handle's errors are sticky, so the engine keeps what it cannot write in memory, lays it over what it
//! reads, and writes it to a new handle once there is space. Meanwhile alerts go out although they are not
//! durable; the cursors on disk stay behind, so a crash then repeats alerts and loses none.
//!
//! # Versions
//!
//! 1 kept `m`, `q`, `x` and `t` for all accounts together; they are learned again from the history when it is opened.

mod alert_log;
mod alert_row;
mod checkpoint;
mod commit;
mod engine;
mod error;
mod memory;
mod outbox;
mod overflow;
mod pending;
mod progress;
mod recovery;
mod rows;
mod state;
mod story;
mod tally;

#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;

pub use commit::Commit;
#[cfg(test)]
pub use engine::Weather;
pub use engine::Written;
pub use error::{SCHEMA, StoreError};
pub use recovery::Opened;
pub use state::Store;
