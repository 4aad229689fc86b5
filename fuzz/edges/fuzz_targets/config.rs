//! A configuration, whatever stands in it: it is right, or every mistake has a place, and no secret stands in one.

#![no_main]
#![allow(missing_docs, reason = "a fuzz target")]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use trailnoti::config::Config;

fuzz_target!(|text: &str| {
    if let Err(problems) = Config::parse("trailnoti.toml", text, None, BTreeMap::new()) {
        assert!(!problems.to_string().is_empty());
    }
});
