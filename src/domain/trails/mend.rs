//! How a copy is ended: what to do, and the command line that does it. Owns the command's words and their quoting. What it
//! quotes was written by others and is pasted into a shell, so a command that a screen would show as another is not shown.

use crate::domain::text::{FACT, clean};
use crate::domain::trails::{Duplicate, Remedy};

/// The longest command that is worth pasting, in characters.
const LONGEST: usize = 2_000;

/// What ends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// What to do, in words.
    pub step: String,
    /// The command that does it, where there is one.
    pub command: Option<String>,
}

/// What ends a duplicate.
pub fn mend(duplicate: &Duplicate<'_>) -> Mend {
    let copy = duplicate.copy;
    let name = clean(&copy.name, FACT);
    let (step, narrowed) = match duplicate.remedy {
        Remedy::Drop => {
            (format!("let {name} record no management events"), copy.selectors.narrowed(false, false))
        }
        Remedy::OnlyReads => (format!("let {name} record only reads"), copy.selectors.narrowed(true, false)),
        Remedy::OnlyWrites => {
            (format!("let {name} record only changes"), copy.selectors.narrowed(false, true))
        }
        Remedy::Elsewhere => {
            let step = format!(
                "in other regions {name} is the only trail, so nothing can be taken from it: find out why {} does not log there",
                kept_names(duplicate)
            );
            return Mend { step, command: None };
        }
    };
    let (trail, home) = (word(&copy.arn), word(&copy.home));
    let (step, command) = match narrowed {
        Some(left) => {
            let (option, value) = left.option();
            let set = "aws cloudtrail put-event-selectors --trail-name";
            (step, format!("{set} {trail} --region {home} {option} {}", word(&value)))
        }
        // Without any other events the trail has nothing left to record.
        None => (
            format!("stop {name}, once nobody needs what it writes"),
            format!("aws cloudtrail stop-logging --name {trail} --region {home}"),
        ),
    };
    let step = if duplicate.lost.is_empty() {
        step
    } else {
        let lost: Vec<String> = duplicate.lost.iter().map(|service| clean(service, FACT)).collect();
        let kept = kept_names(duplicate);
        format!("first let {kept} record {} too, or nobody does; then {step}", lost.join(", "))
    };
    // A command that cleaning would change, or cut, is not what it would look like.
    if clean(&command, LONGEST) == command {
        return Mend { step, command: Some(command) };
    }
    Mend { step: format!("{step}: aws cloudtrail get-event-selectors shows what it records"), command: None }
}

/// The trails that are kept, by name.
pub fn kept_names(duplicate: &Duplicate<'_>) -> String {
    let names = duplicate.kept.iter().map(|trail| {
        let whose = if trail.organization { " (the organization's)" } else { "" };
        format!("{}{whose}", clean(&trail.name, FACT))
    });
    names.collect::<Vec<_>>().join(" and ")
}

/// A text as one word of a command line.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@,+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
