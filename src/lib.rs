//! trailnoti tells people within minutes that somebody else is using their AWS account.
//!
//! Two loops joined by one durable outbox: [`poll`] reads CloudTrail's event history and the instances of every
//! enabled region and commits what was judged; [`dispatch`] sends what waits through one sink. What they decide
//! is in [`domain`], which does nothing else. `ARCHITECTURE.md` has the picture, the invariants and two walks
//! through the house.
//!
//! In reading order: [`domain`], [`config`], [`store`], [`source`], [`sink`], [`poll`], [`dispatch`], [`app`]. A past
//! in files is read by [`files`] and judged in order by [`scan`].

pub mod domain;

pub mod config;
pub mod sink;
pub mod source;
pub mod store;

pub mod dispatch;
mod overview;
pub mod poll;

pub mod app;
pub mod clock;
pub mod files;
pub mod http;
pub mod metrics;
pub mod scan;
pub mod status;
pub mod supervisor;
pub mod systemd;
pub mod telemetry;

pub mod cli;
pub mod simulator;
