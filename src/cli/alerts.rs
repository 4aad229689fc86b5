//! `alerts`: the last alerts, and what became of each: which sinks took it, which did not yet, and why.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;

use crate::cli::arguments::ConfigFile;
use crate::cli::ask;
use crate::clock::Clock;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::text::clean;
use crate::domain::text::layout::Table;
use crate::domain::time::earlier;
use crate::ops::page::Alert;
use crate::sink::terminal::columns;

const DIM: Style = Style::new().dimmed();
/// The longest title or fate that is shown, in characters.
const TEXT: usize = 600;

pub(super) fn run(file: &ConfigFile, since: Option<Duration>, json: bool) -> anyhow::Result<ExitCode> {
    let mut alerts: Vec<Alert> = match ask::page(file, "/alerts")? {
        Ok(alerts) => alerts,
        Err(code) => return Ok(code),
    };
    let from = since.map(|since| earlier(Clock::system().now(), since));
    alerts.retain(|alert| from.is_none_or(|from| alert.decided.is_some_and(|decided| decided >= from)));
    let text = if json { format!("{}\n", serde_json::to_string(&alerts)?) } else { screen(&alerts) };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn screen(alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut table = Table::default();
    for Alert { decided, subject, decision, .. } in alerts {
        let Some(subject) = subject else { continue };
        let when = decided.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let ink = severity_style(subject.severity);
        table.row([when, format!("{ink}{}{ink:#}", subject.severity), clean(&subject.title, TEXT)]);
        table.row([String::new(), String::new(), format!("{DIM}{}{DIM:#}", clean(decision, TEXT))]);
    }
    table.text(columns())
}
