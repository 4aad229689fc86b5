//! The languages in which trailnoti talks to people, and the words of each: what stands in messages beside the rules' own texts and
//! what comes from AWS. Owns that every language has every word, since one that lacks one does not build; which is said when is each
//! room's own. Commands, logs, JSON's member names and what AWS or the system answered stay in English.

mod english;
mod korean;
mod words;

#[cfg(test)]
mod tests;

pub use words::{Cause, Day, Made, State, Step, Unseen, Who, Words};

/// A language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// `en`.
    #[default]
    English,
    /// `ko`.
    Korean,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Korean];

    /// Its name in the configuration (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }

    /// Its words.
    pub fn words(self) -> &'static dyn Words {
        match self {
            Language::English => &english::English,
            Language::Korean => &korean::Korean,
        }
    }
}
