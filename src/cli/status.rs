//! `status`: what the running daemon sees, on one screen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use jiff::Timestamp;

use crate::cli::arguments::ConfigFile;
use crate::cli::ask;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::text::layout::{Table, grid, paragraph};
use crate::domain::text::{clean, span};
use crate::ops::page::{
    Alert, Coverage, DryRun, Exclusion, Feed, Gap, Instances, Ledger, Memory, Sink, StatusPage, Why,
};
use crate::sink::terminal::columns;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
/// How many lines of one kind are shown; `--json` has all.
const LINES: usize = 6;
/// The longest text of another's that is shown, in characters.
const TEXT: usize = 300;

pub(super) fn run(file: &ConfigFile, json: bool) -> anyhow::Result<ExitCode> {
    let page: StatusPage = match ask::page(file, "/status")? {
        Ok(page) => page,
        Err(code) => return Ok(code),
    };
    let text = if json { format!("{}\n", serde_json::to_string(&page)?) } else { screen(&page) };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The page as a person reads it.
fn screen(page: &StatusPage) -> String {
    let mut out = String::new();
    let (ink, verdict) = match page.not_seen.len() {
        0 => (GOOD, "all region feeds are being read".to_owned()),
        n => (BAD, format!("{n} of {} region feeds are not being read", page.regions.len().max(n))),
    };
    line(
        &mut out,
        &format!(
            "{BOLD}trailnoti {}{BOLD:#}  {ink}{verdict}{ink:#}  {DIM}configuration loaded {} ago{DIM:#}",
            page.version,
            ago(page.since, page.now)
        ),
    );
    if let Some(why) = &page.state_kept_in_memory {
        let text =
            format!("{BAD}the state cannot be written and is kept in memory{BAD:#}: {}", clean(why, TEXT));
        line(&mut out, &paragraph(columns(), "", "", &text));
    }
    feeds(&mut out, page);
    sinks(&mut out, &page.sinks, page.now);
    instances(&mut out, &page.instances, page.now);
    exclusions(&mut out, &page.exclusions, page.now);
    memory(&mut out, &page.memory);
    dry_run(&mut out, &page.dry_run);
    alerts(&mut out, page);
    out
}

/// The region; with its account, where there are several.
fn place(several: bool, account: &str, region: &str) -> String {
    if several { format!("{account}/{region}") } else { region.to_owned() }
}

fn are_several<'a>(accounts: impl Iterator<Item = &'a String>) -> bool {
    accounts.collect::<BTreeSet<_>>().len() > 1
}

fn feeds(out: &mut String, page: &StatusPage) {
    let feeds = &page.regions;
    let several = are_several(feeds.iter().map(|feed| &feed.account));
    let mut places: Vec<(&str, &str)> =
        feeds.iter().map(|feed| (feed.account.as_str(), feed.region.as_str())).collect();
    places.dedup();
    title(out, &format!("Regions ({})", places.len()));
    let troubled: Vec<(&Feed, &String)> =
        feeds.iter().filter_map(|feed| Some((feed, feed.trouble.as_ref()?))).collect();
    // What has a trouble of its own is shown by that.
    let is_named = |text: &str| troubled.iter().any(|(feed, _)| text.contains(&feed.region));
    for text in page.not_seen.iter().filter(|text| !is_named(text)).take(LINES) {
        line(out, &paragraph(columns(), "  ✗ ", "    ", &clean(text, TEXT)));
    }
    coverage(out, several, &page.coverage, &troubled);
    // What fails by the same is one trouble.
    let mut alike: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (feed, trouble) in &troubled {
        let place = place(several, &feed.account, &feed.region);
        alike.entry((&feed.api, trouble)).or_default().push(place);
    }
    for ((api, trouble), places) in alike {
        let places = places.join(", ");
        let text = format!("{} not read in {places}: {}", clean(api, TEXT), clean(trouble, TEXT));
        line(out, &paragraph(columns(), "  ✗ ", "    ", &text));
    }
    let well = feeds.iter().filter(|feed| feed.trouble.is_none() && feed.api == "cloudtrail");
    let cells: Vec<String> = well
        .map(|feed| {
            let place = place(several, &feed.account, &feed.region);
            feed.lag_seconds.map_or(format!("{place} not read yet"), |lag| format!("{place} {}", span(lag)))
        })
        .collect();
    out.push_str(&grid(columns(), &cells));
}

/// What of the history is read, and each gap in it. One that lasts is the trouble of its region.
fn coverage(out: &mut String, several: bool, coverage: &Coverage, troubled: &[(&Feed, &String)]) {
    if coverage.regions == 0 {
        return;
    }
    line(out, &paragraph(columns(), "  ", "  ", &clean(&coverage.sentence, TEXT)));
    let mut table = Table::default();
    let missing: Vec<(&Ledger, &Gap)> = coverage
        .ledgers
        .iter()
        .flat_map(|ledger| ledger.gaps.iter().map(move |gap| (ledger, gap)))
        .filter(|(ledger, gap)| {
            let is_shown = |(feed, _): &(&Feed, &String)| {
                (&feed.account, &feed.region) == (&ledger.account, &ledger.region)
            };
            gap.closed.is_none() && (gap.until.is_some() || !troubled.iter().any(is_shown))
        })
        .collect();
    for (ledger, gap) in missing.iter().take(LINES) {
        let why = match gap.why {
            Why::TooOld => "AWS does not keep it any more",
            _ if gap.is_closing() => "is being read back",
            _ => "not read",
        };
        let until = gap.until.map_or("now".to_owned(), |until| format!("{until:.0}"));
        let place = place(several, &ledger.account, &ledger.region);
        table.row([format!("✗ {place}"), format!("gap from {:.0} to {until}: {why}", gap.from)]);
    }
    out.push_str(&table.text(columns()));
    more(out, missing.len());
}

