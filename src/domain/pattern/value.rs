//! One value of an event against one condition of a pattern. Owns texts, numbers and addresses; knows nothing
//! of paths and arrays.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::domain::json::Json;

/// A value of an event that is neither an object nor an array.
#[derive(Debug, Clone)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    pub(super) fn of(value: &'a Json) -> Option<Self> {
        match value {
            Json::Null => Some(Scalar::Null),
            Json::Bool(truth) => Some(Scalar::Bool(*truth)),
            Json::Number(number) => Some(Scalar::Number(number.as_str())),
            Json::String(text) => Some(Scalar::Text(text)),
            Json::Array(_) | Json::Object(_) => None,
        }
    }
}

/// The value of a number, unless a double would change it: EventBridge's engine compares only those, and
/// knows others by their spelling alone.
pub(super) fn comparable(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    (decimal(text) == decimal(&format!("{value:e}"))).then_some(value)
}

/// A decimal number as (negative, digits without zeros at either end, exponent), so that spellings compare.
fn decimal(text: &str) -> (bool, String, i64) {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 2);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - trimmed.len()).unwrap_or(0);
    let significant = trimmed.trim_start_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let exponent = exponent - i64::try_from(fraction.len()).unwrap_or(0) + dropped;
    (negative, significant.to_owned(), exponent)
}

/// Whether a number of an event is spelled as one of a pattern, whose exponent serde_json wrote as `e+5`.
fn is_spelled(number: &str, text: &str) -> bool {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return number == text };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    text.split_once('e').is_some_and(|(wanted, rest)| {
        wanted == mantissa && rest.strip_prefix(sign).is_some_and(|rest| rest == exponent)
    })
}

/// One condition of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Want {
    Null,
    Bool(bool),
    Text(String),
    /// A text that spells an IP address: it equals every spelling of that address.
    Address(String, IpAddr),
    Number {
        text: String,
        value: Option<f64>,
    },
    Prefix(String),
    Suffix(String),
    IgnoreCase(Folded),
    PrefixIgnoreCase(Folded),
    SuffixIgnoreCase(Folded),
    Wildcard(Wildcard),
    Range {
        low: Option<(f64, bool)>,
        high: Option<(f64, bool)>,
    },
    Network(IpNet),
    Present,
    Absent,
    /// `anything-but`: fits whatever fits none of these.
    None(Vec<Want>),
}

impl Want {
    pub(super) fn fits(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Want::None(unwanted), value) => !unwanted.iter().any(|want| want.fits(value)),
            (Want::Present, _) => true,
            (Want::Null, Scalar::Null) => true,
            (Want::Bool(want), Scalar::Bool(truth)) => want == truth,
            (Want::Number { text, value }, Scalar::Number(number)) => {
                is_spelled(number, text) || (value.is_some() && *value == comparable(number))
            }
            (Want::Range { low, high }, Scalar::Number(number)) => comparable(number).is_some_and(|n| {
                low.is_none_or(|(bound, inclusive)| n > bound || (inclusive && n == bound))
                    && high.is_none_or(|(bound, inclusive)| n < bound || (inclusive && n == bound))
            }),
            (want, Scalar::Text(text)) => want.fits_text(text),
            _ => false,
        }
    }

    fn fits_text(&self, text: &str) -> bool {
        match self {
            Want::Text(want) => want == text,
            Want::Address(want, address) => want == text || parse_address(text) == Some(*address),
            Want::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Want::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Want::IgnoreCase(folded) => folded.prefixes(text).contains(&text.len()),
            Want::PrefixIgnoreCase(folded) => !folded.prefixes(text).is_empty(),
            Want::SuffixIgnoreCase(folded) => text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| folded.prefixes(&text[at..]).contains(&(text.len() - at))),
            Want::Wildcard(wildcard) => wildcard.matches(text),
            Want::Network(network) => parse_address(text).is_some_and(|address| network.contains(&address)),
            _ => false,
        }
    }

    /// The text that this wants, if nothing but that very text fits.
    pub(super) fn only_text(&self) -> Option<&str> {
        match self {
            Want::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn exact_text(&self) -> Option<&str> {
        match self {
            Want::Text(text) | Want::Address(text, _) => Some(text),
            _ => None,
        }
    }
}

/// A text whose letters fit in either case, letter by letter: `ß` fits `SS`, `SS` does not fit `ß`. That is
/// how EventBridge's engine folds.
#[derive(Debug, Clone)]
pub(super) struct Folded(Vec<[String; 3]>);

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        Folded(
            text.chars()
                .map(|c| [c.to_string(), c.to_lowercase().collect(), c.to_uppercase().collect()])
                .collect(),
        )
    }

    /// The lengths of the beginnings of `text` that fit: one as a rule, none, or several where a letter's cases
    /// differ in length.
    fn prefixes(&self, text: &str) -> Vec<usize> {
        let mut ends = vec![0];
        for letter in &self.0 {
            let mut next: Vec<usize> = ends
                .iter()
                .flat_map(|&at| {
                    letter
                        .iter()
                        .filter(move |case| text[at..].starts_with(case.as_str()))
                        .map(move |c| at + c.len())
                })
                .collect();
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        ends
    }
}

/// A text with `*` for any number of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// The literal pieces between the stars; always at least one.
    pieces: Vec<String>,
}

impl Wildcard {
    /// Reads EventBridge's wildcard syntax: `*`, with `\*` and `\\` for the characters themselves.
    ///
    /// # Errors
    /// What is wrong and where, for two stars in a row or another escape.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().enumerate().peekable();
        let mut starred = false;
        while let Some((at, c)) = chars.next() {
            let literal = match c {
                '*' if starred => {
                    return Err(format!("two `*` in a row at character {}: write one", at + 1));
                }
                '*' => {
                    pieces.push(String::new());
                    starred = true;
                    continue;
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('*' | '\\'))) => escaped,
                    _ => {
                        return Err(format!(
                            "`\\` at character {} escapes neither `*` nor `\\`: write `\\\\` for a backslash",
                            at + 1
                        ));
                    }
                },
                other => other,
            };
            starred = false;
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        Ok(Wildcard { pieces })
    }

    /// Whether the whole text fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        for piece in middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        true
    }
}

/// An IP address as EventBridge reads it: zeros may lead a part of an IPv4 address, and an IPv4 address inside
/// an IPv6 one is that IPv4 address. No zone, no brackets, no port.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(v6).to_canonical());
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=3).contains(&part.len()))?;
        *octet = part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| IpAddr::V4(Ipv4Addr::from(octets)))
}
