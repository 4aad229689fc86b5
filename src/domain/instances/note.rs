//! What is said of an instance's story once, and is remembered so that it is not said again. Owns the names under which that
//! is kept.

use std::fmt;

/// Something that is said of a story once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// It was alerted on with both its halves, after one alone.
    BothHalves,
    /// Its launch was never found.
    NoLaunch,
    /// It was on no list.
    NeverSeen,
    /// It goes by the tags of this exclusion.
    Claimed(Claim, String),
}

/// What is odd about an instance that goes by an exclusion's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// The tags were never used in the region.
    Region,
    /// None of the exclusion's launchers launched it.
    Launcher,
    /// Its launcher never used them.
    Principal,
    /// A name that the exclusion leaves open, and that it never met.
    Value,
    /// They were added later; by whom is not known.
    Added,
    /// They were added later, by somebody who is known.
    AddedBy,
}

impl Claim {
    const ALL: [(Claim, &'static str); 6] = [
        (Claim::Region, "region"),
        (Claim::Launcher, "launcher"),
        (Claim::Principal, "principal"),
        (Claim::Value, "value"),
        (Claim::AddedBy, "added by"),
        (Claim::Added, "added"),
    ];
}

impl Claim {
    /// Its word, in the state and for rules.
    pub fn name(self) -> &'static str {
        Claim::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::BothHalves => f.write_str("both halves"),
            Note::NoLaunch => f.write_str("no launch"),
            Note::NeverSeen => f.write_str("never seen"),
            Note::Claimed(claim, exclusion) => {
                write!(f, "{} {exclusion}", claim.name())
            }
        }
    }
}

impl Note {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "both halves" => Some(Note::BothHalves),
            "no launch" => Some(Note::NoLaunch),
            "never seen" => Some(Note::NeverSeen),
            _ => Claim::ALL.iter().find_map(|(claim, name)| {
                let exclusion = text.strip_prefix(name)?.strip_prefix(' ')?;
                Some(Note::Claimed(*claim, exclusion.to_owned()))
            }),
        }
    }
}
