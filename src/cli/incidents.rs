//! `incidents` and `incident`: what belongs together, a line each, and one of them as a whole story.

use std::io::Write as _;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::Context;
use jiff::Timestamp;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::ask;
use crate::clock::Clock;
use crate::domain::incident::Incident;
use crate::domain::incident::brief::{Brief, placed};
use crate::domain::incident::commands::steps;
use crate::domain::language::Language;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::text::clean;
use crate::domain::text::layout::{Table, paragraph};
use crate::sink::terminal::columns;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
/// The longest text of another's that is shown, in characters.
const TEXT: usize = 600;

pub(super) fn list(file: &ConfigFile, all: bool, json: bool) -> anyhow::Result<ExitCode> {
    let mut incidents: Vec<Incident> = match ask::page(file, "/incidents")? {
        Ok(incidents) => incidents,
        Err(code) => return Ok(code),
    };
    incidents.retain(|incident| all || !incident.closed);
    let (now, language) = (Clock::system().now(), file.language());
    let text = if json {
        let briefs: Vec<Brief> =
            incidents.iter().map(|incident| Brief::of(incident, now, language)).collect();
        format!("{}\n", serde_json::to_string(&briefs)?)
    } else {
        screen(&incidents, now, language)
    };
    print(&text)
}

/// How one incident is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Story,
    Commands,
    Json,
}

impl View {
    /// By the command's flags, of which one at most is set.
    pub(super) fn of(commands: bool, json: bool) -> Self {
        match (commands, json) {
            (true, _) => View::Commands,
            (false, true) => View::Json,
            (false, false) => View::Story,
        }
    }
}

pub(super) fn show(file: &ConfigFile, id: &str, view: View) -> anyhow::Result<ExitCode> {
    let incidents: Vec<Incident> = match ask::page(file, "/incidents")? {
        Ok(incidents) => incidents,
        Err(code) => return Ok(code),
    };
    let Some(incident) = incidents.iter().find(|incident| incident.id.eq_ignore_ascii_case(id)) else {
        eprintln!(
            "trailnoti: there is no incident {}: `trailnoti incidents --all` lists those that are known",
            clean(id, 40)
        );
        return Ok(ExitCode::from(exit::FAILED));
    };
    let (now, language) = (Clock::system().now(), file.language());
    print(&match view {
        View::Story => story(incident, now, language, columns()),
        View::Commands => commands(incident, now, language),
        View::Json => format!("{}\n", serde_json::to_string(incident)?),
    })
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn screen(incidents: &[Incident], now: Timestamp, language: Language) -> String {
    if incidents.is_empty() {
        return "no open incidents\n".to_owned();
    }
    let mut table = Table::default();
    for brief in incidents.iter().map(|incident| Brief::of(incident, now, language)) {
        let ink = severity_style(brief.severity);
        table.row([
            clean(&brief.id, TEXT),
            format!("{ink}{}{ink:#}", brief.severity),
            clean(&brief.what, TEXT),
        ]);
        let last = brief.last.strftime("%Y-%m-%d %H:%M");
        let said = format!("{}; last {last} UTC; {}", brief.lines().join("; "), brief.state);
        table.row([String::new(), String::new(), format!("{DIM}{}{DIM:#}", clean(&said, TEXT))]);
    }
    table.text(columns())
}

fn story(incident: &Incident, now: Timestamp, language: Language, columns: Option<usize>) -> String {
    let brief = Brief::of(incident, now, language);
    let ink = severity_style(brief.severity);
    let label = format!(" {} ", language.words().label(brief.severity));
    let headline = format!("{BOLD}{}{BOLD:#}", clean(&brief.headline(), TEXT));
    let mut text = paragraph(columns, &format!("{ink}{label}{ink:#} "), "  ", &headline) + "\n";
    for line in brief.lines() {
        text += &paragraph(columns, "  ", "  ", &clean(&line, TEXT));
        text.push('\n');
    }
    if !brief.actions().is_empty() {
        text += &format!("  {BOLD}{}:{BOLD:#}\n", brief.do_now());
    }
    for action in brief.actions() {
        // A command is not wrapped: what is copied from two lines is two commands.
        text += &format!("    {}\n", clean(&action, TEXT));
    }
    text += &format!(
        "  began {}, last event {}; {}\n\n",
        brief.began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        brief.last.strftime("%Y-%m-%d %H:%M:%S UTC"),
        clean(&brief.state, TEXT)
    );
    for beat in &incident.timeline {
        let first = format!("  {DIM}{}{DIM:#}  ", beat.time.strftime("%H:%M:%S"));
        let said = clean(&format!("{}{}", placed(&beat.title, &beat.region), beat.times(language)), TEXT);
        text += &paragraph(columns, &first, &" ".repeat(12), &said);
        text.push('\n');
    }
    if incident.beyond > 0 {
        text += &format!("  and {} more alerts, which are not kept one by one\n", incident.beyond);
    }
    text
}

/// What to do, as a script: every line that is no command is a comment.
fn commands(incident: &Incident, now: Timestamp, language: Language) -> String {
    let brief = Brief::of(incident, now, language);
    let mut text = format!(
        "# {}\n# As of {}. Read each before you paste it; trailnoti has none of these rights.\n",
        clean(&brief.headline(), TEXT),
        now.strftime("%Y-%m-%d %H:%M:%S UTC"),
    );
    let mut account = String::new();
    for step in steps(incident, now, language) {
        if step.account != account {
            text += &format!("\n# In account {}:\n", clean(&step.account, TEXT));
            account.clone_from(&step.account);
        }
        text += &format!("\n# {}.\n", clean(&step.why, TEXT));
        for line in step.lines {
            text += &format!("{line}\n");
        }
    }
    if incident.untold > 0 {
        text += &format!(
            "\n# {} more keys, machines and the like are not listed: there were too many.\n",
            incident.untold
        );
    }
    text
}
