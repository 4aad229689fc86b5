pub mod domain;
pub mod config;
