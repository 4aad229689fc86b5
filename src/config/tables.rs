//! The small tables of the configuration, a function each: `[state]`, `[http]`, `[digest]`, `[cloudtrail]`, `[ec2]`, and `[incident]`
//! with `[grouping]`. Owns their keys, defaults and bounds; what they mean stands at the types.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use crate::config::secret;
use crate::config::section::Section;
use crate::config::sink::SinkConfig;
use crate::domain::language::Language;
use crate::domain::lookup::cursor::Policy;
use crate::domain::notify::outbox::Grouping;

/// The `[cloudtrail]` table.
#[derive(Debug, Clone)]
pub struct CloudTrailConfig {
    /// The times that reading is ruled by.
    pub policy: Policy,
    /// Per account and region; AWS allows two, shared by every caller.
    pub requests_per_second: f64,
}

/// The `[ec2]` table.
#[derive(Debug, Clone)]
pub struct Ec2Config {
    /// Between two lists of a region.
    pub poll_interval: Duration,
    /// How long a new instance's tags are waited for, where they could hide it.
    pub tag_grace: Duration,
    /// How long the record of a new instance's launch is waited for, where it could hide it.
    pub launch_grace: Duration,
}

/// The `[digest]` table.
#[derive(Debug, Clone)]
pub struct DigestConfig {
    /// The time of day.
    pub at: jiff::civil::Time,
    /// Whose time of day it is.
    pub timezone: TimeZone,
}

/// `language`, which stands before all tables.
pub(super) fn language(root: &mut Section<'_>) -> Language {
    let codes = Language::ALL.map(Language::code);
    let code = root.choice("language", codes[0], &codes);
    Language::ALL.into_iter().find(|language| language.code() == code).unwrap_or_default()
}

pub(super) fn grouping(mut incident: Section<'_>, mut section: Section<'_>) -> Grouping {
    let asks = incident.has("escalate_after");
    let grouping = Grouping {
        wait: section.duration("wait", "20s", "0s", "1h"),
        interval: section.duration("interval", "5m", "0s", "1d"),
        conversation: incident.duration("close_after", "6h", "5m", "30d"),
        escalate_after: asks.then(|| incident.duration("escalate_after", "30m", "1m", "7d")),
        fail_over_after: incident.duration("fail_over_after", "10m", "1m", "1d"),
    };
    incident.finish();
    section.finish();
    grouping
}

pub(super) fn state(mut section: Section<'_>, here: &Path) -> Option<PathBuf> {
    let path = section.text("path").map(|path| here.join(path));
    section.finish();
    path
}

/// Where machines and people look at the running daemon.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether the page is there.
    pub page: bool,
    /// What must be known to see the page.
    pub token: Option<SecretString>,
}

/// A token that is shorter can be guessed.
const TOKEN: usize = 16;

pub(super) fn http(mut section: Section<'_>, folder: &Path) -> Option<HttpConfig> {
    let listen = section.text("listen").unwrap_or_else(|| "127.0.0.1:9641".to_owned());
    let address: Option<SocketAddr> = listen.parse().ok();
    if address.is_none() && listen != "off" {
        section.problem(
            "listen",
            format!("\"{listen}\" is neither an address with a port (\"127.0.0.1:9641\") nor \"off\""),
        );
    }
    let page = section.truth("page", true);
    let token = secret::read(&mut section, "token", "token_file", folder);
    if token.as_ref().is_some_and(|token| token.expose_secret().chars().count() < TOKEN) {
        section.problem(
            "token_file",
            format!("the token has fewer than {TOKEN} characters: `openssl rand -hex 16` makes one"),
        );
    }
    if let Some(address) = address.filter(|address| page && token.is_none() && !address.ip().is_loopback()) {
        section.problem(
            "listen",
            format!("others can reach {address}, and with it the page: set token_file, or page = false to have /healthz, /readyz and /metrics alone"),
        );
    }
    section.finish();
    address.map(|listen| HttpConfig { listen, page, token })
}

pub(super) fn digest(mut section: Section<'_>, sinks: &[SinkConfig]) -> Option<DigestConfig> {
    let at = section.text("at");
    let zone = section.text("timezone");
    let timezone = match &zone {
        None => TimeZone::system(),
        Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
            section.problem("timezone", format!("\"{name}\" is not a time zone (try \"Europe/Berlin\")"));
            TimeZone::UTC
        }),
    };
    let asked = sinks.iter().any(|sink| sink.digest);
    let digest = at.as_ref().and_then(|text| match text.parse() {
        Ok(at) => Some(DigestConfig { at, timezone }),
        Err(_) => {
            section.problem("at", format!("\"{text}\" is not a time of day (try \"09:00\")"));
            None
        }
    });
    if at.is_some() && !asked {
        section.problem("at", "no sink is set to send the daily summary: write digest = true in a [[sink]]");
    }
    if at.is_none() && asked {
        section.problem("at", "is missing, but a sink has digest = true: write at = \"09:00\"");
    }
    section.finish();
    digest
}

pub(super) fn cloudtrail(mut section: Section<'_>) -> CloudTrailConfig {
    let policy = Policy {
        poll_interval: section.duration("poll_interval", "15s", "5s", "1h"),
        lateness: section.duration("lateness", "30m", "5m", "1d"),
        rescan: section.duration("rescan", "24h", "1h", "7d"),
        first_start: section.duration("first_start", "15m", "0s", "90d"),
    };
    let requests_per_second = section.number("requests_per_second", 1.0, 0.05, 2.0);
    section.finish();
    CloudTrailConfig { policy, requests_per_second }
}

pub(super) fn ec2(mut section: Section<'_>) -> Ec2Config {
    let config = Ec2Config {
        // A terminated instance stays listed for less than an hour, and two lists without it end it.
        poll_interval: section.duration("poll_interval", "15s", "5s", "15m"),
        tag_grace: section.duration("tag_grace", "20s", "0s", "10m"),
        launch_grace: section.duration("launch_grace", "10m", "0s", "1h"),
    };
    section.finish();
    config
}
