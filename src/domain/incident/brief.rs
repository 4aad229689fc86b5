//! An incident in a few lines, for every message about it and for the list of all. Owns which lines these are; their words are
//! `language`'s, and how they look is each channel's.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::instance_type::spec;
use crate::domain::incident::commands::steps;
use crate::domain::incident::credential::Credential;
use crate::domain::incident::resource::Resource;
use crate::domain::incident::{Beat, Incident, Touched, Worse};
use crate::domain::language::{Language, State, Who};
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean};

/// So many regions and new credentials are named.
const NAMED: usize = 4;
/// So many addresses, keys and trails are named.
const FEW: usize = 2;
/// So much of what happened stands in a message that grows.
const BEATS: usize = 10;
/// So many things to do now stand in a message; `incident ID --commands` has them all.
const FIRST: usize = 2;

/// What of an incident every message about it says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// The incident's id.
    pub id: String,
    /// How bad the whole is.
    pub severity: Severity,
    /// Whom it is about, where, and how far it has come.
    pub what: String,
    /// Whom it is about.
    pub about: String,
    /// The account in which it began: by name and number, or by number.
    pub account: String,
    /// From which addresses and with which keys.
    pub from: String,
    /// How far it has come, in words.
    pub stages: String,
    /// Where it is, and how much there is of it.
    pub places: String,
    /// What it started, about what that costs, and what it stopped.
    pub so_far: Vec<String>,
    /// Who was made on the way, and how.
    pub credentials: Vec<String>,
    /// The first commands of what to do now, and how many things more there are to do.
    pub do_now: (Vec<String>, usize),
    /// Why it is worse than its worst alert.
    pub raised: Option<String>,
    /// The last of what happened, a line each.
    pub beats: Vec<String>,
    /// How many alerts it has.
    pub alerts: u64,
    /// When its first event happened.
    pub began: Timestamp,
    /// When its last event happened, so far.
    pub last: Timestamp,
    /// `open`, `acknowledged by` somebody, `closed`, or `part of` another.
    pub state: String,
    /// Whether that is `open`.
    pub is_open: bool,
    /// What all of it has in common.
    #[serde(skip)]
    pub common: Common,
    /// In which language it is.
    #[serde(skip)]
    pub language: Language,
}

/// What every alert of an incident has in common, so that none of them need say it beside the incident. Empty where that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// The account's number, where the incident's first line says it since it has no name.
    pub account: String,
    /// The address that all calls come from.
    pub address: String,
    /// The key that all calls are made with.
    pub key: String,
    /// The region that all of it is in.
    pub region: String,
}

impl Brief {
    /// Of an incident, as it is `now`.
    pub fn of(incident: &Incident, now: Timestamp, language: Language) -> Self {
        let words = language.words();
        let (number, name) = (&incident.account.0, &incident.account.1);
        let stages: Vec<&str> = incident.stages.keys().map(|stage| stage.words(language)).collect();
        let made = incident
            .members
            .iter()
            .filter_map(|member| Some(words.made(member.credential.who(), member.made.as_ref()?.made())));
        let mut credentials: Vec<String> = made.collect();
        if credentials.len() > NAMED {
            let more = credentials.len() - NAMED;
            credentials.truncate(NAMED);
            credentials.push(words.and_more(more as u64));
        }
        let state = match (&incident.part_of, &incident.acknowledged) {
            (Some(whole), _) => State::PartOf(whole),
            _ if incident.closed => State::Closed,
            (None, Some(said)) => State::Acknowledged(&said.by, &said.note),
            (None, None) => State::Open,
        };
        let account = if name.is_empty() { number } else { name };
        let stages = stages.join(", ");
        let what = match stolen(incident) {
            Some(what) => words.stolen(what, account, &stages),
            None => words.about(&incident.about, account, &stages),
        };
        let trails = trails(incident, language).map(|trails| words.trails_stopped(&trails));
        Brief {
            id: incident.id.clone(),
            severity: incident.severity,
            what: clean(&what, FACT),
            about: incident.about.clone(),
            account: if name.is_empty() { number.clone() } else { format!("{name} ({number})") },
            from: from(incident, language),
            stages,
            places: places(incident, language),
            so_far: machines(incident, now, language).into_iter().chain(trails).collect(),
            credentials,
            do_now: do_now(incident, now, language),
            raised: incident.worse.as_ref().map(|worse| why(worse, language)),
            beats: beats(incident, language),
            alerts: incident.alerts,
            began: incident.began,
            last: incident.last,
            state: words.state(state),
            is_open: state == State::Open,
            common: common(incident),
            language,
        }
    }

