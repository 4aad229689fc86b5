//! PagerDuty, by its Events API v2 (developer.pagerduty.com, "Send an Alert Event"). Owns its keys and the shape of an event: one
//! incident here is one there, which is triggered again as it grows and resolved when it is over.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::config::section::Section;
use crate::domain::incident::{OF_MACHINES, Turn};
use crate::domain::notify::message::{Message, Pending};
use crate::domain::notify::render::{Style, line, summary};
use crate::domain::severity::Severity;
use crate::domain::text::clean;
use crate::sink::channel::Channel;
use crate::sink::http;
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "pagerduty";

/// The service region EU has another.
const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// In characters ("PD-CEF").
const SUMMARY: usize = 1_000;
const DEDUP_KEY: usize = 250;
/// So many alerts stand beside an event: one is at most 512 KB.
const BESIDE: usize = 40;

#[derive(Debug)]
struct PagerDuty {
    url: SecretString,
    routing_key: SecretString,
}

/// Reads `routing_key` or `routing_key_file`, and `url`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let url = http::address(section, "url", ADDRESS);
    let routing_key = http::token(section, ("routing_key", "routing_key_file"), folder);
    Some(service::channel(PagerDuty { url: url?, routing_key: routing_key? }))
}

impl PagerDuty {
    /// An event of one group.
    fn event(
        &self,
        action: &str,
        group: &str,
        alerts: &[&Pending],
        message: &Message,
        style: &Style,
    ) -> Value {
        let worst = alerts.iter().map(|pending| pending.alert.severity).max().unwrap_or(Severity::Info);
        let incident = alerts.first().map(|pending| pending.alert.part.incident.as_str()).unwrap_or_default();
        let brief = message.incidents.iter().find(|brief| brief.id == incident);
        let mut details = Map::new();
        if let Some(brief) = brief {
            details.insert("incident".to_owned(), brief.headline().into());
            details.insert("story".to_owned(), brief.lines().into());
            details.insert("do now".to_owned(), brief.actions().into());
        }
        let lines: Vec<String> = alerts.iter().take(BESIDE).map(|pending| line(pending, style)).collect();
        details.insert("alerts".to_owned(), lines.into());
        let first = alerts.first().map(|pending| &pending.alert);
        let account = first.map(|alert| alert.account.clone()).filter(|account| !account.is_empty());
        let banner = style.banner.as_ref().map(|banner| format!("{banner} ")).unwrap_or_default();
        json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": action,
            "dedup_key": clean(&format!("trailnoti {group}"), DEDUP_KEY),
            "client": "trailnoti",
            "payload": {
                "summary": clean(&format!("{banner}{}", summary(message, style)), SUMMARY),
                "source": account.unwrap_or_else(|| "trailnoti".to_owned()),
                "severity": severity(brief.map_or(worst, |brief| brief.severity)),
                "timestamp": first.map(|alert| alert.time.to_string()),
                "component": first.map(|alert| alert.region.as_str()),
                "class": first.map(|alert| alert.rule.as_str()),
                "custom_details": details,
            },
        })
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

impl Service for PagerDuty {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn follows(&self) -> bool {
        true
    }

    /// An event for each group, and one more for how its incident stands: the same key is the same incident there, however often it
    /// comes. Machines whose launcher nobody knows share one, and how one of them stands says nothing of the others.
    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let mut asks = Vec::new();
        for group in &message.groups {
            let of_group = message.alerts.iter().filter(|pending| pending.alert.group == *group);
            let (stands, alerts): (Vec<&Pending>, Vec<&Pending>) =
                of_group.partition(|pending| pending.alert.part.standing.is_some());
            let mut ask = |action: &str, alerts: &[&Pending]| {
                let body = self.event(action, group, alerts, message, style).to_string();
                asks.push(Ask { url: self.url.clone(), headers: HeaderMap::new(), body });
            };
            if !alerts.is_empty() {
                ask("trigger", &alerts);
            }
            let last = stands.iter().max_by_key(|pending| pending.seq);
            if let Some(last) = last.filter(|_| !group.starts_with(OF_MACHINES))
                && let Some(standing) = &last.alert.part.standing
            {
                let action = match standing.turn {
                    Turn::Over => "resolve",
                    Turn::Acknowledged => "acknowledge",
                };
                ask(action, &[last]);
            }
        }
        asks
    }
}
