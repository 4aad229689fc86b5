//! A pattern, a zero byte, an event: nothing that they hold may make the engine fall over, and what one pattern says may
//! not depend on another in its set. What the scanner takes for JSON is what the tree takes for it.

#![no_main]
#![allow(dead_code, missing_docs, unreachable_pub, unused_imports, reason = "the sources have more than is fuzzed")]

#[path = "../../src/domain/mod.rs"]
mod domain;

use domain::json::Json;
use domain::pattern::{Known, Pattern, Set, Sheet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((pattern, event)) = text.split_once('\0') else { return };
    let other = Json::parse(r#"{"a":[{"exists":false}],"b":{"c":["x",1]}}"#).expect("JSON");
    let other = Pattern::compile(&other).expect("a pattern");
    let Ok(pattern) = Json::parse(pattern) else { return };
    let Ok(pattern) = Pattern::compile(&pattern) else { return };
    let mut verdicts = Vec::new();
    for patterns in [vec![&pattern], vec![&pattern, &other]] {
        let set = Set::new(patterns, &["detail.eventName"]);
        let (mut sheet, mut matched) = (Sheet::default(), Vec::new());
        let laid = set.lay(&mut sheet, event);
        assert_eq!(laid.is_ok(), Json::parse(event).is_ok(), "{event}");
        let Ok(laid) = laid else { return };
        set.matching(&laid, Known::All, &mut matched);
        verdicts.push(matched.contains(&0));
    }
    assert_eq!(verdicts[0], verdicts[1]);
});
