//! What the page shows: the status, the incidents and the decisions, as short texts in the order in which somebody who worries
//! reads them. Owns what is said and what comes first; the template escapes all of it.

use std::collections::BTreeMap;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::incident::Incident;
use crate::domain::judge::silence::Silence;
use crate::domain::language::Language;
use crate::domain::text::{clean, counted, span};
use crate::domain::time::earlier;
use crate::ops::page::{Alert, Feed, StatusPage};
use crate::ops::web::chart::{Chart, Days};
use crate::ops::web::story::Story;

/// The longest text of another's, in characters.
const TEXT: usize = 300;
/// So many lines of one kind are shown.
const LINES: usize = 50;
/// The regions of so many accounts are shown at once; of more, those of accounts with trouble.
const ACCOUNTS: usize = 3;
/// What is read later than this, in seconds, is behind: CloudTrail itself takes ten minutes.
const LATE: i64 = 15 * 60;
/// So many regions are shown one by one; of more, those with trouble.
const TILES: usize = 200;
/// So many days have a bar.
const DAYS: u64 = 14;
/// LookupEvents may be asked so often a minute in each region (CloudTrail user guide, "Quotas": two a second).
const QUOTA: u32 = 120;

/// How something is: the class of the style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Somebody must do something.
    Bad,
    /// Not yet, or not quite.
    Warn,
    /// As it should be.
    Good,
}

impl Tone {
    /// Its class.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Bad => "bad",
            Tone::Warn => "warn",
            Tone::Good => "good",
        }
    }
}

/// One region.
#[derive(Debug)]
pub struct Tile {
    region: String,
    tone: Tone,
    /// Read how long ago, what of the quota is used, what is wrong.
    lines: Vec<String>,
}

/// The regions of one account.
#[derive(Debug)]
pub struct Account {
    id: String,
    said: String,
    tone: Tone,
    open: bool,
    tiles: Vec<Tile>,
}

/// A decision that was searched for.
#[derive(Debug)]
struct Found {
    when: String,
    severity: &'static str,
    title: String,
    place: String,
    id: String,
    decision: String,
    not: Vec<String>,
}

impl Found {
    fn of(one: &Alert) -> Self {
        let subject = one.subject.as_ref();
        let not = one.not.iter().map(|not| format!("{}: {}", not.rule, not.why));
        Found {
            when: one.time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            severity: subject.map_or("", |subject| subject.severity.name()),
            title: clean(subject.map_or(&one.name, |subject| &subject.title), TEXT),
            place: clean(&format!("{} {}", one.account, one.region), TEXT),
            id: clean(&one.event, TEXT),
            decision: clean(&one.decision, TEXT),
            not: not.map(|text| clean(&text, TEXT)).collect(),
        }
    }
}

/// What was asked of the search, and what was found.
#[derive(Debug, Default)]
pub struct Search {
    /// The text that decisions must have.
    pub asked: String,
    /// Those that have it, the newest first.
    pub found: Vec<Alert>,
}

/// Everything that the page is made of.
#[derive(Debug)]
pub struct Sources {
    /// The status.
    pub status: StatusPage,
    /// Every incident.
    pub incidents: Vec<Incident>,
    /// The alerts that are kept, the newest first.
    pub alerts: Vec<Alert>,
    /// Every silence in force.
    pub silences: Vec<Silence>,
    /// What was searched for.
    pub search: Search,
    /// In which language the incidents are.
    pub language: Language,
}

/// A row of a table: its cells.
type Row = Vec<String>;

#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct Page {
    tone: Tone,
    headline: String,
    details: Vec<String>,
    version: String,
    made: String,
    complete: String,
    since: String,
    accounts: Vec<Account>,
    stories: Vec<Story>,
    more_stories: usize,
    chart: Chart,
    asked: String,
    found: Vec<Found>,
    more_found: usize,
    sinks: Vec<(Tone, Row)>,
    exclusions: Vec<Row>,
    silences: Vec<Row>,
    rules: Vec<Row>,
    learned: String,
    learning: Vec<(String, u8)>,
}

