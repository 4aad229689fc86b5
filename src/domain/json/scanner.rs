//! Reading JSON text without building anything of it. Owns the grammar; what is wanted of it is the caller's.
//!
//! What it takes for JSON is what `Json::parse` takes (a property in its tests): what no rule looks at is passed
//! over at the speed of reading, and still has to be right.

/// Deeper than this is no event; `serde_json` refuses the same.
const DEPTH: u8 = 128;

/// The text is no JSON; `why_malformed` says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON")]
pub struct Malformed;

type Read<T> = Result<T, Malformed>;

/// A string's place in the text, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a> {
    /// As it is written.
    pub raw: &'a str,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Whether it holds escapes, so that its text must be read anew.
    pub escaped: bool,
}

impl Quoted<'_> {
    /// What is meant, where escapes stand.
    pub(crate) fn unescaped(&self) -> Read<String> {
        serde_json::from_str(&format!("\"{}\"", self.raw)).map_err(|_| Malformed)
    }
}

/// A place in a JSON text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner { text, bytes: text.as_bytes(), at: 0, depth: DEPTH }
    }

    /// The next byte that is no space.
    pub(crate) fn peek(&mut self) -> Read<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Malformed),
            }
        }
    }

    /// How far it was read, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Nothing is left but space.
    pub(crate) fn end(&mut self) -> Read<()> {
        if self.peek().is_err() { Ok(()) } else { Err(Malformed) }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek()? != byte {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self, byte: u8) -> Read<()> {
        self.expect(byte)?;
        self.depth -= 1;
        if self.depth == 0 { Err(Malformed) } else { Ok(()) }
    }

    /// Reads an object; `member` is called at each value and must read it.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, Quoted<'a>) -> Read<()>) -> Read<()> {
        self.enter(b'{')?;
        if self.peek()? != b'}' {
            loop {
                if self.peek()? != b'"' {
                    return Err(Malformed);
                }
                let name = self.string()?;
                self.expect(b':')?;
                member(self, name)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return Err(Malformed),
                }
            }
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// Reads a list; `item` is called at each value and must read it.
    pub(crate) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.enter(b'[')?;
        if self.peek()? != b']' {
            loop {
                item(self)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(Malformed),
                }
            }
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self) -> Read<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(|scanner, _| scanner.skip()),
            b'[' => self.array(Scanner::skip),
            _ => self.bare().map(|_| ()),
        }
    }

    /// Reads `null`, `true`, `false` or a number, as it is written.
    pub(crate) fn bare(&mut self) -> Read<&'a str> {
        let start = self.at;
        match self.peek()? {
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Ok(self.text[start..self.at].trim_start())
    }

    fn word(&mut self, word: &[u8]) -> Read<()> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Read<()> {
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Malformed),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(Malformed) } else { Ok(()) }
    }

    /// Reads a string, from its quote.
    pub(crate) fn string(&mut self) -> Read<Quoted<'a>> {
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
        loop {
            self.at = plain(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(Malformed),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Quoted { raw, start, escaped })
    }

    fn escape(&mut self) -> Read<()> {
        self.at += 2;
        match self.bytes.get(self.at - 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.hex()? {
                // Half a character is none: the other half must follow.
                0xDC00..=0xDFFF => Err(Malformed),
                0xD800..=0xDBFF => {
                    self.word(b"\\u")?;
                    if (0xDC00..=0xDFFF).contains(&self.hex()?) { Ok(()) } else { Err(Malformed) }
                }
                _ => Ok(()),
            },
            _ => Err(Malformed),
        }
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Malformed)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, digit| {
            char::from(*digit).to_digit(16).map(|digit| value * 16 + digit).ok_or(Malformed)
        })
    }
}

/// The objects in the list that stands under one of `names` at the top of an object: places in its text.
pub(crate) fn elements_of(text: &str, names: &[&str]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let read = Scanner::new(text).object(|scanner, name| {
        if !names.contains(&name.raw) || scanner.peek()? != b'[' {
            return scanner.skip();
        }
        scanner.array(|scanner| {
            let is_object = scanner.peek()? == b'{';
            let start = scanner.offset();
            scanner.skip()?;
            places.extend(is_object.then(|| (start, scanner.offset())));
            Ok(())
        })
    });
    if read.is_ok() { places } else { Vec::new() }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the next quote, backslash or control character stands, from `at` on. Eight bytes are looked at together.
fn plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C)) | control;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::json::Json;

    fn takes(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().and_then(|()| scanner.end()).is_ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_json_is_what_the_tree_takes_for_json(
            text in r#"([\[\]{}:," \\u0-9a-fA-FD8.eE+\-]|true|null|"[a-z\\"]{0,9}"|\\u[dD][89c-fC-F]00|\{"a":|[\u{0}-\u{20}]){0,24}"#
        ) {
            prop_assert_eq!(takes(&text), Json::parse(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn nesting_is_bounded_where_the_trees_is() {
        for depth in [10, 126, 127, 128, 129, 100_000] {
            let text = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(takes(&text), Json::parse(&text).is_ok(), "{depth}");
        }
    }
}
