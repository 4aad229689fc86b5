//! A page of the history that the SDK cannot decode as a whole. Owns reading it entry by entry, so that one entry hides no other;
//! what of an entry is no record is reported by who judges it.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::event::{Received, Unreadable};
use crate::domain::json::mend::mend;

/// The entries of an answer's body, each as far as it can be read, and where the next page begins; none where it is no page at all.
pub(super) fn page(body: &[u8]) -> Option<(Vec<Received>, Option<String>)> {
    let text = String::from_utf8_lossy(body);
    let text = mend(&text);
    let (entries, rest) = split(&text)?;
    let rest: Value = serde_json::from_str(&rest).ok()?;
    rest.get("Events")?;
    let next = rest.get("NextToken").and_then(Value::as_str).map(str::to_owned);
    Some((entries.into_iter().map(entry).collect(), next))
}

/// The objects of the array in the answer's object, and the answer without them.
fn split(text: &str) -> Option<(Vec<&str>, String)> {
    let (mut entries, mut rest) = (Vec::new(), String::new());
    let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
    let (mut begun, mut kept) = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ if inside => {}
            b'{' | b'[' => {
                depth += 1;
                if depth == 3 {
                    begun = at;
                    rest.push_str(text.get(kept..at)?);
                }
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 2 {
                    entries.push(text.get(begun..=at)?);
                    kept = at + 1;
                    // Its place in the list stays, so that the commas fit.
                    rest.push_str("null");
                }
            }
            _ => {}
        }
    }
    rest.push_str(text.get(kept..)?);
    (depth == 0 && !inside).then_some((entries, rest))
}

fn entry(text: &str) -> Received {
    let entry: Value = serde_json::from_str(text).unwrap_or_default();
    let said = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    // Whole seconds, as AWS gives them; a number with a fraction is cut.
    let time = entry.get("EventTime").and_then(Value::as_f64).filter(|time| time.is_finite());
    Received {
        time: time.and_then(|time| Timestamp::from_second(time as i64).ok()),
        id: said("EventId").unwrap_or_default(),
        name: said("EventName").unwrap_or_default(),
        record: said("CloudTrailEvent")
            .map(|record| mend(&record).into_owned())
            .ok_or(Unreadable::Missing("record")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_entry_hides_no_other() {
        let body = br#"{"Events":[
            {"EventId":"1","EventName":"StopLogging","EventTime":1704996177.0,"CloudTrailEvent":"{\"a\":1}"},
            {"EventId":"2","EventName":"Odd","EventTime":"yesterday","CloudTrailEvent":"\ud800"},
            {"EventId":,},
            {"EventId":"4","EventName":"Half","CloudTrailEvent":"{\"userAgent\":\"\\ud800\"}"}
        ],"NextToken":"more"}"#;
        let (events, next) = page(body).expect("a page");
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!((ids, next.as_deref()), (vec!["1", "2", "", "4"], Some("more")));
        assert_eq!(events[0].time.map(Timestamp::as_second), Some(1_704_996_177));
        assert_eq!(events[3].record.as_deref(), Ok("{\"userAgent\":\"\u{fffd}\"}"));
    }

    #[test]
    fn what_is_no_page_is_none() {
        for body in
            ["<html>not what you asked for", "{\"Events\":[{\"EventId\":\"1\"}", "{}", "[[[]]]", "}", ""]
        {
            assert!(page(body.as_bytes()).is_none(), "{body}");
        }
    }
}
