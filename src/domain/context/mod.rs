//! Facts beside an event: what its record means, and how it compares with the account's past. They stand under
//! `context` in the envelope, where patterns can use them. `catalogue` names them, `facts` finds them once, `envelope` is the event with
//! them; the others each own one fact.

pub mod arn;
mod asked;
mod catalogue;
pub(crate) mod counted;
pub mod effect;
pub mod envelope;
pub mod facts;
mod grants;
pub mod launch;
mod manner;
pub mod network;
pub mod own;
pub mod past;
pub mod principal;
pub mod tool;

#[cfg(test)]
mod tests;

pub use catalogue::FACTS;
pub use envelope::{Envelope, InContext};
pub use past::{Habit, Past};
