//! A webhook of anybody's own: JSON over HTTPS, signed. Owns its keys, the body's shape (docs/webhook.md) and what an answer's
//! status means.

use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::config::secret;
use crate::config::section::Section;
use crate::domain::event::derived_id;
use crate::domain::json::{Json, object};
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, terminal};
use crate::sink::channel::Channel;
use crate::sink::http;
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "webhook";

/// The version of the body's shape. Members may be added to it; one that is removed or changed makes a new version.
const SCHEMA: i64 = 1;

/// A webhook as configured. Where it is, how it is signed and what it is sent beside are all secrets.
#[derive(Debug)]
struct Webhook {
    url: SecretString,
    signing_key: Option<SecretString>,
    /// Their values are marked as sensitive, so that no log shows them.
    headers: HeaderMap,
}

/// Reads `url`, `signing_key` and `headers`, or the files that `url_file`, `signing_key_file` and `headers_file` name.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let advice = "; http:// is taken for this machine alone";
    let url = http::read_url(section, ("url", "url_file"), folder, advice);
    let signing_key = secret::read(section, "signing_key", "signing_key_file", folder);
    let headers = secret::read(section, "headers", "headers_file", folder);
    let headers = headers.map_or(Some(HeaderMap::new()), |lines| parse(&lines));
    if headers.is_none() {
        let key = if section.has("headers_file") { "headers_file" } else { "headers" };
        section.problem(key, "is no list of headers: write one \"Name: value\" a line");
    }
    Some(service::channel(Webhook { url: url?, signing_key, headers: headers? }))
}

/// The headers; None where a line is none.
fn parse(lines: &SecretString) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.expose_secret().lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once(':')?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value);
    }
    Some(headers)
}

impl Service for Webhook {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn follows(&self) -> bool {
        true
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let body = body(message, style.banner.as_deref()).to_string();
        let mut headers = self.headers.clone();
        let mut put = |name: &'static str, value: String| {
            headers.extend(
                HeaderValue::from_str(&value).ok().map(|value| (HeaderName::from_static(name), value)),
            );
        };
        put("idempotency-key", key(message));
        if let Some(signing_key) = &self.signing_key {
            put("x-trailnoti-signature", format!("sha256={}", sign(signing_key, &body)));
        }
        vec![Ask { url: self.url.clone(), headers, body }]
    }
}

/// The same alerts have the same key, so that a repeat after a crash can be known as one.
fn key(message: &Message) -> String {
    let ids: Vec<&str> = message.alerts.iter().map(|pending| pending.alert.id.as_str()).collect();
    derived_id(&ids)
}

/// HMAC-SHA256 of the body, in hexadecimal (RFC 2104).
fn sign(signing_key: &SecretString, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(signing_key.expose_secret().as_bytes());
    let signed = mac.map(|mac| mac.chain_update(body.as_bytes()).finalize().into_bytes());
    signed.map(hex::encode).unwrap_or_default()
}

fn body(message: &Message, banner: Option<&str>) -> Json {
    let alerts = message.alerts.iter().map(|pending| terminal::json(pending, banner));
    object([
        ("schema", SCHEMA.into()),
        ("update", message.update.into()),
        ("severity", message.severity().name().into()),
        ("groups", Json::Array(message.groups.iter().map(|group| group.as_str().into()).collect())),
        ("alerts", Json::Array(alerts.collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn a_signature_is_the_hmac_that_others_compute() {
        let signed = sign(&SecretString::from("Jefe"), "what do ya want for nothing?");
        assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_header_that_is_none_is_found_before_anything_is_sent() {
        let parsed = |text: &str| parse(&SecretString::from(text)).map(|headers| headers.len());
        assert_eq!(parsed("Authorization: Bearer x\nX-Team: a\n\n"), Some(2));
        assert_eq!(parsed("no header"), None);
        assert_eq!(parsed("A: b\r\nB\u{0}: c"), None);
    }
}
