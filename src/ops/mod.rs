//! What the daemon shows of itself to who runs it: is it alive and ready, its numbers, its log, and what systemd hears.

mod connections;
pub mod http;
pub mod limits;
pub mod metrics;
pub mod page;
pub mod status;
pub mod systemd;
pub mod telemetry;
pub mod web;
