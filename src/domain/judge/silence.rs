//! Silences: what somebody does not want to hear of for a while. Owns which alerts one hides; who made it and until when is written
//! in it, and there is none without either.
//!
//! What is critical, and what trailnoti reports of itself, is never silenced, and a machine with an accelerator only by a silence that
//! names the rule. A principal is a user's or role's ARN: a session's name is its caller's to choose.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::principal::role_of;
use crate::domain::event::instance_type::spec;
use crate::domain::incident::resource::Resource;
use crate::domain::instances::glob::Glob;
use crate::domain::judge::decision::{Fate, Subject};
use crate::domain::judge::inputs::Judgement;
use crate::domain::notify::alert::{Alert, is_of_itself};
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean};

/// So many may be in force.
pub const SILENCES: usize = 100;
/// The longest that one is for, in days.
pub const DAYS: i64 = 31;

/// What is not to be heard of for a while. What it does not name, may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id; the daemon gives it.
    #[serde(default)]
    pub id: String,
    /// A rule's id; `*` stands for anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// A user's or role's ARN; a `*` stops at `:` and `/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub principal: String,
    /// An account's number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// A region; `*` stands for anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who wants it.
    pub owner: String,
    /// Why.
    pub why: String,
    /// How many alerts it hid.
    #[serde(default)]
    pub hid: u64,
}

impl Silence {
    /// All that is wrong with one.
    pub fn problems(&self, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        let globs = [("rule", &self.rule), ("principal", &self.principal), ("region", &self.region)];
        for (name, text) in globs {
            problems.extend(Glob::parse(text).err().map(|why| format!("{name}: {why}")));
        }
        let named = [&self.rule, &self.principal, &self.account, &self.region];
        if named.iter().all(|text| text.is_empty() || text.as_str() == "*") {
            problems.push(
                "it would hide everything: name a rule, a principal, an account or a region".to_owned(),
            );
        }
        if !self.principal.is_empty() && !self.principal.starts_with("arn:") {
            problems.push(
                "principal: write the ARN of a user or role, such as arn:aws:iam::111122223333:role/deploy"
                    .to_owned(),
            );
        }
        let is_number = self.account.len() == 12 && self.account.bytes().all(|b| b.is_ascii_digit());
        if !(self.account.is_empty() || is_number) {
            problems.push("account: write its number, twelve digits".to_owned());
        }
        if self.until <= now || self.until > now + jiff::SignedDuration::from_hours(24 * DAYS) {
            problems.push(format!("for: a silence lasts at most {DAYS} days, and ends later than now"));
        }
        if self.why.trim().is_empty() || self.owner.trim().is_empty() {
            problems.push("why: say why, so that others know whether it may go".to_owned());
        }
        problems
    }

    /// Its texts on one line, and not too long.
    #[must_use]
    pub fn cleaned(self) -> Self {
        Silence { owner: clean(&self.owner, 80), why: clean(&self.why, FACT), ..self }
    }

    /// Whether it hides an alert at a time.
    pub fn hides(&self, alert: &Alert, now: Timestamp) -> bool {
        let accelerated = |touched: &Resource| matches!(touched, Resource::Machine { kind, .. } if spec(kind).accelerator.is_some());
        let is_named = !self.rule.is_empty() && !self.rule.contains('*');
        let may = is_named || !alert.part.touched.iter().any(accelerated);
        now < self.until
            && may
            && self.fits(&alert.rule, alert.severity, &alert.principal, (&alert.account, &alert.region))
    }

    /// Whether it would have hidden an alert of the past, as far as the list of the last alerts says what that was.
    pub fn would_hide(&self, subject: &Subject, place: (&str, &str)) -> bool {
        self.fits(&subject.rule, subject.severity, &subject.principal, place)
    }

    fn fits(&self, rule: &str, severity: Severity, principal: &str, (account, region): (&str, &str)) -> bool {
        if severity == Severity::Critical || is_of_itself(rule) {
            return false;
        }
        let fits = |wanted: &str, text: &str| {
            wanted.is_empty() || Glob::parse(wanted).is_ok_and(|wanted| wanted.matches(text))
        };
        fits(&self.rule, rule)
            && fits(&self.principal, &role_of(principal))
            && fits(&self.region, region)
            && (self.account.is_empty() || self.account == account)
    }
}

/// Takes the alerts out of a batch that a silence hides; which silences these were is answered, once for each alert.
pub fn silence(silences: &[Silence], judgement: &mut Judgement, now: Timestamp) -> Vec<String> {
    let mut hidden = Vec::new();
    judgement.alerts.retain(|alert| {
        let hides = silences.iter().find(|silence| silence.hides(alert, now));
        hidden.extend(hides.map(|silence| (alert.id.clone(), silence.id.clone())));
        hides.is_none()
    });
    for (alert, silence) in &hidden {
        let is_it = |subject: &Subject| subject.alert == *alert;
        for decision in judgement.decisions.iter_mut().filter(|one| one.subject.as_ref().is_some_and(is_it)) {
            decision.fate = Fate::Silenced(silence.clone());
        }
    }
    hidden.into_iter().map(|(_, silence)| silence).collect()
}

#[cfg(test)]
#[path = "silence_tests.rs"]
mod tests;
