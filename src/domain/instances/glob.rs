//! Texts with `*`, as exclusions are written with. Owns how far a `*` reaches: in an ARN it stops at `:` and `/`, so that a role of
//! another path, or a session of another role, is not what was meant.

use crate::domain::pattern::Wildcard;

/// A text with `*` for any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    wildcard: Wildcard,
    /// Of an ARN, each part between `:` and `/`.
    parts: Option<Vec<Wildcard>>,
}

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = parts(text).map(|parts| parts.into_iter().map(Wildcard::parse).collect());
        Ok(Glob { text: text.to_owned(), wildcard: Wildcard::parse(text)?, parts: parts.transpose()? })
    }

    /// Whether the whole text fits; an ARN part by part.
    pub fn matches(&self, text: &str) -> bool {
        match (&self.parts, parts(text)) {
            (Some(wanted), Some(parts)) => {
                wanted.len() == parts.len() && wanted.iter().zip(parts).all(|(want, part)| want.matches(part))
            }
            (None, None) => self.wildcard.matches(text),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name is left open in it that whoever makes the thing chooses; an account's number is not chosen.
    pub fn is_open(&self) -> bool {
        let mut parts = parts(&self.text).unwrap_or(vec![&self.text]);
        if parts.len() > ACCOUNT {
            parts.remove(ACCOUNT);
        }
        parts.iter().any(|part| part.contains('*'))
    }

    /// Whether it begins with a name, and does not fit whatever comes.
    pub fn names_something(&self) -> bool {
        !self.text.starts_with('*')
    }
}

/// The place of the account among an ARN's parts.
const ACCOUNT: usize = 4;

/// The parts of an ARN, between `:` and `/`; none of another text.
fn parts(text: &str) -> Option<Vec<&str>> {
    text.starts_with("arn:").then(|| {
        let mut head = text.splitn(6, ':');
        let mut parts: Vec<&str> = head.by_ref().take(5).collect();
        parts.extend(head.next().unwrap_or_default().split(['/', ':']));
        parts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_an_arn_stops_at_its_parts() {
        let fits = |glob: &str, text: &str| Glob::parse(glob).expect("a glob").matches(text);
        let karpenter = "arn:aws:iam::*:role/Karpenter-*";
        assert!(fits(karpenter, "arn:aws:iam::111122223333:role/Karpenter-prod"));
        for thief in [
            "arn:aws:iam::111122223333:role/x/Karpenter-prod",
            "arn:aws:iam::111122223333:role/Karpenter-prod/evil",
            "arn:aws:iam::1:user/x:role/Karpenter-prod",
            "arn:aws:sts::111122223333:assumed-role/Evil/role/Karpenter-prod",
        ] {
            assert!(!fits(karpenter, thief), "{thief}");
        }
        assert!(!fits("arn:aws:sts::*:assumed-role/ci/*", "arn:aws:sts::1:assumed-role/evil/ci/x"));
        assert!(!fits("*", "arn:aws:iam::1:role/ci") && fits("*.amazonaws.com", "ec2.amazonaws.com"));
    }

    #[test]
    fn an_open_name_is_known() {
        let open = |glob: &str| Glob::parse(glob).expect("a glob").is_open();
        assert!(!open("arn:aws:iam::*:role/ci-runner") && open("arn:aws:iam::*:role/ci-*"));
        assert!(!open("autoscaling.amazonaws.com") && open("web-*"));
    }
}
