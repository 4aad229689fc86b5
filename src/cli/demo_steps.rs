//! The steps of the demonstration on a terminal: a line for each, which says how long the alert took once there is one. Owns how they
//! look, so that all of them fit on 80 × 24.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::domain::text::layout::one_line;
use crate::simulator::story::Beat;

/// When an event or instance was alerted on first, and by which rule.
pub(super) type First = (Timestamp, String);

/// A terminal as wide as it has always been.
const COLUMNS: usize = 80;
/// So wide is what stands behind a step, with the space before it.
const ALERTED: usize = 20;

/// The lines of the steps so far.
pub(super) struct Steps {
    lines: MultiProgress,
    shown: Vec<(Beat, ProgressBar)>,
    columns: usize,
}

impl Steps {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        let columns = textwrap::termwidth().min(COLUMNS + ALERTED);
        Steps { lines: MultiProgress::new(), shown: Vec::new(), columns }
    }

    /// Something happens.
    pub(super) fn begin(&mut self, beat: &Beat) {
        let mark = if beat.hostile { "▸" } else { " " };
        let line = self.lines.add(ProgressBar::new_spinner().with_style(plain()));
        let begun = format!("{} {mark} {}", beat.at.strftime("%H:%M:%S"), beat.what);
        line.set_prefix(one_line(Some(self.columns), ALERTED, &begun));
        line.set_message(if !beat.hostile || beat.ids.is_empty() { "" } else { "…" });
        line.tick();
        self.shown.push((beat.clone(), line));
    }

    /// These are the first alerts on each event and instance so far.
    pub(super) fn update(&mut self, first: &BTreeMap<String, First>) {
        for (beat, line) in self.shown.iter().filter(|(beat, line)| beat.hostile && !line.is_finished()) {
            if let Some(seconds) = alerted_after(beat, first) {
                let room = self.columns.saturating_sub(ALERTED) + 1;
                line.set_prefix(format!("{:<room$}", line.prefix()));
                line.finish_with_message(format!("alerted after {}:{:02}", seconds / 60, seconds % 60));
            }
        }
    }

    /// Nothing more happens.
    pub(super) fn end(&self) {
        self.shown.iter().for_each(|(_, line)| line.abandon());
    }
}

/// How long after a step the first alert on it came, in seconds.
pub(super) fn alerted_after(beat: &Beat, first: &BTreeMap<String, First>) -> Option<i64> {
    let earliest: Option<Timestamp> = beat.ids.iter().filter_map(|id| first.get(id)).map(|one| one.0).min();
    Some(earliest?.duration_since(beat.at).as_secs())
}

fn plain() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