impl Page {
    pub(super) fn of(from: Sources) -> Self {
        let Sources { status, incidents, alerts, silences, search, language } = from;
        let now = status.now;
        let ago = |time: Option<Timestamp>| time.map_or("never".to_owned(), |time| ago(time, now));
        let mut open: Vec<&Incident> =
            incidents.iter().filter(|one| !one.closed && one.part_of.is_none()).collect();
        open.sort_by_key(|one| std::cmp::Reverse((one.severity, one.grew)));
        let sinks: Vec<(Tone, Row)> = status
            .sinks
            .iter()
            .map(|sink| {
                let trouble = sink.trouble.as_deref().map(|why| clean(why, TEXT));
                let tone = if trouble.is_some() || sink.dead > 0 { Tone::Bad } else { Tone::Good };
                let dead =
                    if sink.dead == 0 { String::new() } else { format!("{} refused for good", sink.dead) };
                let said = [trouble.unwrap_or_default(), dead].into_iter().filter(|text| !text.is_empty());
                let said: Vec<String> = said.collect();
                let said = if said.is_empty() { "works".to_owned() } else { said.join("; ") };
                (tone, vec![sink.name.clone(), said, sink.waiting.to_string(), ago(sink.last_success)])
            })
            .collect();
        let (tone, headline, details) = verdict(&status, sinks.iter().all(|(tone, _)| *tone == Tone::Good));
        let exclusions = status.exclusions.iter().map(|one| {
            let what = format!("{} {}", clean(&one.instance, TEXT), clean(&one.principal, TEXT));
            vec![clean(&one.name, TEXT), one.hidden.to_string(), ago(one.last), what.trim().to_owned()]
        });
        let hides = silences.iter().map(|one| {
            let what = [&one.rule, &one.principal, &one.account, &one.region];
            let what: Vec<&str> =
                what.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
            let until = one.until.strftime("%Y-%m-%d %H:%M UTC").to_string();
            let why = clean(&format!("{}: {}", one.owner, one.why), TEXT);
            vec![clean(&what.join(", "), TEXT), one.hid.to_string(), until, why]
        });
        let learning = status.memory.regions.iter().filter(|region| !region.done);
        let learning = learning.map(|one| (format!("{} {}", one.account, one.region), one.percent.min(100)));
        Page {
            tone,
            headline,
            details,
            version: status.version.clone(),
            made: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            complete: status.coverage.read_up_to.map_or(String::new(), |time| {
                format!("complete up to {}, CloudTrail's own delay included", time.strftime("%H:%M:%S UTC"))
            }),
            since: span(now.duration_since(status.since).as_secs()),
            accounts: accounts(&status),
            more_stories: open.len().saturating_sub(LINES),
            stories: open.iter().take(LINES).map(|one| Story::of(one, now, language, true)).collect(),
            chart: by_day(&alerts, now),
            more_found: search.found.len().saturating_sub(LINES),
            found: search.found.iter().take(LINES).map(Found::of).collect(),
            asked: clean(&search.asked, TEXT),
            sinks,
            exclusions: exclusions.collect(),
            silences: hides.collect(),
            rules: rules(&status, &alerts, now),
            learned: learned(&status),
            learning: if status.memory.learning { learning.take(LINES).collect() } else { Vec::new() },
        }
    }
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(time).as_secs().max(0)))
}

/// Is everything covered? In one line, and why not.
fn verdict(status: &StatusPage, sinks_work: bool) -> (Tone, String, Vec<String>) {
    let coverage = &status.coverage;
    let mut details: Vec<String> =
        status.not_seen.iter().take(LINES / 5).map(|text| clean(text, TEXT)).collect();
    let more = status.not_seen.len().saturating_sub(details.len());
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    if !sinks_work {
        details.push("a sink does not take alerts: see below".to_owned());
    }
    if let Some(why) = &status.state_kept_in_memory {
        details.push(format!("the state cannot be written and is kept in memory: {}", clean(why, TEXT)));
    }
    let regions = format!("{} of {} regions are read on time", coverage.in_time, coverage.regions);
    if coverage.gaps > 0 {
        details.push(format!("{} not read back: trailnoti status", counted(coverage.gaps as u64, "gap")));
    }
    let is_starting = |text: &String| text.ends_with("not read yet") || text.ends_with("not known yet");
    let is_else_well = sinks_work && status.state_kept_in_memory.is_none() && coverage.gaps == 0;
    let begins = !status.not_seen.is_empty() && status.not_seen.iter().all(is_starting);
    if details.is_empty() && coverage.regions > 0 && coverage.in_time == coverage.regions {
        (Tone::Good, format!("Covered: {regions}"), details)
    } else if coverage.regions == 0 || begins && is_else_well {
        (Tone::Warn, format!("Starting: {regions}"), details)
    } else if status.not_seen.is_empty() && sinks_work {
        (Tone::Warn, format!("Behind: {regions}"), details)
    } else {
        (Tone::Bad, format!("Not covered: {regions}"), details)
    }
}

