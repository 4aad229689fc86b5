//! `status`: what the running daemon sees, on one screen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use jiff::Timestamp;

use crate::cli::arguments::ConfigFile;
use crate::cli::ask;
use crate::domain::incident::Incident;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::text::layout::{Table, grid, one_line, paragraph};
use crate::domain::text::{clean, counted, span};
use crate::ops::page::{
    Alert, Coverage, DryRun, Exclusion, Feed, Gap, Instances, Ledger, Memory, Sink, StatusPage, Why,
};
use crate::sink::terminal::columns;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
/// How many lines of one kind are shown, so that all of it fits on 24; `--all` has more, and `--json` everything.
const LINES: usize = 3;
const ALL: usize = 200;
/// Between two looks of `--watch`.
const AGAIN: Duration = Duration::from_secs(2);
/// The longest text of another's that is shown, in characters.
const TEXT: usize = 300;

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub json: bool,
    pub all: bool,
    pub watch: bool,
}

pub(super) fn run(file: &ConfigFile, view: View) -> anyhow::Result<ExitCode> {
    loop {
        let page: StatusPage = match ask::page(file, "/status")? {
            Ok(page) => page,
            Err(code) => return Ok(code),
        };
        let text = if view.json {
            format!("{}\n", serde_json::to_string(&page)?)
        } else {
            let incidents: Vec<Incident> = ask::page(file, "/incidents")?.unwrap_or_default();
            screen(&page, &incidents, if view.all { ALL } else { LINES })
        };
        // The screen is cleared only for a person who looks at it.
        let clear = if view.watch && !view.json && std::io::stdout().is_terminal() { CLEAR } else { "" };
        let mut out = anstream::stdout();
        out.write_all(format!("{clear}{text}").as_bytes()).context("cannot write to standard output")?;
        out.flush().context("cannot write to standard output")?;
        if !view.watch {
            return Ok(ExitCode::SUCCESS);
        }
        #[allow(clippy::disallowed_methods, reason = "a person looks, in real time")]
        std::thread::sleep(AGAIN);
    }
}

/// Home, and nothing on it (ECMA-48, CUP and ED).
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// The page as a person reads it: the worst first.
fn screen(page: &StatusPage, incidents: &[Incident], lines: usize) -> String {
    let mut out = String::new();
    let coverage = &page.coverage;
    let regions = format!("{} of {} regions read on time", coverage.in_time, coverage.regions);
    let (ink, verdict) = match page.not_seen.len() {
        0 if coverage.in_time == coverage.regions => (GOOD, regions),
        0 => (BAD, format!("behind: {regions}")),
        _ => (BAD, format!("NOT everything is read: {regions}")),
    };
    line(&mut out, &format!("{BOLD}trailnoti {}{BOLD:#}  {ink}{verdict}{ink:#}", page.version));
    let complete = coverage.read_up_to.map_or(String::new(), |time| {
        format!("events complete up to {} ago, CloudTrail's own delay included; ", ago(time, page.now))
    });
    let loaded = format!("{DIM}{complete}configuration loaded {} ago{DIM:#}", ago(page.since, page.now));
    line(&mut out, &paragraph(columns(), "  ", "  ", &loaded));
    if let Some(why) = &page.state_kept_in_memory {
        let text =
            format!("{BAD}the state cannot be written and is kept in memory{BAD:#}: {}", clean(why, TEXT));
        line(&mut out, &paragraph(columns(), "", "", &text));
    }
    feeds(&mut out, page, lines);
    stories(&mut out, incidents, lines);
    sinks(&mut out, page, lines);
    instances(&mut out, &page.instances, page.now, lines);
    exclusions(&mut out, &page.exclusions, page.now, lines);
    memory(&mut out, &page.memory, lines);
    dry_run(&mut out, &page.dry_run, lines);
    alerts(&mut out, page, lines);
    out
}

/// The incidents that are open, the worst first.
fn stories(out: &mut String, incidents: &[Incident], lines: usize) {
    let mut open: Vec<&Incident> =
        incidents.iter().filter(|one| !one.closed && one.part_of.is_none()).collect();
    if open.is_empty() {
        return;
    }
    open.sort_by_key(|one| std::cmp::Reverse((one.severity, one.grew)));
    title(out, &format!("Open incidents ({}): trailnoti incident ID", open.len()));
    for one in open.iter().take(lines) {
        let ink = severity_style(one.severity);
        let said = format!("{} {}, {}", one.id, clean(&one.about, TEXT), counted(one.alerts, "alert"));
        let severity = one.severity.to_string();
        let said = one_line(columns(), severity.len() + 4, &said);
        line(out, &format!("  {ink}{severity}{ink:#}  {said}"));
    }
    more(out, open.len(), lines);
}

