//! Where the state stands: bytes under keys, behind one trait that a disk answers and a network could. Owns what an engine
//! promises; what the bytes mean is `rows`'s, what belongs together `commit`'s.

mod disk;
mod in_memory;
mod interface;
mod parts;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod weather;

pub(super) use disk::Disk;
pub(super) use in_memory::InMemory;
pub use interface::Written;
pub(super) use interface::{Change, Engine, Row};
#[cfg(test)]
pub use weather::Weather;
