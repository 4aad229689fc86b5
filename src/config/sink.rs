//! The `[[sink]]` tables. Owns what a sink may be told to do; doing it is `sink`'s.

use std::path::Path;

use jiff::tz::TimeZone;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::config::section::Section;
use crate::domain::severity::Severity;

/// A sink as configured.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Its name, unique.
    pub name: String,
    /// What is less urgent does not go there.
    pub min_severity: Severity,
    /// The daily summary goes there too.
    pub digest: bool,
    /// The reader's time zone, beside UTC.
    pub timezone: Option<TimeZone>,
    /// The channel.
    pub kind: SinkKind,
}

impl SinkConfig {
    /// The names under which alerts wait: the sink's own; of a mail to several readers one for each, `me/alice@example.com`,
    /// so that a full mailbox holds up nobody else's mail.
    pub fn queues(&self) -> Vec<String> {
        match &self.kind {
            SinkKind::Email(email) if email.to.len() > 1 => {
                email.to.iter().map(|to| format!("{}/{}", self.name, to.email)).collect()
            }
            _ => vec![self.name.clone()],
        }
    }
}

/// A channel.
#[derive(Debug, Clone)]
pub enum SinkKind {
    /// Standard output.
    Terminal,
    /// A Slack incoming webhook: https, or http to a loopback address.
    Slack {
        /// It is a secret: who knows it can write to the channel.
        url: SecretString,
    },
    /// A mail server.
    Email(EmailConfig),
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// A user and a password.
    pub login: Option<(String, SecretString)>,
    /// The sender.
    pub from: lettre::message::Mailbox,
    /// The readers.
    pub to: Vec<lettre::message::Mailbox>,
}

/// How a mail connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// After STARTTLS; a server that does not offer it gets no mail.
    Starttls,
    /// Not at all.
    None,
}

pub(super) fn read(mut sections: Vec<Section<'_>>, folder: &Path) -> Vec<SinkConfig> {
    let mut names: Vec<String> = Vec::new();
    let mut sinks = Vec::new();
    for section in &mut sections {
        let name = section.required("name", "security").unwrap_or_default();
        if names.contains(&name) && !name.is_empty() {
            section.problem("name", format!("another sink is also named \"{name}\": give each its own name"));
        }
        if name.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) || name.len() > 64 {
            section.problem(
                "name",
                format!("\"{name}\": use at most 64 letters, digits, dashes, dots and underscores"),
            );
        }
        names.push(name.clone());
        let min_severity = section.severity("min_severity", Severity::Info);
        let digest = section.truth("digest", false);
        let timezone = section.text("timezone").and_then(|zone| {
            let found = TimeZone::get(&zone);
            if found.is_err() {
                section.problem("timezone", format!("\"{zone}\" is not a time zone (try \"Europe/Berlin\")"));
            }
            found.ok()
        });
        let kind = match section.choice("kind", "", &["slack", "email", "terminal"]).as_str() {
            "terminal" => Some(SinkKind::Terminal),
            "slack" => slack(section, folder),
            "email" => email(section, folder).map(SinkKind::Email),
            _ => {
                if !section.has("kind") {
                    section.problem("kind", "is missing: write kind = \"slack\", \"email\" or \"terminal\"");
                }
                continue;
            }
        };
        if let Some(kind) = kind {
            sinks.push(SinkConfig { name, min_severity, digest, timezone, kind });
        }
    }
    // A table without a kind has unknown keys of every kind; only its missing kind is worth a line.
    sections.into_iter().zip(&names).for_each(|(section, name)| {
        if sinks.iter().any(|sink| sink.name == *name) {
            section.finish();
        }
    });
    sinks
}

fn slack(section: &mut Section<'_>, folder: &Path) -> Option<SinkKind> {
    let url = crate::config::secret::read(section, "webhook_url", "webhook_url_file", folder);
    let Some(url) = url else {
        if !section.has("webhook_url") && !section.has("webhook_url_file") {
            section.problem("webhook_url_file", "is missing: name the file that holds the webhook's URL");
        }
        return None;
    };
    match Url::parse(url.expose_secret()) {
        Ok(parsed) if parsed.scheme() == "https" || (parsed.scheme() == "http" && is_loopback(&parsed)) => {
            Some(SinkKind::Slack { url })
        }
        // The text of the URL is a secret, also when it is wrong.
        _ => {
            section.problem(
                "webhook_url",
                "is not an https:// URL: copy it from the Slack app's page \"Incoming Webhooks\"",
            );
            None
        }
    }
}

/// Whether the URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn email(section: &mut Section<'_>, folder: &Path) -> Option<EmailConfig> {
    let smtp = section.required("smtp", "smtp://smtp.example.com:587");
    let tls =
        section.has("tls").then(|| section.choice("tls", "starttls", &["starttls", "implicit", "none"]));
    let username = section.text("username");
    let password = crate::config::secret::read(section, "password", "password_file", folder);
    let from = section.required("from", "trailnoti <alerts@example.com>");
    let from = from.and_then(|from| mailbox(section, "from", &from));
    let to = section.texts("to");
    if to.is_empty() {
        section.problem("to", "is missing: write to = [\"me@example.com\"]");
    }
    let mut readers: Vec<lettre::message::Mailbox> = Vec::new();
    for reader in to.iter().filter_map(|to| mailbox(section, "to", to)) {
        if readers.iter().any(|known| known.email == reader.email) {
            section.problem("to", format!("{} is listed twice: remove one", reader.email));
        }
        readers.push(reader);
    }
    let login = match (username, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) if !section.has("password_file") => {
            section.problem("password_file", "is missing: a username needs its password");
            None
        }
        (None, Some(_)) => {
            section.problem("username", "is missing: a password needs its username");
            None
        }
        _ => None,
    };
    let smtp = smtp?;
    let url = Url::parse(&smtp).ok().filter(|url| url.has_host() && url.username().is_empty());
    let Some((url, implicit)) = url.and_then(|url| match url.scheme() {
        "smtp" => Some((url, false)),
        "smtps" => Some((url, true)),
        _ => None,
    }) else {
        section.problem(
            "smtp",
            "is not a mail server: write smtp://HOST:587, or smtps://HOST:465 for implicit TLS",
        );
        return None;
    };
    let tls = match tls.as_deref() {
        Some("none") if implicit => {
            section.problem("tls", "\"none\" cannot be combined with smtps://: write smtp://, or remove tls");
            Tls::Implicit
        }
        Some("none") => Tls::None,
        Some("implicit") => Tls::Implicit,
        Some(_) if implicit => {
            section.problem(
                "tls",
                "\"starttls\" cannot be combined with smtps://: write smtp://, or remove tls",
            );
            Tls::Starttls
        }
        Some(_) => Tls::Starttls,
        None if implicit => Tls::Implicit,
        None => Tls::Starttls,
    };
    Some(EmailConfig {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(if tls == Tls::Implicit { 465 } else { 587 }),
        tls,
        login,
        from: from?,
        to: (!readers.is_empty()).then_some(readers)?,
    })
}

fn mailbox(section: &Section<'_>, key: &'static str, text: &str) -> Option<lettre::message::Mailbox> {
    text.parse().map_err(|_| section.problem(key, format!("\"{text}\" is not an email address"))).ok()
}
