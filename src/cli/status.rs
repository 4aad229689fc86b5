//! `status`: what the running daemon sees, on one screen.

use std::fmt::Write;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use jiff::Timestamp;

use crate::cli::arguments::ConfigFile;
use crate::cli::ask;
use crate::domain::json::Json;
use crate::domain::text::clean;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// Regions that are well stand so many to a line.
const ACROSS: usize = 4;
/// How many lines of one kind are shown; `--json` has all.
const LINES: usize = 6;
/// A story's or an alert's text on one line.
const WIDE: usize = 100;

pub(super) fn run(file: &ConfigFile, json: bool) -> anyhow::Result<ExitCode> {
    let page = match ask::page(file, "/status")? {
        Ok(page) => page,
        Err(code) => return Ok(code),
    };
    let text = if json { format!("{page}\n") } else { screen(&page) };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// The page as a person reads it.
fn screen(page: &Json) -> String {
    let now = page.text("now").and_then(|now| now.parse().ok()).unwrap_or_default();
    let mut out = String::new();
    let readings = items(page, "regions");
    let mut places: Vec<(&str, &str)> =
        readings.iter().filter_map(|r| Some((r.text("account")?, r.text("region")?))).collect();
    places.dedup();
    let missing = items(page, "not_seen");
    let (ink, verdict) = match missing.len() {
        0 => (AnsiColor::Green.on_default().bold(), "all region feeds are being read".to_owned()),
        n => (
            AnsiColor::Red.on_default().bold(),
            format!("{n} of {} region feeds are not being read", readings.len().max(n)),
        ),
    };
    let version = page.text("version").unwrap_or_default();
    let since = page.text("since").and_then(|since| ago(since, now)).unwrap_or_default();
    line(
        &mut out,
        &format!(
            "{BOLD}trailnoti {version}{BOLD:#}  {ink}{verdict}{ink:#}  {DIM}configuration loaded {since} ago{DIM:#}"
        ),
    );
    if let Some(why) = page.text("state_kept_in_memory") {
        line(
            &mut out,
            &format!("{ink}the state cannot be written and is kept in memory{ink:#}: {}", clean(why, WIDE)),
        );
    }
    title(&mut out, &format!("Regions ({})", places.len()));
    let troubled: Vec<&Json> = readings.iter().filter(|reading| reading.text("trouble").is_some()).collect();
    // What has a trouble of its own is told by that.
    let told = |text: &str| troubled.iter().any(|reading| text.contains(&word(reading, "region")));
    for text in missing.iter().filter_map(Json::as_str).filter(|text| !told(text)).take(LINES) {
        line(&mut out, &format!("  ✗ {}", clean(text, WIDE)));
    }
    for reading in &troubled {
        let place = format!("{} {}", place(reading, readings), word(reading, "api"));
        line(&mut out, &format!("  ✗ {place:<28} {}", clean(&word(reading, "trouble"), WIDE)));
    }
    regions(&mut out, readings);
    title(&mut out, "Sinks");
    for sink in items(page, "sinks") {
        let last = sink.text("last_success").and_then(|last| ago(last, now));
        let last = last.map_or("nothing sent yet".to_owned(), |last| format!("sent {last} ago"));
        let (waiting, dead) = (number(sink, "waiting"), number(sink, "dead"));
        let dead = if dead == "0" { String::new() } else { format!(", {dead} rejected and set aside") };
        line(&mut out, &format!("  {:<20} {waiting:>4} waiting{dead}, {last}", word(sink, "name")));
        if let Some(why) = sink.text("trouble") {
            line(&mut out, &format!("    ✗ {}", clean(why, WIDE)));
        }
    }
    stories(&mut out, page, now);
    exclusions(&mut out, page, now);
    memory(&mut out, page);
    trials(&mut out, page);
    title(&mut out, "Last alerts");
    let alerts = items(page, "alerts");
    for alert in alerts.iter().take(LINES) {
        let when = alert.text("decided").and_then(|at| ago(at, now)).unwrap_or_default();
        let (severity, told) = (word(alert, "severity"), clean(&word(alert, "title"), WIDE));
        line(&mut out, &format!("  {when:>8} ago  {severity:<8}  {told}"));
    }
    let more = number(page, "alerts_kept").parse().unwrap_or(0_usize).saturating_sub(LINES);
    if more > 0 {
        line(&mut out, &format!("  {DIM}and {more} more: trailnoti alerts{DIM:#}"));
    }
    if alerts.is_empty() {
        line(&mut out, &format!("  {DIM}none{DIM:#}"));
    }
    out
}

/// The region; with its account, where there are several.
fn place(reading: &Json, readings: &[Json]) -> String {
    let account = word(reading, "account");
    let several = readings.iter().any(|other| word(other, "account") != account);
    let region = word(reading, "region");
    if several { format!("{account}/{region}") } else { region }
}

fn regions(out: &mut String, readings: &[Json]) {
    let well: Vec<String> = readings
        .iter()
        .filter(|r| r.text("trouble").is_none() && r.text("api") == Some("cloudtrail"))
        .map(|r| match r.get("lag_seconds") {
            Some(Json::Number(lag)) => {
                format!("{} {}", place(r, readings), span(lag.to_string().parse().unwrap_or(0)))
            }
            _ => format!("{} not read yet", place(r, readings)),
        })
        .collect();
    let wide = well.iter().map(|cell| cell.len() + 3).max().unwrap_or_default();
    for row in well.chunks(ACROSS) {
        let row: String = row.iter().map(|cell| format!("{cell:<wide$}")).collect();
        line(out, &format!("  {}", row.trim_end()));
    }
}

fn stories(out: &mut String, page: &Json, now: Timestamp) {
    let stories = page.get("stories").unwrap_or(&Json::Null);
    let held = stories.get("held").map_or(&[][..], Json::items);
    let open = number(stories, "open");
    title(
        out,
        &format!("Instances: {open} waiting for a launch record or first listing, {} held back", held.len()),
    );
    for story in held.iter().take(LINES) {
        let since = story.text("since").and_then(|since| ago(since, now)).unwrap_or_default();
        let name =
            format!("{} ({}) in {}", word(story, "instance"), word(story, "size"), word(story, "region"));
        line(out, &format!("  {name:<60} held back for {since}, waiting for {}", word(story, "waits_for")));
    }
    more(out, held.len());
}

fn exclusions(out: &mut String, page: &Json, now: Timestamp) {
    let exclusions = items(page, "exclusions");
    if exclusions.is_empty() {
        return;
    }
    title(out, "Exclusions");
    for exclusion in exclusions.iter().take(LINES) {
        let last = exclusion.text("last").and_then(|last| ago(last, now));
        let last = last.map_or("never used".to_owned(), |last| {
            let by = exclusion.text("principal").filter(|by| !by.is_empty()).unwrap_or("an unknown launcher");
            format!("last {last} ago: {}, launched by {}", word(exclusion, "instance"), clean(by, WIDE))
        });
        line(
            out,
            &format!("  {:<20} hid {:>5}, {last}", word(exclusion, "name"), number(exclusion, "hidden")),
        );
    }
    more(out, exclusions.len());
}

fn memory(out: &mut String, page: &Json) {
    let memory = page.get("memory").unwrap_or(&Json::Null);
    let regions = items(memory, "regions");
    let (done, rest): (Vec<&Json>, Vec<&Json>) =
        regions.iter().partition(|region| region.get("done") == Some(&Json::Bool(true)));
    let learning = memory.get("learning") == Some(&Json::Bool(true));
    let known = format!("{} values remembered", number(memory, "remembered"));
    if !learning {
        title(out, &format!("Learned: 90 days of history read ({known})"));
        return;
    }
    title(out, &format!("Learning what is normal ({known})"));
    line(out, &format!("  90 days of history read in {} of {} regions", done.len(), regions.len()));
    for region in rest.iter().take(LINES) {
        let percent = number(region, "percent").parse::<usize>().unwrap_or_default().min(100);
        let bar = format!("{}{}", "█".repeat(percent / 5), "░".repeat(20 - percent / 5));
        line(out, &format!("  {:<28} {bar} {percent:>3} %", place(region, regions)));
    }
    more(out, rest.len());
}

fn trials(out: &mut String, page: &Json) {
    let trials = items(page, "trials");
    if trials.is_empty() {
        return;
    }
    title(out, "Dry-run rules");
    for trial in trials.iter().take(LINES) {
        let count = number(trial, "would_have_told");
        line(out, &format!("  {:<40} would have alerted: {count}", word(trial, "rule")));
    }
    more(out, trials.len());
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

fn items<'a>(page: &'a Json, name: &str) -> &'a [Json] {
    page.get(name).map_or(&[], Json::items)
}

fn word(json: &Json, name: &str) -> String {
    json.text(name).unwrap_or_default().to_owned()
}

fn number(json: &Json, name: &str) -> String {
    json.get(name).map(Json::to_string).unwrap_or_default()
}

fn ago(time: &str, now: Timestamp) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    Some(span(now.duration_since(time).as_secs().max(0)))
}

/// `12s`, `4m`, `3h`, `2d`.
fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
