//! What is looked for: a rule and its meaning, what it remembers and counts, which fields it can name, and how near an
//! event comes to it. Where rules are read from is `config`'s, and what becomes of an alert is `judge`'s.

pub mod field_names;
pub mod memory;
pub mod nearest;
pub mod never_fits;
pub mod recollection;
pub mod rule;
pub mod threshold;
pub mod token;
pub mod traits;