fn sinks(out: &mut String, sinks: &[Sink], now: Timestamp) {
    title(out, "Sinks");
    let mut table = Table::default();
    for sink in sinks {
        let dead =
            if sink.dead == 0 { String::new() } else { format!("{} rejected and set aside, ", sink.dead) };
        let last = sink
            .last_success
            .map_or("nothing sent yet".to_owned(), |last| format!("sent {} ago", ago(last, now)));
        let trouble =
            sink.trouble.as_ref().map(|why| format!("; ✗ {}", clean(why, TEXT))).unwrap_or_default();
        table.row([sink.name.clone(), format!("{} waiting", sink.waiting), format!("{dead}{last}{trouble}")]);
    }
    out.push_str(&table.text(columns()));
}

fn instances(out: &mut String, instances: &Instances, now: Timestamp) {
    title(
        out,
        &format!(
            "Instances: {} waiting for a launch record or first listing, {} held back",
            instances.open,
            instances.held.len()
        ),
    );
    let mut table = Table::default();
    for held in instances.held.iter().take(LINES) {
        table.row([
            format!("{} ({}) in {}", held.instance, held.size, held.region),
            format!("held back for {}, waiting for {}", ago(held.since, now), held.waits_for),
        ]);
    }
    out.push_str(&table.text(columns()));
    more(out, instances.held.len());
}

fn exclusions(out: &mut String, exclusions: &[Exclusion], now: Timestamp) {
    if exclusions.is_empty() {
        return;
    }
    title(out, "Exclusions");
    let mut table = Table::default();
    for exclusion in exclusions.iter().take(LINES) {
        let last = exclusion.last.map_or("never used".to_owned(), |last| {
            let by = Some(exclusion.principal.as_str()).filter(|by| !by.is_empty());
            let by = clean(by.unwrap_or("an unknown launcher"), TEXT);
            format!("last {} ago: {}, launched by {by}", ago(last, now), exclusion.instance)
        });
        table.row([exclusion.name.clone(), format!("hid {}", exclusion.hidden), last]);
    }
    out.push_str(&table.text(columns()));
    more(out, exclusions.len());
}

fn memory(out: &mut String, memory: &Memory) {
    let known = format!("{} values remembered", memory.remembered);
    if !memory.learning {
        title(out, &format!("Learned: 90 days of history read ({known})"));
        return;
    }
    title(out, &format!("Learning what is normal ({known})"));
    let several = are_several(memory.regions.iter().map(|region| &region.account));
    let (done, rest): (Vec<_>, Vec<_>) = memory.regions.iter().partition(|region| region.done);
    line(out, &format!("  90 days of history read in {} of {} regions", done.len(), memory.regions.len()));
    let mut table = Table::default();
    for region in rest.iter().take(LINES) {
        let percent = usize::from(region.percent.min(100));
        let bar = format!("{}{}", "█".repeat(percent / 5), "░".repeat(20 - percent / 5));
        table.row([place(several, &region.account, &region.region), format!("{bar} {percent:>3} %")]);
    }
    out.push_str(&table.text(columns()));
    more(out, rest.len());
}

fn dry_run(out: &mut String, rules: &[DryRun]) {
    if rules.is_empty() {
        return;
    }
    title(out, "Dry-run rules");
    let mut table = Table::default();
    for rule in rules.iter().take(LINES) {
        table.row([rule.rule.clone(), format!("would have alerted: {}", rule.would_have_alerted)]);
    }
    out.push_str(&table.text(columns()));
    more(out, rules.len());
}

fn alerts(out: &mut String, page: &StatusPage) {
    title(out, "Last alerts");
    let mut table = Table::default();
    for Alert { decided, subject, .. } in page.alerts.iter().take(LINES) {
        let Some(subject) = subject else { continue };
        let ink = severity_style(subject.severity);
        let when = decided.map(|at| format!("{} ago", ago(at, page.now))).unwrap_or_default();
        table.row([when, format!("{ink}{}{ink:#}", subject.severity), clean(&subject.title, TEXT)]);
    }
    out.push_str(&table.text(columns()));
    let more = page.alerts_kept.saturating_sub(LINES);
    if more > 0 {
        line(out, &format!("  {DIM}and {more} more: trailnoti alerts{DIM:#}"));
    }
    if page.alerts.is_empty() {
        line(out, &format!("  {DIM}none{DIM:#}"));
    }
}

fn more(out: &mut String, all: usize) {
    if all > LINES {
        line(out, &format!("  {DIM}and {} more (--json lists all){DIM:#}", all - LINES));
    }
}

fn title(out: &mut String, text: &str) {
    line(out, &format!("\n{BOLD}{text}{BOLD:#}"));
}

fn line(out: &mut String, text: &str) {
    let Ok(()) = writeln!(out, "{text}") else { return };
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(time).as_secs())
}
