//! Objects out of bytes: from log files (`{"Records": […]}`), the answers of `LookupEvents` (`{"Events": […]}`), what CloudWatch
//! Logs gives to subscribers (`{"logEvents": […]}`) and answers to `filter-log-events` (`{"events": […]}`), lists,
//! and objects one after the other. Owns that no input is held whole: what is in memory is one object, whatever the
//! input's size.

use std::borrow::Cow;
use std::io::Read;

use crate::domain::json::Json;

/// Larger than this is no event: CloudTrail's largest is 256 KB (CloudTrail user guide, "record contents"), or 1 MB in
/// newer versions.
const LARGEST: usize = 16 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// The members whose list is a file's content.
const LISTS: [&[u8]; 4] = [b"\"Records\"", b"\"Events\"", b"\"logEvents\"", b"\"events\""];

/// Whether objects that hold a list of events stand for these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwrap {
    /// A list is taken apart into its entries.
    Lists,
    /// Every object is an event by itself.
    Nothing,
}

/// What is no object, and how far into the input it stands.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read, or not unpacked.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// Something else stands where an object should.
    #[error("line {line}: {why}")]
    NoObject {
        /// The line of the unpacked input, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Between values.
    Top,
    /// In a list of the input itself.
    List,
    /// In the list of an object that only holds it.
    Wrapped,
}

/// Takes objects out of an input, one after the other.
pub struct Objects<R> {
    input: R,
    unwrap: Unwrap,
    buffer: Vec<u8>,
    /// What of the buffer is taken.
    taken: usize,
    /// Line breaks in what was dropped before the buffer.
    lines: u64,
    ended: bool,
    level: Level,
    /// Elements of an object that held a list behind its other members, the last first: places in the buffer.
    waiting: Vec<(usize, usize)>,
}

impl<R: Read> Objects<R> {
    /// Nothing is read yet.
    pub fn new(input: R, unwrap: Unwrap) -> Self {
        Objects {
            input,
            unwrap,
            buffer: Vec::with_capacity(CHUNK * 2),
            taken: 0,
            lines: 0,
            ended: false,
            level: Level::Top,
            waiting: Vec::new(),
        }
    }

    /// The next object's text; none at the end.
    ///
    /// # Errors
    /// What stands there instead. The rest of its line is passed over, and the next call goes on behind it.
    pub fn take(&mut self) -> Result<Option<&str>, Broken> {
        let place = match self.waiting.pop() {
            Some(place) => Some(place),
            None => self.find()?,
        };
        let Some((start, end)) = place else { return Ok(None) };
        std::str::from_utf8(&self.buffer[start..end]).map(Some).map_err(|error| {
            let before = memchr::memchr_iter(b'\n', &self.buffer[..start]).count() as u64;
            Broken::NoObject { line: self.lines + before + 1, why: format!("not UTF-8: {error}") }
        })
    }

    fn find(&mut self) -> Result<Option<(usize, usize)>, Broken> {
        loop {
            let Some(byte) = self.peek()? else {
                return if self.level == Level::Top {
                    Ok(None)
                } else {
                    self.broken("unterminated list (is the file cut off?)")
                };
            };
            match (byte, self.level) {
                (b',', Level::List | Level::Wrapped) => self.taken += 1,
                (b']', Level::List) => {
                    self.taken += 1;
                    self.level = Level::Top;
                }
                (b']', Level::Wrapped) => {
                    self.taken += 1;
                    self.level = Level::Top;
                    // What stands behind the list, such as `NextToken`, up to the end of the object.
                    self.taken = self.end_of_object(self.taken, 1)?;
                }
                (b'[', Level::Top) if self.unwrap == Unwrap::Lists => {
                    self.taken += 1;
                    self.level = Level::List;
                }
                (b'{', Level::Top) if self.unwrap == Unwrap::Lists && self.opens_a_list()? => {
                    self.level = Level::Wrapped;
                }
                (b'{', _) => {
                    let start = self.taken;
                    let end = self.end_of_object(start, 0)?;
                    // Reading on may have moved what was read.
                    let start = self.taken;
                    self.taken = end;
                    if self.level == Level::Top && self.unwrap == Unwrap::Lists {
                        self.waiting = list_in(&self.buffer[start..end]);
                        self.waiting.iter_mut().for_each(|place| *place = (start + place.0, start + place.1));
                        self.waiting.reverse();
                        if let Some(first) = self.waiting.pop() {
                            return Ok(Some(first));
                        }
                    }
                    return Ok(Some((start, end)));
                }
                (_, Level::List | Level::Wrapped) => return self.pass_over_a_value(),
                _ => return self.broken("expected a JSON object"),
            }
        }
    }

    fn line(&self) -> u64 {
        self.lines + memchr::memchr_iter(b'\n', &self.buffer[..self.taken]).count() as u64 + 1
    }

    fn broken<T>(&mut self, why: &str) -> Result<T, Broken> {
        let line = self.line();
        self.level = Level::Top;
        // The next line may be right again.
        loop {
            if let Some(line) = memchr::memchr(b'\n', &self.buffer[self.taken..]) {
                self.taken += line + 1;
                break;
            }
            self.taken = self.buffer.len();
            if !self.fill()? {
                break;
            }
        }
        Err(Broken::NoObject { line, why: why.to_owned() })
    }

