//! A simulated AWS, behind the SDK's own `HttpClient`: real requests are built, signed, answered and parsed, and
//! no socket is opened, so that it runs on tokio's paused clock. Owns what AWS does; knows nothing of trailnoti.
//!
//! `trailnoti demo` and the tests both use it. What it does follows AWS's documented and measured behaviour, and
//! its own tests hold it to that; where nothing is known of AWS it can do either.
//!
//! Everything is scheduled: an event has a time it happened and a time it becomes visible, an instance a time for
//! each of its states, a region a time it is enabled. What AWS answers at a moment follows from that.

mod account;
mod cloudtrail;
mod connector;
mod ec2;
mod faults;
pub mod records;
mod state;
pub mod story;
mod sts;
mod trails;
mod wire;
mod world;

#[cfg(test)]
mod ec2_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trails_tests;

pub use account::{Account, DEFAULT_REGIONS, Launch, OPT_IN_REGIONS, Recorded};
pub use faults::{Fault, Trouble};
pub use trails::SimulatedTrail;
pub use wire::{Answer, Call, Made};
pub use world::World;
