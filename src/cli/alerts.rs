//! `alerts`: the last alerts, and what became of each: which sinks took it, which did not yet, and why.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use jiff::Timestamp;

use crate::cli::arguments::ConfigFile;
use crate::cli::ask;
use crate::clock::Clock;
use crate::domain::json::Json;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::severity::Severity;
use crate::domain::text::clean;
use crate::domain::time::earlier;

const DIM: Style = Style::new().dimmed();
/// A title or a fate on one line.
const WIDE: usize = 140;

pub(super) fn run(file: &ConfigFile, since: Option<Duration>, json: bool) -> anyhow::Result<ExitCode> {
    let page = match ask::page(file, "/alerts")? {
        Ok(page) => page,
        Err(code) => return Ok(code),
    };
    let from = since.map(|since| earlier(Clock::system().now(), since));
    let wanted = page.items().iter().filter(|alert| {
        let decided = alert.text("decided").and_then(|at| at.parse::<Timestamp>().ok());
        from.is_none_or(|from| decided.is_some_and(|decided| decided >= from))
    });
    let text = if json {
        format!("{}\n", Json::Array(wanted.cloned().collect()))
    } else {
        let lines: String = wanted.map(line).collect();
        if lines.is_empty() { "no alerts\n".to_owned() } else { lines }
    };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

fn line(alert: &Json) -> String {
    let word = |name: &str| clean(alert.text(name).unwrap_or_default(), WIDE);
    let decided = alert.text("decided").and_then(|at| at.parse::<Timestamp>().ok()).unwrap_or_default();
    let severity = word("severity");
    let style = Severity::parse(&severity).map(severity_style).unwrap_or_default();
    format!(
        "{}  {style}{severity:<8}{style:#}  {}\n                      {DIM}{}{DIM:#}\n",
        decided.strftime("%Y-%m-%d %H:%M"),
        word("title"),
        word("decision"),
    )
}