    /// Its first line: its id, whom, where, and how far.
    pub fn headline(&self) -> String {
        clean(&format!("{} · {}", self.language.words().incident(&self.id), self.what), FACT)
    }

    /// What else there is to say, a line each.
    pub fn lines(&self) -> Vec<String> {
        let words = self.language.words();
        let from = Some(self.from.clone()).filter(|from| !from.is_empty());
        let alerts = words.alerts_in(self.alerts, &self.places);
        let so_far: Vec<&str> = self.so_far.iter().map(String::as_str).chain([alerts.as_str()]).collect();
        let so_far = words.so_far(&so_far.join(" · "));
        let credentials = (!self.credentials.is_empty()).then(|| self.credentials.join(" · "));
        let raised = self.raised.as_ref().map(|why| words.as_a_whole(self.severity, why));
        [from, Some(so_far), credentials, raised].into_iter().flatten().collect()
    }

    /// What stands before the commands, and says how much the last of them prints.
    pub fn do_now(&self) -> String {
        self.language.words().do_now(self.do_now.1 as u64)
    }

    /// What to do now, a command each: those that stop the damage, and the one that prints the rest. Each can be pasted as it is.
    pub fn actions(&self) -> Vec<String> {
        let (commands, more) = (&self.do_now.0, self.do_now.1);
        let rest = (more > 0).then(|| format!("trailnoti incident {} --commands", self.id));
        commands.iter().cloned().chain(rest).collect()
    }
}

/// What a thief seems to have, of whom: where the whole is critical by its shape, and not by one alert alone.
fn stolen(incident: &Incident) -> Option<Who<'_>> {
    let is_shaped = incident.severity == Severity::Critical && incident.worse.is_some();
    let first = incident.members.first().filter(|_| is_shaped)?;
    Some(match &first.credential {
        Credential::Key(id) if id.starts_with("ASIA") => Who::Session(&incident.about),
        Credential::Key(_) => Who::Key(&incident.about),
        Credential::Instance(id) => Who::Instance(id),
        other => match other.who() {
            Who::SignIn(_) => Who::SignIn(&incident.about),
            Who::Root(account) => Who::Root(account),
            Who::Role(_) | Who::Session(_) => Who::Session(&incident.about),
            _ => Who::Person(&incident.about),
        },
    })
}

fn why(worse: &Worse, language: Language) -> String {
    let words = language.words();
    match worse {
        Worse::Used(who, made) => words.is_used(&words.made(who.who(), made.made())),
        Worse::Together(stages) => {
            let stages: Vec<&str> = stages.iter().map(|stage| stage.words(language)).collect();
            words.within_an_hour(&stages.join(", "))
        }
    }
}

fn common(incident: &Incident) -> Common {
    let addresses = incident.touched.iter().filter_map(|touched| match &touched.what {
        Resource::Address(address) => Some(address),
        _ => None,
    });
    let keys = incident.touched.iter().filter_map(|touched| match &touched.what {
        Resource::Key { id, .. } if incident.is_used(id) => Some(id),
        _ => None,
    });
    let regions = incident.places.iter().map(|(place, _)| &place.region);
    let accounts = incident.places.iter().map(|(place, _)| &place.account);
    let is_named = !incident.account.1.is_empty();
    Common {
        account: if is_named { String::new() } else { only(accounts) },
        address: only(addresses),
        key: only(keys),
        region: only(regions),
    }
}

/// The one there is, where all are the same.
fn only<'a>(mut all: impl Iterator<Item = &'a String>) -> String {
    let Some(first) = all.next() else { return String::new() };
    if all.all(|other| other == first) { first.clone() } else { String::new() }
}

fn places(incident: &Incident, language: Language) -> String {
    let mut regions: Vec<&str> = incident.places.iter().map(|(place, _)| place.region.as_str()).collect();
    regions.dedup();
    let named: Vec<&str> = regions.iter().take(NAMED).copied().collect();
    match regions.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} {}", named.join(", "), language.words().and_more_regions(more as u64)),
    }
}

