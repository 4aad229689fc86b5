//! trailnoti tells people within minutes that somebody else is using their AWS account.
//!
//! Two loops joined by one durable outbox: [`daemon::poll`] reads CloudTrail's event history and the instances of every
//! enabled region and commits what was judged; [`daemon::dispatch`] sends what waits through one sink. What they decide
//! is in [`domain`], which does nothing else. `ARCHITECTURE.md` has the picture, the invariants and two walks
//! through the house.
//!
//! In reading order: [`domain`], [`config`], [`store`], [`source`], [`sink`], [`daemon`], [`ops`]. A past in files is
//! read and judged in order by [`files`].

pub mod domain;

pub mod config;
pub mod files;
pub mod geo;
pub mod sink;
pub mod source;
pub mod store;

pub mod daemon;
pub mod ops;

pub mod clock;
pub mod supervisor;

pub mod cli;
pub mod simulator;
