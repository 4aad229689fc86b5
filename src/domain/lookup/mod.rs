//! What of CloudTrail's history is read next, and how fast. Owns streams, lanes and the pace; the reading is `source`'s.

pub mod canary;
pub mod cursor;
pub mod flood;
pub mod follow;
pub mod lane;
pub mod lanes;
mod newest;
pub mod pacer;
pub mod quota;
pub mod stream;
pub mod sweep;
