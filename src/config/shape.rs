//! Which keys are asked for while a configuration is read, and what each may be. Owns the kinds of values; a schema is made of them by
//! `schema`.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a key may be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// `true` or `false`.
    Truth,
    /// A number from the least to the most.
    Number(f64, f64),
    /// `15s`, `1d 12h`.
    Duration,
    /// A list of texts; one text stands for a list of one.
    Texts,
    /// One of these.
    Choice(Vec<String>),
    /// Anything: a pattern, tags.
    Any,
    /// A table.
    Table,
    /// A list of tables.
    Tables,
}

/// The keys that were asked for, by their path without places in lists.
pub(crate) type Shape = RefCell<BTreeMap<String, Kind>>;

/// Notes what a key may be. What a key is in several tables of one name, it may be in each.
pub(super) fn note(shape: &Shape, path: &str, kind: Kind) {
    let mut plain = String::new();
    for part in path.split('[') {
        plain.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    shape.borrow_mut().entry(plain).or_insert(kind);
}