/// The region; with its account, where there are several.
fn place(several: bool, account: &str, region: &str) -> String {
    if several { format!("{account}/{region}") } else { region.to_owned() }
}

fn are_several<'a>(accounts: impl Iterator<Item = &'a String>) -> bool {
    accounts.collect::<BTreeSet<_>>().len() > 1
}

fn feeds(out: &mut String, page: &StatusPage, lines: usize) {
    let feeds = &page.regions;
    let several = are_several(feeds.iter().map(|feed| &feed.account));
    title(out, "Regions");
    let troubled: Vec<(&Feed, &String)> =
        feeds.iter().filter_map(|feed| Some((feed, feed.trouble.as_ref()?))).collect();
    // What has a trouble of its own is shown by that, and what was not read yet is counted.
    let is_named = |text: &str| troubled.iter().any(|(feed, _)| text.contains(&feed.region));
    let others: Vec<&String> =
        page.not_seen.iter().filter(|text| !is_named(text) && !text.ends_with(NOT_YET)).collect();
    for text in others.iter().take(lines) {
        line(out, &paragraph(columns(), "  ✗ ", "    ", &clean(text, TEXT)));
    }
    more(out, others.len(), lines);
    coverage(out, several, (&page.coverage, &troubled), lines);
    // What fails by the same is one trouble.
    let mut alike: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (feed, trouble) in &troubled {
        let place = place(several, &feed.account, &feed.region);
        alike.entry((&feed.api, trouble)).or_default().push(place);
    }
    let all = alike.len();
    for ((api, trouble), places) in alike.into_iter().take(lines) {
        let named = places.iter().take(lines.max(4)).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match places.len().saturating_sub(lines.max(4)) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{} not read in {named}{more}: {}", clean(api, TEXT), clean(trouble, TEXT));
        line(out, &paragraph(columns(), "  ✗ ", "    ", &text));
    }
    more(out, all, lines);
    let well = feeds.iter().filter(|feed| feed.trouble.is_none() && feed.api == "cloudtrail");
    let mut read: Vec<(i64, String)> = well
        .clone()
        .filter_map(|feed| Some((feed.lag_seconds?, place(several, &feed.account, &feed.region))))
        .collect();
    read.sort_by(|a, b| b.cmp(a));
    let unread = well.filter(|feed| feed.lag_seconds.is_none()).count();
    if unread > 0 {
        line(out, &format!("  {} not read yet", counted(unread as u64, "region")));
    }
    match read.first() {
        Some((lag, slowest)) if lines < ALL => {
            let all = counted(read.len() as u64, "region");
            line(out, &format!("  {all} read, the slowest {} ago: {slowest}", span(*lag)));
        }
        _ => {
            let cells: Vec<String> =
                read.iter().map(|(lag, place)| format!("{place} {}", span(*lag))).collect();
            out.push_str(&grid(columns(), &cells));
        }
    }
}

/// How `not_seen` ends of what was not asked yet.
const NOT_YET: &str = "not read yet";

