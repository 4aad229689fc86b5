//! The `[[sink]]` tables: what every sink has. The keys of each kind are read by its own file in `sink`.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::config::section::Section;
use crate::domain::language::Language;
use crate::domain::notify::render::Style;
use crate::domain::notify::route::{Hours, Only};
use crate::domain::pattern::Wildcard;
use crate::domain::severity::Severity;
use crate::sink::{Channel, KINDS, Sink};

/// A sink as configured.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Its name in the configuration, which no other sink has.
    pub name: String,
    /// What is less urgent does not go there.
    pub min_severity: Severity,
    /// The daily summary goes there too.
    pub digest: bool,
    /// What goes there.
    pub only: Only,
    /// When something goes there; none for always.
    pub active: Option<Hours>,
    /// It stands by for the others.
    pub backup: bool,
    /// The reader's time zone, beside UTC.
    pub timezone: Option<TimeZone>,
    /// In which language its messages are.
    pub language: Language,
    /// The channel, with the keys of its kind.
    pub channel: Arc<dyn Channel>,
}

impl SinkConfig {
    /// Whether it takes every alert that is urgent enough, at any time.
    pub fn takes_all(&self) -> bool {
        !self.backup && self.active.is_none() && self.only == Only::default()
    }

    /// The names under which alerts wait: the sink's own; of a mail to several readers one for each, `me/alice@example.com`.
    pub fn queues(&self) -> Vec<String> {
        self.channel.queues(&self.name)
    }

    /// Builds the sink: as many as it has queues. `banner` marks every message as a demonstration or a test.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, which no configuration can mend.
    pub fn build(&self, banner: Option<&str>) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let (timezone, banner) = (self.timezone.clone(), banner.map(str::to_owned));
        let style = Style { timezone, banner, language: self.language };
        self.channel.build(&self.name, &style)
    }
}

/// Builds all configured sinks.
///
/// # Errors
/// See [`SinkConfig::build`].
pub fn build_sinks(configured: &[SinkConfig]) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let built: Vec<_> = configured.iter().map(|one| one.build(None)).collect::<anyhow::Result<_>>()?;
    Ok(built.concat())
}

pub(super) fn read(mut sections: Vec<Section<'_>>, folder: &Path, language: Language) -> Vec<SinkConfig> {
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
        let only = Only {
            rules: wildcards(section, "rules"),
            accounts: wildcards(section, "accounts"),
            regions: wildcards(section, "regions"),
            tags: tags(section),
        };
        let active = section
            .text("active")
            .and_then(|hours| Hours::parse(&hours).map_err(|why| section.problem("active", why)).ok());
        let backup = section.truth("backup", false);
        let timezone = section.text("timezone").and_then(|zone| {
            let found = TimeZone::get(&zone);
            if found.is_err() {
                section.problem("timezone", format!("\"{zone}\" is not a time zone (try \"Europe/Berlin\")"));
            }
            found.ok()
        });
        let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let kind = section.choice("kind", "", &kinds);
        let Some((_, read)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            if !section.has("kind") {
                section.problem(
                    "kind",
                    format!("is missing: write kind = \"slack\"; kinds: {}", kinds.join(", ")),
                );
            }
            continue;
        };
        if let Some(channel) = read(section, folder) {
            let config =
                SinkConfig { name, min_severity, digest, only, active, backup, timezone, language, channel };
            sinks.push(config);
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

/// Each is a tag's key and value, so that a value alone names no key of a thief's.
fn tags(section: &mut Section<'_>) -> Vec<Wildcard> {
    let (texts, others): (Vec<_>, Vec<_>) =
        section.texts("tags").into_iter().partition(|tag: &String| tag.contains('='));
    for tag in others {
        section.problem("tags", format!("\"{tag}\" has no value: write \"team=ml-*\""));
    }
    parsed(section, "tags", texts)
}

fn wildcards(section: &mut Section<'_>, key: &'static str) -> Vec<Wildcard> {
    let texts = section.texts(key);
    parsed(section, key, texts)
}

fn parsed(section: &mut Section<'_>, key: &'static str, texts: Vec<String>) -> Vec<Wildcard> {
    let read = |text: String| Wildcard::parse(&text).map_err(|why| section.problem(key, why)).ok();
    texts.into_iter().filter_map(read).collect()
}
