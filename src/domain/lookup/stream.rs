//! Which parts of CloudTrail's history are read. Owns what follows from the rules: writes are always read, and
//! of the reads (99.7 % of a quiet account's records) only those that a rule names.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::event::reads::is_read;
use crate::domain::json::Json;
use crate::domain::rules::rule::{FOLLOWED, Rules};

/// One part of the history: `LookupEvents` takes a single attribute (CloudTrail API reference).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Everything that changes something: `ReadOnly=false`.
    Writes,
    /// The calls of one name: `EventName=…`.
    Name(String),
    /// The calls to one service: `EventSource=…`.
    Source(String),
    /// The calls of one user: `Username=…`.
    User(String),
    /// The calls that one access key signed: `AccessKeyId=…`.
    Key(String),
}

impl Stream {
    /// The attribute's key and value, as `LookupEvents` takes them.
    pub fn attribute(&self) -> (&'static str, &str) {
        match self {
            Stream::Writes => ("ReadOnly", "false"),
            Stream::Name(name) => ("EventName", name),
            Stream::Source(source) => ("EventSource", source),
            Stream::User(user) => ("Username", user),
            Stream::Key(key) => ("AccessKeyId", key),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, value) = self.attribute();
        write!(f, "{key}={value}")
    }
}

/// What must be read so that every rule sees its events, and the rules of which only writes will be seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// In a stable order; [`Stream::Writes`] first.
    pub streams: Vec<Stream>,
    /// Rules that could match reads but do not say which.
    pub writes_only: Vec<String>,
}

/// Derives the streams from the rules.
pub fn derive(rules: &Rules) -> Streams {
    let mut streams = BTreeSet::from([Stream::Writes]);
    let mut writes_only = Vec::new();
    // Suspects' calls are read by who they are.
    for rule in rules.iter().filter(|rule| rule.pattern.paths().all(|path| path != FOLLOWED)) {
        let pattern = &rule.pattern;
        let names = pattern.exact_texts("detail.eventName");
        let sources = pattern.exact_texts("detail.eventSource");
        let own = pattern.exact_texts("source");
        let reading = pattern.admits("detail.readOnly", &Json::Bool(true));
        let recorded = pattern.paths().any(|path| path.starts_with("detail.") && path != "detail.state");
        let mut open = false;
        for (((names, sources), own), reading) in names.into_iter().zip(sources).zip(own).zip(reading) {
            let observed = own.is_some_and(|own| own.iter().all(|source| *source == "trailnoti"));
            match (names, sources) {
                _ if !reading || observed => {}
                (Some(names), _) => {
                    streams
                        .extend(names.into_iter().filter(|n| is_read(n)).map(|n| Stream::Name(n.to_owned())));
                }
                (None, Some(sources)) => {
                    streams.extend(sources.into_iter().map(|source| Stream::Source(source.to_owned())));
                }
                (None, None) => open = recorded,
            }
        }
        if open {
            writes_only.push(rule.id.clone());
        }
    }
    Streams { streams: streams.into_iter().collect(), writes_only }
}
