//! How an alert is written, wherever it waits: for a sink, or for the rest of its story. Owns its bytes; a change here is a new `SCHEMA`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::incident::Part;
use crate::domain::notify::alert::Alert;
use crate::domain::severity::Severity;

#[derive(Serialize, Deserialize)]
pub(super) struct AlertRow<'a> {
    id: Cow<'a, str>,
    rule: Cow<'a, str>,
    title: Cow<'a, str>,
    description: Cow<'a, str>,
    runbook: Cow<'a, str>,
    severity: Cow<'a, str>,
    group: Cow<'a, str>,
    account: Cow<'a, str>,
    name: Cow<'a, str>,
    region: Cow<'a, str>,
    time: Timestamp,
    who: Cow<'a, str>,
    from: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    origin: Cow<'a, str>,
    event: Cow<'a, str>,
    instance: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    completes: bool,
    #[serde(default)]
    part: Cow<'a, Part>,
    facts: Cow<'a, [(String, String)]>,
}

impl<'a> AlertRow<'a> {
    pub fn of(alert: &'a Alert) -> Self {
        AlertRow {
            id: (&alert.id).into(),
            rule: (&alert.rule).into(),
            title: (&alert.title).into(),
            description: (&alert.description).into(),
            runbook: (&alert.runbook).into(),
            severity: alert.severity.name().into(),
            group: (&alert.group).into(),
            account: (&alert.account).into(),
            name: (&alert.account_name).into(),
            region: (&alert.region).into(),
            time: alert.time,
            who: (&alert.principal).into(),
            from: (&alert.address).into(),
            origin: (&alert.origin).into(),
            event: (&alert.event_id).into(),
            instance: (&alert.instance).into(),
            completes: alert.completes,
            part: Cow::Borrowed(&alert.part),
            facts: (&alert.facts).into(),
        }
    }

    pub fn alert(self) -> Option<Alert> {
        Some(Alert {
            severity: Severity::parse(&self.severity)?,
            id: self.id.into_owned(),
            rule: self.rule.into_owned(),
            title: self.title.into_owned(),
            description: self.description.into_owned(),
            runbook: self.runbook.into_owned(),
            group: self.group.into_owned(),
            account: self.account.into_owned(),
            account_name: self.name.into_owned(),
            region: self.region.into_owned(),
            time: self.time,
            principal: self.who.into_owned(),
            address: self.from.into_owned(),
            origin: self.origin.into_owned(),
            event_id: self.event.into_owned(),
            instance: self.instance.into_owned(),
            completes: self.completes,
            part: self.part.into_owned(),
            // By these a sink is chosen, and it has its own; of one that is held, its story says them.
            tags: Vec::new(),
            of_itself: false,
            facts: self.facts.into_owned(),
        })
    }
}
