//! Events in files: where they are, and what stands in them. Owns folders, gzip, and taking objects out of bytes; what an
//! object means is the domain's.

mod inputs;
mod objects;
pub mod scan;

pub use inputs::{Input, find};
pub use objects::{Broken, Objects, Unwrap, inner_record, known_otherwise};
