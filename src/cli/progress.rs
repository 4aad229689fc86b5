//! How far long work is: on a terminal, and nothing in a pipe.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows on a terminal how far it is, and nothing in a pipe.
pub(super) fn bar(what: &'static str, all: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{wide_bar}} {what}: {{msg}} {{percent}} %, about {{eta}} left"
    ));
    ProgressBar::new(all as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
