//! The loops that watch an account: which regions it has, what CloudTrail recorded, which instances there are. Owns the
//! order of asking, judging and waiting; each decision is the domain's.

pub mod account;
mod cloudtrail;
mod ec2;
mod pressure;
mod read_health;
