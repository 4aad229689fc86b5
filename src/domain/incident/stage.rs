//! How far a thief has come: the tactics of ATT&CK in plain words. Owns which technique is which stage
//! (attack.mitre.org, "Enterprise Matrix: IaaS").

use serde::{Deserialize, Serialize};

use crate::domain::language::Language;

/// A stage of an incident, in the order in which thieves go through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Somebody came in.
    GotIn,
    /// What there is was listed.
    LookedAround,
    /// There is another way in now.
    MadeAWayBack,
    /// More is allowed now than before.
    GainedRights,
    /// What would show it was switched off.
    Hid,
    /// Somebody else's work runs here.
    Launched,
    /// Data or secrets left.
    TookData,
    /// Something is gone, or locked up.
    Destroyed,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 8] = [
        Stage::GotIn,
        Stage::LookedAround,
        Stage::MadeAWayBack,
        Stage::GainedRights,
        Stage::Hid,
        Stage::Launched,
        Stage::TookData,
        Stage::Destroyed,
    ];

    /// Its words in a story.
    pub fn words(self, language: Language) -> &'static str {
        language.words().stages()[self as usize]
    }

    /// The stage of a technique, such as `T1562.008`; none for what is no technique.
    pub fn of_technique(tag: &str) -> Option<Stage> {
        let (technique, sub) = tag.split_once('.').unwrap_or((tag, ""));
        Some(match (technique, sub) {
            // Initial access, and getting at credentials by trying.
            ("T1078" | "T1110" | "T1133" | "T1199" | "T1566" | "T1621" | "T1550", _) => Stage::GotIn,
            ("T1021" | "T1538", _) => Stage::GotIn,
            // Discovery.
            ("T1069" | "T1087" | "T1526" | "T1580" | "T1040", _) => Stage::LookedAround,
            // Persistence.
            ("T1098", "003") => Stage::GainedRights,
            ("T1098" | "T1136" | "T1525" | "T1546" | "T1556" | "T1585" | "T1584" | "T1583", _) => {
                Stage::MadeAWayBack
            }
            // Privilege escalation.
            ("T1484" | "T1548" | "T1666", _) => Stage::GainedRights,
            // Defence evasion. A region that nobody uses is where machines are hidden.
            ("T1562" | "T1070" | "T1535", _) => Stage::Hid,
            // Impact by use, and execution.
            ("T1578" | "T1496" | "T1610" | "T1648" | "T1651" | "T1059", _) => Stage::Launched,
            // Credential access by reading, collection, exfiltration.
            ("T1530" | "T1537" | "T1552" | "T1555" | "T1557" | "T1005" | "T1020", _) => Stage::TookData,
            // Impact.
            ("T1485" | "T1486" | "T1490" | "T1531", _) => Stage::Destroyed,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_technique_has_a_stage_and_a_word_has_none() {
        assert_eq!(Stage::of_technique("T1562.008"), Some(Stage::Hid));
        assert_eq!(Stage::of_technique("T1098.003"), Some(Stage::GainedRights));
        assert_eq!(Stage::of_technique("T1098.001"), Some(Stage::MadeAWayBack));
        assert_eq!(Stage::of_technique("pci"), None);
        assert!(Stage::ALL.is_sorted());
    }
}
