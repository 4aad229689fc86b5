//! An incident in a few lines, for every message about it and for the list of all. Owns which lines these are; how they look is each
//! channel's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::incident::{Incident, Member};
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean};

/// So many regions and new credentials are named.
const NAMED: usize = 4;

/// What of an incident every message about it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The incident's id.
    pub id: String,
    /// How bad the whole is.
    pub severity: Severity,
    /// Whom it is about.
    pub about: String,
    /// The account in which it began: by name and number, or by number.
    pub account: String,
    /// How far it has come, in words.
    pub stages: String,
    /// Where it is, and how much there is of it.
    pub places: String,
    /// Who was made on the way, and how.
    pub credentials: Vec<String>,
    /// Why it is worse than its worst alert.
    pub raised: Option<String>,
    /// How many alerts it has.
    pub alerts: u64,
    /// When its first event happened.
    pub began: Timestamp,
    /// When its last event happened, so far.
    pub last: Timestamp,
    /// `open`, `closed`, or `part of` another.
    pub state: String,
}

impl Brief {
    /// Of an incident, as it is now.
    pub fn of(incident: &Incident) -> Self {
        let (number, name) = (&incident.account.0, &incident.account.1);
        let stages: Vec<&str> = incident.stages.keys().map(|stage| stage.words()).collect();
        let mut credentials: Vec<String> =
            incident.members.iter().filter(|member| !member.how.is_empty()).map(said).collect();
        if credentials.len() > NAMED {
            let more = credentials.len() - NAMED;
            credentials.truncate(NAMED);
            credentials.push(format!("and {more} more"));
        }
        Brief {
            id: incident.id.clone(),
            severity: incident.severity,
            about: incident.about.clone(),
            account: if name.is_empty() { number.clone() } else { format!("{name} ({number})") },
            stages: stages.join(", "),
            places: places(incident),
            credentials,
            raised: incident.raised.clone(),
            alerts: incident.alerts,
            began: incident.began,
            last: incident.last,
            state: match &incident.part_of {
                Some(whole) => format!("part of {whole}"),
                None if incident.closed => "closed".to_owned(),
                None => "open".to_owned(),
            },
        }
    }

    /// Whom, where, and how far.
    pub fn what(&self) -> String {
        let far = if self.stages.is_empty() { String::new() } else { format!(": {}", self.stages) };
        format!("{} in {}{far}", self.about, self.account)
    }

    /// The same with its id: its first line.
    pub fn headline(&self) -> String {
        clean(&format!("Incident {} · {}", self.id, self.what()), FACT)
    }

    /// What else there is to say, a line each.
    pub fn lines(&self) -> Vec<String> {
        let so_far = match self.alerts {
            1 => format!("1 alert in {}", self.places),
            alerts => format!("{alerts} alerts so far, in {}", self.places),
        };
        let credentials = (!self.credentials.is_empty()).then(|| self.credentials.join(" · "));
        let raised = self.raised.as_ref().map(|why| format!("{} as a whole: {why}", self.severity));
        [Some(so_far), credentials, raised].into_iter().flatten().collect()
    }
}

fn said(member: &Member) -> String {
    format!("{} {}", member.credential.words(), member.how)
}

fn places(incident: &Incident) -> String {
    let mut regions: Vec<&str> = incident.places.iter().map(|(place, _)| place.region.as_str()).collect();
    regions.dedup();
    let named: Vec<&str> = regions.iter().take(NAMED).copied().collect();
    match regions.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more regions", named.join(", ")),
    }
}
