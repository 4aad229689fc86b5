//! What trailnoti is about, as pure functions of (state, input, now). It does no IO, is never async and reads no
//! clock, so everything here can be tried with plain values. A test (`tests/it/tidy.rs`) holds it to that.
//!
//! An event comes in ([`event`]), is judged by rules and exclusions ([`judge`]), and becomes an alert
//! ([`alert`]) that waits in an outbox ([`outbox`]) and is rendered for a channel ([`render`]). What is read when
//! is decided by [`lanes`] and [`inventory`].

pub mod alert;
pub mod burst;
pub mod context;
mod court;
pub mod cursor;
pub mod daily;
pub mod decision;
pub mod event;
pub mod exclusion;
pub mod explain;
pub mod halves;
pub mod health;
pub mod hindsight;
pub mod instance;
pub mod instance_type;
pub mod inventory;
pub mod json;
pub mod judge;
pub mod lanes;
pub mod launch;
pub mod memory;
pub mod names;
pub mod near;
pub mod outbox;
pub mod pacer;
pub mod pattern;
pub mod prepared;
pub mod render;
pub mod report;
pub mod rule;
pub mod story;
pub mod stream;
pub mod text;
pub mod trial;
pub mod usage;
mod verdict;