    /// In a list, what is no object ends at the next comma or at the list's end.
    fn pass_over_a_value<T>(&mut self) -> Result<T, Broken> {
        let line = self.line();
        let (mut in_text, mut depth, mut escaped) = (false, 0u32, false);
        loop {
            while let Some(byte) = self.buffer.get(self.taken).copied() {
                match byte {
                    _ if std::mem::take(&mut escaped) => {}
                    b'\\' if in_text => escaped = true,
                    b'"' => in_text = !in_text,
                    _ if in_text => {}
                    b'[' => depth += 1,
                    b']' | b',' if depth == 0 => {
                        return Err(Broken::NoObject { line, why: "expected a JSON object".to_owned() });
                    }
                    b']' => depth -= 1,
                    _ => {}
                }
                self.taken += 1;
            }
            if !self.fill()? {
                return self.broken("unterminated list (is the file cut off?)");
            }
        }
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> Result<bool, Broken> {
        if self.ended {
            return Ok(false);
        }
        if self.taken > CHUNK {
            self.lines += memchr::memchr_iter(b'\n', &self.buffer[..self.taken]).count() as u64;
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = self.input.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(read) => self.ended = read == 0,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.ended = true;
                self.taken = self.buffer.len();
                self.level = Level::Top;
                return Err(error.into());
            }
        }
        Ok(!self.ended)
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            while let Some(byte) = self.buffer.get(self.taken) {
                // A byte order mark, and the record separator of JSON sequences, stand before objects too.
                if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x1E | 0xEF | 0xBB | 0xBF) {
                    return Ok(Some(*byte));
                }
                self.taken += 1;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Whether an object's first member is a list of events; the list is then entered.
    fn opens_a_list(&mut self) -> Result<bool, Broken> {
        // Enough for the name and some space.
        while self.buffer.len() - self.taken < 64 && self.fill()? {}
        let rest = skip_space(&self.buffer[self.taken + 1..]);
        let Some(rest) = LISTS.iter().find_map(|name| rest.strip_prefix(*name)) else { return Ok(false) };
        let Some(rest) = skip_space(rest).strip_prefix(b":") else { return Ok(false) };
        let Some(rest) = skip_space(rest).strip_prefix(b"[") else { return Ok(false) };
        self.taken = self.buffer.len() - rest.len();
        Ok(true)
    }

    /// Where an object ends that begins at `from`, or is `depth` deep there. `taken` is moved with what it marks.
    fn end_of_object(&mut self, from: usize, mut depth: usize) -> Result<usize, Broken> {
        // Kept as a distance: reading on moves the buffer.
        let mut ahead = from - self.taken;
        let mut in_text = false;
        loop {
            let at = self.taken + ahead;
            let rest = self.buffer.get(at..).unwrap_or_default();
            let found = if in_text {
                // A line break in a text is none of JSON: the object was cut off, and the next line may be whole.
                memchr::memchr3(b'"', b'\\', b'\n', rest)
            } else {
                memchr::memchr3(b'"', b'{', b'}', rest)
            };
            let Some(found) = found else {
                // What a backslash escapes may not be read yet.
                ahead = ahead.max(self.buffer.len() - self.taken);
                if ahead > LARGEST {
                    return self.broken("object larger than 16 MB");
                }
                if !self.fill()? {
                    return self.broken("unterminated object (is the file cut off?)");
                }
                continue;
            };
            ahead += found + 1;
            match rest[found] {
                b'\n' => return self.broken("unterminated string"),
                b'"' => in_text = !in_text,
                b'\\' => ahead += 1,
                b'{' => depth += 1,
                _ => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(self.taken + ahead);
                    }
                }
            }
        }
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_start()
}

/// The elements of the list of events that an object holds, if it holds one: places in its text.
fn list_in(object: &[u8]) -> Vec<(usize, usize)> {
    let holds = |name: &[u8]| memchr::memmem::find(object, name).is_some();
    if !LISTS.iter().any(|name| holds(name)) {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(object) else { return Vec::new() };
    crate::domain::json::elements_of(text, &["Records", "Events", "logEvents", "events"])
}

/// The record in an entry of `LookupEvents`' answer, or in a line of CloudWatch Logs (CloudWatch Logs user guide, "Real-time
/// processing of log data with subscriptions"), where it stands as text; the object itself otherwise.
pub fn inner_record(object: &str) -> Cow<'_, str> {
    let has = |name: &str| memchr::memmem::find(object.as_bytes(), name.as_bytes()).is_some();
    let member = match () {
        () if has("\"CloudTrailEvent\"") => "CloudTrailEvent",
        () if has("\"message\"") && has("\"timestamp\"") && !has("\"eventVersion\":") => "message",
        () => return object.into(),
    };
    let record = Json::parse(object).ok().and_then(|entry| entry.text(member).map(str::to_owned));
    record.map_or(object.into(), Cow::from)
}

/// What an object is that is no event and is found beside events, for who wonders: none where it may be one.
pub fn known_otherwise(object: &Json) -> Option<&'static str> {
    if object.get("digestSignatureAlgorithm").is_some() {
        return Some(
            "a digest of CloudTrail, which proves that log files were not changed, and holds no events",
        );
    }
    let control = object.text("messageType") == Some("CONTROL_MESSAGE");
    control.then_some("a control message of CloudWatch Logs, which holds no events")
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
