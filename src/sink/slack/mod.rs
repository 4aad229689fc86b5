//! Slack, by an incoming webhook or by a bot's token. Owns the keys of both; each has a file of its own, and what Slack's answers mean
//! is `answer`'s. The payloads are `render::slack`'s.

mod answer;
mod bot;
mod webhook;

use std::path::Path;
use std::sync::Arc;

use crate::config::section::Section;
use crate::sink::channel::Channel;
use crate::sink::{http, service};
pub(super) use webhook::KIND;

/// Reads `webhook_url` or `webhook_url_file`; or `token` or `token_file`, with `channel`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    if bot::is_meant(section) {
        return bot::read(section, folder);
    }
    let advice = ": copy it from the Slack app's page \"Incoming Webhooks\"";
    let url = http::read_url(section, ("webhook_url", "webhook_url_file"), folder, advice)?;
    Some(service::channel(webhook::Webhook { url }))
}
