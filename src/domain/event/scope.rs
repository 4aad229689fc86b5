//! What something is about: the program, an account, or a region of one. Owns that a thing without a place is said to be
//! without one, and never about an account that is called nothing.

/// What a batch, a report or a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope<'a> {
    /// What is trailnoti's own, and no account's.
    Program,
    /// An account, by its twelve digits.
    Account(&'a str),
    /// A region of an account.
    Region {
        /// The account's number, twelve digits.
        account: &'a str,
        /// The region's name, such as `eu-west-1`.
        region: &'a str,
    },
}

impl<'a> Scope<'a> {
    /// A region of an account.
    pub fn region_of(account: &'a str, region: &'a str) -> Self {
        Scope::Region { account, region }
    }

    /// The account's number, as keys and envelopes spell it: empty for the program.
    pub fn account(&self) -> &'a str {
        match self {
            Scope::Program => "",
            Scope::Account(account) | Scope::Region { account, .. } => account,
        }
    }

    /// The region's name, as keys and envelopes spell it: empty for all that is about none.
    pub fn region(&self) -> &'a str {
        match self {
            Scope::Region { region, .. } => region,
            _ => "",
        }
    }
}
