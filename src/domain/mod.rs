//! What trailnoti is about, as pure functions of (state, input, now). It does no IO, is never async and reads no
//! clock, so everything here can be tried with plain values. A test (`tests/it/tidy.rs`) holds it to that.
//!
//! The rooms stand in the order in which they are built: each knows only what is above it in this list.

pub mod json;
pub mod retry;
pub mod severity;
pub mod text;
pub mod time;

pub mod language;

pub mod event;
pub mod pattern;

pub mod context;
pub mod rules;

pub mod lookup;

pub mod incident;
pub mod notify;

pub mod instances;

pub mod health;

pub mod judge;

pub mod replay;

pub mod trails;
