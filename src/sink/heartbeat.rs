//! The heartbeat: a request now and then to a service that alerts when none comes. Owns its keys, and how each kind of service is
//! told; when it is told what is `health::heartbeat`'s.
//!
//! Sources: healthchecks.io/docs/http_api and docs/signaling_failures; Uptime Kuma, server/routers/api-router.js
//! (`/api/push/:pushToken`, all methods); deadmanssnitch.com/docs.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::config::section::Section;
use crate::domain::health::heartbeat::Beat;
use crate::domain::notify::answer::Failure;
use crate::sink::http;

/// How a service is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A request, or none: Dead Man's Snitch, and every service that waits for one.
    Plain,
    /// Healthchecks, hosted or one's own: `/start` and `/fail` behind the address.
    Healthchecks,
    /// A push monitor of Uptime Kuma: `status` and `msg` in the query.
    UptimeKuma,
}

const KINDS: [(&str, Kind); 3] =
    [("plain", Kind::Plain), ("healthchecks", Kind::Healthchecks), ("uptime-kuma", Kind::UptimeKuma)];

/// A heartbeat as configured.
#[derive(Debug, Clone)]
pub struct HeartbeatConfig {
    /// Between two beats.
    pub interval: Duration,
    kind: Kind,
    /// It is a secret: who knows it can beat for a dead daemon.
    url: SecretString,
}

/// Reads the table `[heartbeat]`; none where it is not there.
pub(crate) fn read(mut section: Section<'_>, folder: &Path) -> Option<HeartbeatConfig> {
    let interval = section.duration("interval", "1m", "1s", "1h");
    let names = KINDS.map(|(name, _)| name);
    let chosen = section.choice("kind", "plain", &names);
    let kind = KINDS.iter().find(|(name, _)| *name == chosen).map_or(Kind::Plain, |(_, kind)| *kind);
    let is_there = ["url", "url_file"].iter().any(|key| section.has(key));
    let is_meant = is_there || ["kind", "interval"].iter().any(|key| section.has(key));
    let advice = ": copy the address that the service shows for this check";
    let url = is_meant.then(|| http::read_url(&mut section, ("url", "url_file"), folder, advice)).flatten();
    section.finish();
    Some(HeartbeatConfig { interval, kind, url: url? })
}

/// Beats.
pub struct Heartbeat {
    config: HeartbeatConfig,
    client: Client,
}

impl Heartbeat {
    /// As configured.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, which no configuration can mend.
    pub fn new(config: HeartbeatConfig) -> anyhow::Result<Self> {
        Ok(Heartbeat { config, client: http::client().context("cannot set up the heartbeat")? })
    }

    /// Between two beats.
    pub fn interval(&self) -> Duration {
        self.config.interval
    }

    /// Tells the service. What a kind of service cannot be told, it finds out by hearing nothing.
    ///
    /// # Errors
    /// When it did not take it, in words that do not hold its address.
    pub async fn send(&self, beat: &Beat) -> Result<(), Failure> {
        let Some((method, url, body)) = request(self.config.kind, &self.config.url, beat) else {
            return Ok(());
        };
        let answer = http::request(&self.client, method, url, body).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(http::later(None, &format!("the heartbeat's service answered {}", answer.status.as_u16())))
    }
}

/// What is sent; nothing where silence says it.
fn request(kind: Kind, url: &SecretString, beat: &Beat) -> Option<(Method, Url, String)> {
    let mut url = Url::parse(url.expose_secret()).ok()?;
    match (kind, beat) {
        (Kind::Plain, Beat::Well(_)) => Some((Method::GET, url, String::new())),
        (Kind::Plain, _) | (Kind::UptimeKuma, Beat::Start) => None,
        (Kind::Healthchecks, beat) => {
            let (more, said) = match beat {
                Beat::Start => (Some("start"), String::new()),
                Beat::Well(said) => (None, said.clone()),
                Beat::Fails(said) => (Some("fail"), said.clone()),
            };
            if let Some(more) = more {
                url.path_segments_mut().ok()?.pop_if_empty().push(more);
            }
            Some((Method::POST, url, said))
        }
        (Kind::UptimeKuma, Beat::Well(said) | Beat::Fails(said)) => {
            let status = if matches!(beat, Beat::Well(_)) { "up" } else { "down" };
            // What Uptime Kuma shows as its example has a query of its own.
            url.query_pairs_mut().clear().append_pair("status", status).append_pair("msg", said);
            Some((Method::GET, url, String::new()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(kind: Kind, url: &str, beat: &Beat) -> String {
        let sent = request(kind, &SecretString::from(url.to_owned()), beat);
        sent.map_or("nothing".to_owned(), |(method, url, body)| format!("{method} {url} {body}"))
    }

    #[test]
    fn each_kind_of_service_is_told_in_its_own_way() {
        let (well, fails) = (Beat::Well("2 of 2 & all".to_owned()), Beat::Fails("1 of 2".to_owned()));
        let hc = "https://hc-ping.com/uuid/";
        assert_eq!(sent(Kind::Healthchecks, hc, &Beat::Start), "POST https://hc-ping.com/uuid/start ");
        assert_eq!(sent(Kind::Healthchecks, hc, &fails), "POST https://hc-ping.com/uuid/fail 1 of 2");
        let bare = "https://hc-ping.com/uuid";
        assert_eq!(sent(Kind::Healthchecks, bare, &well), "POST https://hc-ping.com/uuid 2 of 2 & all");
        let kuma = "https://kuma.example/api/push/token?status=up&msg=OK&ping=";
        assert_eq!(
            sent(Kind::UptimeKuma, kuma, &well),
            "GET https://kuma.example/api/push/token?status=up&msg=2+of+2+%26+all "
        );
        assert_eq!(
            sent(Kind::UptimeKuma, kuma, &fails),
            "GET https://kuma.example/api/push/token?status=down&msg=1+of+2 "
        );
        assert_eq!(sent(Kind::UptimeKuma, kuma, &Beat::Start), "nothing");
        assert_eq!(sent(Kind::Plain, "https://nosnch.in/token", &well), "GET https://nosnch.in/token ");
        assert_eq!(sent(Kind::Plain, "https://nosnch.in/token", &fails), "nothing");
    }
}
