//! Everything is tried here from the outside: the real program over a simulated account, or over real sockets.

mod cli;
mod crash;
mod process;
mod records;
mod reliability;
mod scenarios;
mod servers;
mod sinks;
mod tidy;
mod world;
