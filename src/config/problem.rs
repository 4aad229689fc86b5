//! What is wrong with the configuration: each with its place, and what would be right. Owns how a problem reads.

use std::fmt;

/// A place in a configuration: a file, a line, a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, or the environment variable.
    pub file: String,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// The dotted path of the key.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() && !self.file.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.path)
    }
}

/// One mistake in a configuration, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which region.
    pub place: Place,
    /// What is wrong and what would be right; never a secret's value.
    pub message: String,
    /// It is not the text that is wrong, but who may read a secret.
    pub exposes_secret: bool,
}

impl Problem {
    /// A mistake in the text.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Problem { place, message: message.into(), exposes_secret: false }
    }

    /// Whether it is about a secret, or about the file that holds one.
    pub fn is_of_a_secret(&self) -> bool {
        self.exposes_secret || self.place.path.ends_with("_file")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if place.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{place}: {}", self.message)
    }
}

/// Everything that is wrong, to be shown one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
