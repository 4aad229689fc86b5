//! JSON text that is almost JSON. Owns what of it can be kept: halves of surrogate pairs, escapes that are none, raw control
//! characters; each becomes U+FFFD. Whether the rest is JSON is `Json::parse`'s.
//!
//! A caller of AWS chooses many texts of a record, and one of them must not hide the record that it is in.

use std::borrow::Cow;

use memchr::memmem;

/// The text with what no reader of JSON takes replaced, inside its strings alone. Text without such is as it was.
pub fn mend(text: &str) -> Cow<'_, str> {
    let doubtful =
        |text: &str| text.bytes().any(|byte| byte < 0x20) || memmem::find(text.as_bytes(), b"\\").is_some();
    if !doubtful(text) {
        return Cow::Borrowed(text);
    }
    let mut mended = String::with_capacity(text.len());
    let (mut changed, mut inside) = (false, false);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        match next {
            '"' => {
                inside = !inside;
                mended.push(next);
            }
            '\\' if inside => {
                let (length, kept) = escape(rest);
                taken = length;
                if kept {
                    mended.push_str(&rest[..length]);
                } else {
                    changed = true;
                    mended.push('\u{fffd}');
                }
            }
            control if inside && control < ' ' => {
                changed = true;
                mended.push('\u{fffd}');
            }
            other => mended.push(other),
        }
        rest = &rest[taken..];
    }
    if changed { Cow::Owned(mended) } else { Cow::Borrowed(text) }
}

/// The length of the escape that a text begins with, in bytes, and whether it is one.
fn escape(text: &str) -> (usize, bool) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    match text.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (2, true),
        Some(b'u') => match (unit(0), unit(6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, true),
            (Some(0xd800..=0xdfff), _) => (6, false),
            (Some(_), _) => (6, true),
            // What follows is text.
            (None, _) => (2, false),
        },
        _ => (1, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::Json;
    use proptest::prelude::*;

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        let text = r#"{"userAgent":"a\ud800b \udc00 \ud83d\ude00","eventName":"StopLogging"}"#;
        assert!(Json::parse(text).is_err());
        let json = Json::parse(&mend(text)).expect("JSON");
        assert_eq!(json.text("userAgent"), Some("a\u{fffd}b \u{fffd} 😀"));
        assert_eq!(json.text("eventName"), Some("StopLogging"));
    }

    #[test]
    fn escapes_that_are_none_and_raw_control_characters_are_replaced() {
        for text in ["{\"a\":\"x\u{1}y\"}", r#"{"a":"x\qy"}"#, r#"{"a":"x\u12"}"#, r#"{"a":"\ud800\"}"#] {
            let mended = mend(text);
            let closes = Json::parse(&mended).is_ok();
            assert!(closes || text.ends_with("\\\"}"), "{text:?} became {mended:?}");
        }
    }

    proptest! {
        #[test]
        fn json_stays_as_it_is(text in any::<String>()) {
            let json = Json::Object(vec![(text.clone(), Json::from(text.as_str()))]).to_string();
            prop_assert!(matches!(mend(&json), Cow::Borrowed(_)));
        }

        #[test]
        fn whatever_a_string_holds_it_is_readable(units in prop::collection::vec(any::<u16>(), 0..40)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text = format!("{{\"a\":\"{escapes}\"}}");
            prop_assert!(Json::parse(&mend(&text)).is_ok(), "{}", text);
        }
    }
}
