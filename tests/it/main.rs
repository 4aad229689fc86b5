//! Everything is tried here from the outside: the real program over a simulated account, or over real sockets.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")]
#![allow(clippy::disallowed_methods, reason = "processes and servers live in real time, beside the daemon")]

mod cli;
mod clocks;
mod conversations;
mod coverage;
mod crash;
mod dark;
mod doctor;
mod fates;
mod floods;
mod follow;
mod habits;
mod heartbeat;
mod incidents;
mod learning;
mod local;
mod newcomer;
mod own;
mod process;
mod recall;
mod recipes;
mod records;
mod reliability;
mod routes;
mod scenarios;
mod servers;
mod services;
mod silences;
mod sinks;
mod starts;
mod stories;
mod tidy;
mod trying;
mod words;
mod world;
