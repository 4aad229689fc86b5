//! What is said to people: an alert, the message that carries it, and how it looks in each channel. Sending is `sink`'s.

pub mod alert;
pub mod answer;
mod because;
pub mod message;
pub mod outbox;
pub mod overflow;
pub mod render;
pub mod route;
pub mod storm;
