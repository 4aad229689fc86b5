//! What sinks over HTTP share. Owns where the address is read, the client, bounded reading, and that no error holds the URL,
//! which may be a secret; what an answer means is each sink's.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::config::secret;
use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::text::{causes, clean};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_secs(30);
/// An answer is a few words; of a longer one this much is read.
const ANSWER: usize = 64 * 1024;

/// An answer, as far as a sink looks at it.
pub(super) struct Answer {
    pub status: StatusCode,
    /// How long it asks to wait.
    pub after: Option<Duration>,
    pub text: String,
}

/// A client without redirects and without a proxy from the environment: a message goes where it should, or nowhere.
pub(super) fn client() -> anyhow::Result<Client> {
    let builder = Client::builder().redirect(Policy::none()).no_proxy();
    Ok(builder.connect_timeout(CONNECT).timeout(WHOLE).pool_idle_timeout(IDLE).build()?)
}

/// Reads the address of a sink from `key`, or from the file that `file_key` names. It is a secret, also when it is wrong, so
/// that `advice` is all that is said of one that is not protected on its way.
pub(super) fn read_url(
    section: &mut Section<'_>,
    (key, file_key): (&'static str, &'static str),
    folder: &Path,
    advice: &str,
) -> Option<SecretString> {
    let Some(url) = secret::read(section, key, file_key, folder) else {
        if !section.has(key) && !section.has(file_key) {
            section.problem(file_key, "is missing: name the file that holds the URL");
        }
        return None;
    };
    if !is_safe(&url) {
        let (key, holds) = secret::named_by(section, key, file_key, folder);
        section.problem(key, format!("{holds}is not an https:// URL{advice}"));
        return None;
    }
    Some(url)
}

/// Reads where a service is, that stands in `key` only where it is not the usual one.
pub(super) fn address(section: &mut Section<'_>, key: &'static str, usual: &str) -> Option<SecretString> {
    let url = SecretString::from(section.text(key).unwrap_or_else(|| usual.to_owned()));
    let safe = is_safe(&url);
    if !safe {
        section.problem(key, "is not an https:// URL; http:// is taken for this machine alone");
    }
    safe.then_some(url)
}

/// Reads a secret that must be there.
pub(super) fn token(
    section: &mut Section<'_>,
    (key, file_key): (&'static str, &'static str),
    folder: &Path,
) -> Option<SecretString> {
    let token = secret::read(section, key, file_key, folder);
    if token.is_none() && !section.has(key) && !section.has(file_key) {
        section.problem(file_key, "is missing: name the file that holds it");
    }
    token
}

/// The header of a token; none where the text is none that a header can hold. No log shows it.
pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    bearer.set_sensitive(true);
    Some(bearer)
}

/// What a status means where nothing else is known of the answer (RFC 9110).
pub(super) fn by_status(who: &str, answer: &Answer) -> Result<(), Failure> {
    if answer.status.is_success() {
        return Ok(());
    }
    let why = format!("the {who} answered {} {}", answer.status.as_u16(), clean(answer.text.trim(), 100));
    Err(match answer.status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            later(answer.after, &why)
        }
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::Refused { why }
        }
        status if status.is_server_error() => later(answer.after, &why),
        _ => Failure::Closed { why },
    })
}

/// Whether what is sent there is protected on its way: https, or http to this machine.
fn is_safe(url: &SecretString) -> bool {
    Url::parse(url.expose_secret()).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Posts JSON and reads the answer, whatever its status.
///
/// # Errors
/// When there is no answer: the same may go through later.
pub(super) async fn post(
    client: &Client,
    url: &SecretString,
    headers: HeaderMap,
    body: String,
) -> Result<Answer, Failure> {
    let request =
        client.post(url.expose_secret()).headers(headers).header("content-type", "application/json");
    answer_to(request.body(body)).await
}

/// Asks in another way, and reads the answer, whatever its status.
///
/// # Errors
/// When there is no answer: the same may go through later.
pub(super) async fn request(
    client: &Client,
    method: Method,
    url: Url,
    body: String,
) -> Result<Answer, Failure> {
    answer_to(client.request(method, url).body(body)).await
}

async fn answer_to(request: RequestBuilder) -> Result<Answer, Failure> {
    // reqwest's errors contain the URL.
    let answer = request.send().await.map_err(|error| later(None, &causes(&error.without_url())))?;
    let status = answer.status();
    let after =
        answer.headers().get(RETRY_AFTER).and_then(|after| retry_after(after.to_str().ok()?, &answer));
    Ok(Answer { status, after, text: read(answer).await })
}

/// It may go through later.
pub(super) fn later(after: Option<Duration>, why: &str) -> Failure {
    Failure::Later { after, why: clean(why, 200) }
}

async fn read(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Seconds, or a date (RFC 9110), measured from the answer's own date so that no clock of ours is needed.
fn retry_after(after: &str, answer: &Response) -> Option<Duration> {
    if let Ok(seconds) = after.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(after).ok()?;
    let date = answer.headers().get("date")?.to_str().ok()?;
    let now = jiff::fmt::rfc2822::parse(date).ok()?;
    Duration::try_from(until.timestamp().duration_since(now.timestamp())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_kind() {
        let kind = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            match by_status("webhook", &Answer { status, after: None, text: String::new() }) {
                Ok(()) => "ok",
                Err(Failure::Later { .. }) => "later",
                Err(Failure::Refused { .. }) => "refused",
                Err(Failure::Closed { .. }) => "closed",
            }
        };
        for (kinds, statuses) in [
            ("ok", &[200, 202, 204][..]),
            ("later", &[408, 425, 429, 500, 502, 503, 504]),
            ("refused", &[400, 413, 422]),
            ("closed", &[301, 307, 401, 403, 404, 405, 410]),
        ] {
            assert!(statuses.iter().all(|status| kind(*status) == kinds), "{kinds}: {statuses:?}");
        }
    }
}
