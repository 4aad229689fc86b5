//! An incident in a few lines, for every message about it and for the list of all. Owns which lines these are; how they look is each
//! channel's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::instance_type::spec;
use crate::domain::incident::commands::steps;
use crate::domain::incident::resource::Resource;
use crate::domain::incident::{Beat, Incident, Member, Touched};
use crate::domain::severity::Severity;
use crate::domain::text::{FACT, clean, counted};

/// So many regions and new credentials are named.
const NAMED: usize = 4;
/// So many addresses, keys and trails are named.
const FEW: usize = 2;
/// So much of what happened stands in a message that grows.
const BEATS: usize = 10;
/// So many things to do now stand in a message; `incident ID --commands` has them all.
const FIRST: usize = 2;

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
}

impl Brief {
    /// Of an incident, as it is `now`.
    pub fn of(incident: &Incident, now: Timestamp) -> Self {
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
            from: from(incident),
            stages: stages.join(", "),
            places: places(incident),
            so_far: machines(incident, now).into_iter().chain(trails(incident)).collect(),
            credentials,
            do_now: do_now(incident, now),
            raised: incident.raised.clone(),
            beats: beats(incident),
            alerts: incident.alerts,
            began: incident.began,
            last: incident.last,
            state: match &incident.part_of {
                Some(whole) => format!("part of {whole}"),
                None if incident.closed => "closed".to_owned(),
                None => match &incident.acknowledged {
                    Some(said) if said.note.is_empty() => format!("acknowledged by {}", said.by),
                    Some(said) => format!("acknowledged by {}: {}", said.by, said.note),
                    None => "open".to_owned(),
                },
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
        let from = (!self.from.is_empty()).then(|| format!("from {}", self.from));
        let alerts = format!("{} in {}", counted(self.alerts, "alert"), self.places);
        let so_far: Vec<&str> = self.so_far.iter().map(String::as_str).chain([alerts.as_str()]).collect();
        let so_far = format!("so far: {}", so_far.join(" · "));
        let credentials = (!self.credentials.is_empty()).then(|| self.credentials.join(" · "));
        let raised = self.raised.as_ref().map(|why| format!("{} as a whole: {why}", self.severity));
        [from, Some(so_far), credentials, raised].into_iter().flatten().collect()
    }

    /// What to do now, a line each: the commands that stop the damage, and where the rest is.
    pub fn actions(&self) -> Vec<String> {
        let (commands, more) = (&self.do_now.0, self.do_now.1);
        let rest = match (commands.is_empty(), more) {
            (_, 0) => None,
            (true, _) => Some(format!("trailnoti incident {} --commands", self.id)),
            (false, more) => Some(format!("trailnoti incident {} --commands   prints {more} more", self.id)),
        };
        commands.iter().cloned().chain(rest).collect()
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

/// The texts of what it laid hands on, each once, the first few by name.
fn named(incident: &Incident, text: impl Fn(&Touched) -> Option<String>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in incident.touched.iter().filter_map(text) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    match all.len().saturating_sub(FEW) {
        _ if all.is_empty() => None,
        0 => Some(all.join(", ")),
        more => Some(format!("{} and {more} more", all[..FEW].join(", "))),
    }
}

fn from(incident: &Incident) -> String {
    let addresses = named(incident, |touched| match &touched.what {
        Resource::Address(address) => Some(match incident.origins.get(address) {
            Some(origin) => format!("{address} ({origin})"),
            None => address.clone(),
        }),
        _ => None,
    });
    let keys = named(incident, |touched| match &touched.what {
        Resource::Key { id, .. } => incident.is_used(id).then(|| id.clone()),
        _ => None,
    });
    match (addresses, keys) {
        (Some(addresses), Some(keys)) => format!("{addresses} with key {keys}"),
        (addresses, keys) => addresses.or(keys.map(|keys| format!("key {keys}"))).unwrap_or_default(),
    }
}

/// What was started, and about what it costs while it runs.
fn machines(incident: &Incident, now: Timestamp) -> Option<String> {
    let all = incident.touched.iter().filter_map(|touched| match &touched.what {
        Resource::Machine { kind, .. } => Some((touched, spec(kind))),
        _ => None,
    });
    let all: Vec<_> = all.collect();
    let special = all.iter().filter(|(_, spec)| spec.accelerator.is_some()).count();
    let what = match special {
        _ if all.is_empty() => return None,
        0 => counted(all.len() as u64, "machine"),
        special if special == all.len() => counted(special as u64, "GPU machine"),
        special => format!("{} ({special} with GPUs)", counted(all.len() as u64, "machine")),
    };
    let mut regions: Vec<_> = all.iter().map(|(touched, _)| &touched.place).collect();
    regions.sort();
    regions.dedup();
    let place = match regions.as_slice() {
        [one] => one.region.clone(),
        several => counted(several.len() as u64, "region"),
    };
    let an_hour: f64 = all.iter().filter_map(|(_, spec)| spec.usd_per_hour).sum();
    let so_far = all.iter().filter_map(|(touched, spec)| {
        Some(spec.usd_per_hour? * now.duration_since(touched.since).as_secs_f64().max(0.0) / 3600.0)
    });
    let so_far: f64 = so_far.sum();
    let cost = match an_hour {
        0.0 => String::new(),
        an_hour if so_far >= 1.0 => {
            format!(", about {} an hour and {} until now", dollars(an_hour), dollars(so_far))
        }
        an_hour => format!(", about {} an hour", dollars(an_hour)),
    };
    Some(format!("{what} in {place}{cost}"))
}

fn dollars(amount: f64) -> String {
    if amount < 10.0 { format!("${amount:.2}") } else { format!("${amount:.0}") }
}

fn trails(incident: &Incident) -> Option<String> {
    let trails = named(incident, |touched| match &touched.what {
        Resource::Trail(name) => Some(name.rsplit('/').next().unwrap_or(name).to_owned()),
        _ => None,
    });
    trails.map(|trails| format!("trail {trails} stopped"))
}

/// What happened, and where, unless that says it.
pub fn placed(title: &str, region: &str) -> String {
    match title.contains(region) {
        true => title.to_owned(),
        false => format!("{title} · {region}"),
    }
}

fn beats(incident: &Incident) -> Vec<String> {
    let earlier = incident.timeline.len().saturating_sub(BEATS);
    let mut beats: Vec<&Beat> = incident.timeline.iter().collect();
    beats.sort_by_key(|beat| beat.time);
    let shown = beats.into_iter().skip(earlier).map(|beat| {
        let times = if beat.times > 1 { format!(" ({} times)", beat.times) } else { String::new() };
        format!("{} {}{times}", beat.time.strftime("%H:%M"), placed(&beat.title, &beat.region))
    });
    let more = (earlier > 0).then(|| format!("{earlier} earlier"));
    more.into_iter().chain(shown).collect()
}

fn do_now(incident: &Incident, now: Timestamp) -> (Vec<String>, usize) {
    let steps = steps(incident, now);
    let first = steps.iter().filter(|step| step.lines.len() == 1).take(FIRST);
    let first: Vec<String> = first.flat_map(|step| step.lines.iter().cloned()).collect();
    let more = steps.len() - first.len();
    (first, more)
}
