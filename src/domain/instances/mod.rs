//! Instances: what is there, how each came to be, and which of them are nobody's business.

pub mod claim;
pub mod exclusion;
pub mod explain;
pub mod glob;
pub mod inventory;
pub mod note;
pub mod stories;
pub mod story;
pub mod usage;
