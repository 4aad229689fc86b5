//! What of CloudTrail's history is read next, and how fast. Owns streams, lanes and the pace; the reading is `source`'s.

pub mod cursor;
pub mod lanes;
pub mod pacer;
pub mod stream;