/// The regions, account by account; accounts with trouble first.
fn accounts(status: &StatusPage) -> Vec<Account> {
    let mut by_account: BTreeMap<&str, BTreeMap<&str, Vec<&Feed>>> = BTreeMap::new();
    for feed in &status.regions {
        let regions = by_account.entry(&feed.account).or_default();
        regions.entry(&feed.region).or_default().push(feed);
    }
    let few = by_account.len() <= ACCOUNTS;
    let mut accounts: Vec<Account> = by_account
        .into_iter()
        .map(|(id, regions)| {
            let mut tiles: Vec<Tile> =
                regions.into_iter().map(|(region, feeds)| tile(region, &feeds)).collect();
            tiles.sort_by(|a, b| (a.tone, &a.region).cmp(&(b.tone, &b.region)));
            let well = tiles.iter().filter(|tile| tile.tone == Tone::Good).count();
            let tone = tiles.iter().map(|tile| tile.tone).min().unwrap_or(Tone::Good);
            let said = format!("{well} of {} are read", tiles.len());
            Account {
                id: if id.is_empty() { "account not known yet".to_owned() } else { id.to_owned() },
                said,
                tone,
                open: few || tone == Tone::Bad,
                tiles,
            }
        })
        .collect();
    accounts.sort_by(|a, b| (a.tone, &a.id).cmp(&(b.tone, &b.id)));
    let mut room = TILES;
    for account in &mut accounts {
        if !account.open || room == 0 {
            account.tiles.retain(|tile| tile.tone != Tone::Good);
        }
        account.tiles.truncate(room.max(1));
        room = room.saturating_sub(account.tiles.len());
    }
    accounts
}

fn tile(region: &str, feeds: &[&Feed]) -> Tile {
    let (mut tone, mut lines) = (Tone::Good, Vec::new());
    for feed in feeds {
        let what = match feed.api.as_str() {
            "cloudtrail" => "events",
            "ec2" => "instances",
            "regions" => "list of regions",
            other => other,
        };
        match (&feed.trouble, feed.lag_seconds) {
            (Some(why), _) => {
                tone = Tone::Bad;
                lines.push(clean(&format!("{what} not read: {why}"), TEXT));
            }
            (None, Some(lag)) => {
                if lag > LATE {
                    tone = tone.min(Tone::Warn);
                }
                lines.push(format!("{what} read up to {} ago", span(lag)));
            }
            (None, None) => {
                tone = tone.min(Tone::Warn);
                lines.push(format!("{what} not read yet"));
            }
        }
        if feed.api == "cloudtrail" {
            lines.push(format!("{} of {QUOTA} requests a minute", feed.asked_last_minute));
        }
    }
    Tile { region: if region.is_empty() { "all regions".to_owned() } else { region.to_owned() }, tone, lines }
}

fn by_day(alerts: &[Alert], now: Timestamp) -> Chart {
    let mut days = Days::new();
    let day = |time: Timestamp| time.to_zoned_datetime(TimeZone::UTC).date();
    let first = day(earlier(now, std::time::Duration::from_secs((DAYS - 1) * 24 * 3600)));
    for alert in alerts {
        let Some(subject) = &alert.subject else { continue };
        let of = day(alert.time);
        if of >= first {
            *days.entry(of).or_default().entry(subject.severity).or_default() += 1;
        }
    }
    Chart::of(&days, first, day(now))
}

/// Each rule that alerted lately, those that did most first.
fn rules(status: &StatusPage, alerts: &[Alert], now: Timestamp) -> Vec<Row> {
    let mut counted: BTreeMap<&str, (u64, Timestamp)> = BTreeMap::new();
    for alert in alerts {
        let Some(subject) = &alert.subject else { continue };
        let entry = counted.entry(&subject.rule).or_insert((0, alert.time));
        *entry = (entry.0 + 1, entry.1.max(alert.time));
    }
    let mut rules: Vec<_> = counted.into_iter().collect();
    rules.sort_by_key(|(rule, (count, _))| (std::cmp::Reverse(*count), *rule));
    let shown = rules.iter().take(LINES).map(|(rule, (count, last))| {
        vec![clean(rule, TEXT), count.to_string(), ago(*last, now), "on".to_owned()]
    });
    let trial = status.dry_run.iter().map(|one| {
        vec![
            clean(&one.rule, TEXT),
            one.would_have_alerted.to_string(),
            String::new(),
            "on trial: counts only".to_owned(),
        ]
    });
    shown.chain(trial).collect()
}

fn learned(status: &StatusPage) -> String {
    let memory = &status.memory;
    let done = memory.regions.iter().filter(|region| region.done).count();
    let known = counted(memory.remembered as u64, "value");
    if memory.regions.is_empty() {
        "Nothing is known yet.".to_owned()
    } else if memory.learning {
        format!(
            "Learning what is normal: 90 days of history read in {done} of {} regions, {known} remembered",
            memory.regions.len()
        )
    } else {
        format!("90 days of history are read; {known} remembered")
    }
}