/// The texts of what it laid hands on, each once, the first few by name.
fn named(
    incident: &Incident,
    language: Language,
    text: impl Fn(&Touched) -> Option<String>,
) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in incident.touched.iter().filter_map(text) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    match all.len().saturating_sub(FEW) {
        _ if all.is_empty() => None,
        0 => Some(all.join(", ")),
        more => Some(format!("{} {}", all[..FEW].join(", "), language.words().and_more(more as u64))),
    }
}

fn from(incident: &Incident, language: Language) -> String {
    let addresses = named(incident, language, |touched| match &touched.what {
        Resource::Address(address) => Some(match incident.origins.get(address) {
            Some(origin) => format!("{address} ({origin})"),
            None => address.clone(),
        }),
        _ => None,
    });
    let keys = named(incident, language, |touched| match &touched.what {
        Resource::Key { id, .. } => incident.is_used(id).then(|| id.clone()),
        _ => None,
    });
    if addresses.is_none() && keys.is_none() {
        return String::new();
    }
    language.words().from(&addresses.unwrap_or_default(), &keys.unwrap_or_default())
}

/// What was started, and about what it costs while it runs.
fn machines(incident: &Incident, now: Timestamp, language: Language) -> Option<String> {
    let words = language.words();
    let all = incident.touched.iter().filter_map(|touched| match &touched.what {
        Resource::Machine { kind, .. } => Some((touched, spec(kind))),
        _ => None,
    });
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        return None;
    }
    let accelerated = all.iter().filter(|(_, spec)| spec.accelerator.is_some()).count();
    let mut regions: Vec<_> = all.iter().map(|(touched, _)| &touched.place).collect();
    regions.sort();
    regions.dedup();
    let place = match regions.as_slice() {
        [one] => one.region.clone(),
        several => words.regions(several.len() as u64),
    };
    let what = words.machines(all.len() as u64, accelerated as u64, &place);
    let an_hour: f64 = all.iter().filter_map(|(_, spec)| spec.usd_per_hour).sum();
    let so_far = all.iter().filter_map(|(touched, spec)| {
        Some(spec.usd_per_hour? * now.duration_since(touched.since).as_secs_f64().max(0.0) / 3600.0)
    });
    let so_far: f64 = so_far.sum();
    Some(match an_hour {
        0.0 => what,
        an_hour => {
            let so_far = (so_far >= 1.0).then(|| dollars(so_far));
            format!("{what}, {}", words.cost(&dollars(an_hour), so_far.as_deref()))
        }
    })
}

fn dollars(amount: f64) -> String {
    if amount < 10.0 { format!("${amount:.2}") } else { format!("${amount:.0}") }
}

fn trails(incident: &Incident, language: Language) -> Option<String> {
    named(incident, language, |touched| match &touched.what {
        Resource::Trail(name) => Some(name.rsplit('/').next().unwrap_or(name).to_owned()),
        _ => None,
    })
}

/// What happened, and where, unless that says it.
pub fn placed(title: &str, region: &str) -> String {
    match title.contains(region) {
        true => title.to_owned(),
        false => format!("{title} · {region}"),
    }
}

/// What happened, in its order: of more than there is room for, the most urgent, and of these the last.
fn beats(incident: &Incident, language: Language) -> Vec<String> {
    let mut beats: Vec<&Beat> = incident.timeline.iter().collect();
    beats.sort_by_key(|beat| Reverse((beat.severity, beat.time)));
    let more = beats.len().saturating_sub(BEATS) as u64 + incident.beyond;
    beats.truncate(BEATS);
    beats.sort_by_key(|beat| beat.time);
    let shown = beats.into_iter().map(|beat| {
        let time = beat.time.strftime("%H:%M");
        format!("{time} {}{}", placed(&beat.title, &beat.region), beat.times(language))
    });
    shown.chain((more > 0).then(|| language.words().and_more(more))).collect()
}

impl Beat {
    /// How often it happened, behind what happened, where that is more than once.
    pub fn times(&self, language: Language) -> String {
        match self.times {
            ..=1 => String::new(),
            times => format!(" ({})", language.words().times(times)),
        }
    }
}

fn do_now(incident: &Incident, now: Timestamp, language: Language) -> (Vec<String>, usize) {
    let steps = steps(incident, now, language);
    let first = steps.iter().filter(|step| step.lines.len() == 1).take(FIRST);
    let first: Vec<String> = first.flat_map(|step| step.lines.iter().cloned()).collect();
    let more = steps.len() - first.len();
    (first, more)
}