/// What of the history is read, and each gap in it. One that lasts is the trouble of its region.
fn coverage(
    out: &mut String,
    several: bool,
    (coverage, troubled): (&Coverage, &[(&Feed, &String)]),
    lines: usize,
) {
    if coverage.regions == 0 {
        return;
    }
    if lines == ALL || coverage.gaps > 0 {
        line(out, &paragraph(columns(), "  ", "  ", &clean(&coverage.sentence, TEXT)));
    }
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
    for (ledger, gap) in missing.iter().take(lines) {
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
    more(out, missing.len(), lines);
}

fn sinks(out: &mut String, page: &StatusPage, lines: usize) {
    title(out, "Sinks");
    let now = page.now;
    let mut table = Table::default();
    let mut sinks: Vec<&Sink> = page.sinks.iter().collect();
    sinks.sort_by_key(|sink| (sink.trouble.is_none(), sink.dead == 0));
    for sink in sinks.iter().take(lines) {
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
    more(out, sinks.len(), lines);
}

fn instances(out: &mut String, instances: &Instances, now: Timestamp, lines: usize) {
    if instances.open == 0 && instances.held.is_empty() {
        return;
    }
    title(
        out,
        &format!(
            "Instances: {} waiting for a launch record or first listing, {} held back",
            instances.open,
            instances.held.len()
        ),
    );
    let mut table = Table::default();
    for held in instances.held.iter().take(lines) {
        table.row([
            format!("{} ({}) in {}", held.instance, held.size, held.region),
            format!("held back for {}, waiting for {}", ago(held.since, now), held.waits_for),
        ]);
    }
    out.push_str(&table.text(columns()));
    more(out, instances.held.len(), lines);
}

fn exclusions(out: &mut String, exclusions: &[Exclusion], now: Timestamp, lines: usize) {
    if exclusions.is_empty() {
        return;
    }
    title(out, "Exclusions");
    let mut table = Table::default();
    for exclusion in exclusions.iter().take(lines) {
        let last = exclusion.last.map_or("never used".to_owned(), |last| {
            let by = Some(exclusion.principal.as_str()).filter(|by| !by.is_empty());
            let by = clean(by.unwrap_or("an unknown launcher"), TEXT);
            format!("last {} ago: {}, launched by {by}", ago(last, now), exclusion.instance)
        });
        table.row([exclusion.name.clone(), format!("hid {}", exclusion.hidden), last]);
    }
    out.push_str(&table.text(columns()));
    more(out, exclusions.len(), lines);
}

fn memory(out: &mut String, memory: &Memory, lines: usize) {
    let known = format!("{} values remembered", memory.remembered);
    if memory.regions.is_empty() {
        return;
    }
    if !memory.learning {
        title(out, &format!("Learned: 90 days of history are read ({known})"));
        return;
    }
    title(out, &format!("Learning what is normal ({known})"));
    let several = are_several(memory.regions.iter().map(|region| &region.account));
    let (done, rest): (Vec<_>, Vec<_>) = memory.regions.iter().partition(|region| region.done);
    line(out, &format!("  90 days of history read in {} of {} regions", done.len(), memory.regions.len()));
    let mut table = Table::default();
    for region in rest.iter().take(lines) {
        let percent = usize::from(region.percent.min(100));
        let bar = format!("{}{}", "█".repeat(percent / 5), "░".repeat(20 - percent / 5));
        table.row([place(several, &region.account, &region.region), format!("{bar} {percent:>3} %")]);
    }
    out.push_str(&table.text(columns()));
    more(out, rest.len(), lines);
}

fn dry_run(out: &mut String, rules: &[DryRun], lines: usize) {
    if rules.is_empty() {
        return;
    }
    title(out, "Dry-run rules");
    let mut table = Table::default();
    for rule in rules.iter().take(lines) {
        table.row([rule.rule.clone(), format!("would have alerted: {}", rule.would_have_alerted)]);
    }
    out.push_str(&table.text(columns()));
    more(out, rules.len(), lines);
}

fn alerts(out: &mut String, page: &StatusPage, lines: usize) {
    title(out, "Last alerts");
    for Alert { decided, subject, .. } in page.alerts.iter().take(lines) {
        let Some(subject) = subject else { continue };
        let ink = severity_style(subject.severity);
        let when = decided.map(|at| ago(at, page.now)).unwrap_or_default();
        let said = one_line(columns(), 20, &clean(&subject.title, TEXT));
        line(out, &format!("  {when:>5} ago  {ink}{:<8}{ink:#} {said}", subject.severity.to_string()));
    }
    let more = page.alerts_kept.saturating_sub(lines.min(page.alerts.len()));
    if more > 0 {
        line(out, &format!("  {DIM}and {more} more: trailnoti alerts{DIM:#}"));
    }
    if page.alerts.is_empty() {
        line(out, &format!("  {DIM}quiet so far{DIM:#}"));
    }
}

fn more(out: &mut String, all: usize, lines: usize) {
    if all > lines {
        line(out, &format!("  {DIM}and {} more: --all{DIM:#}", all - lines));
    }
}

fn title(out: &mut String, text: &str) {
    line(out, &format!("{BOLD}{text}{BOLD:#}"));
}

fn line(out: &mut String, text: &str) {
    let Ok(()) = writeln!(out, "{text}") else { return };
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(time).as_secs())
}
