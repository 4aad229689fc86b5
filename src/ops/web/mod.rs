//! The page for people, over the status and the decisions of the running loops. Owns its addresses, its headers and who may see it;
//! it only shows: nothing can be changed here. What it says is `view`'s.
//!
//! Nothing is loaded from elsewhere, and the browser is told to refuse it (Content-Security-Policy). On an address that only this
//! machine can reach, whoever is on the machine may look; elsewhere a token is asked for.

pub mod chart;
pub mod story;
pub mod view;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::ops::status::Status;
use crate::ops::web::view::{Page, Search, Sources};

const STYLE: &str = include_str!("../../../templates/page.css");
const SCRIPT: &str = include_str!("../../../templates/page.js");
const ICON: &str = include_str!("../../../templates/icon.svg");

/// The longest text that is searched for, in bytes.
const ASKED: usize = 200;

/// What every answer says to the browser.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Who may see the page: everybody who can reach it, or who knows the token.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The token, where one is asked for.
    pub token: Option<SecretString>,
}

impl Access {
    fn admits(&self, said: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        let Some(said) = said.and_then(|said| said.to_str().ok()) else { return false };
        let given = match said.split_once(' ') {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => Some(given.trim().to_owned()),
            // A browser asks for a name and a password (RFC 7617): the name may be anything.
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("basic") => {
                let both = STANDARD.decode(given.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                both.and_then(|both| both.split_once(':').map(|(_, password)| password.to_owned()))
            }
            _ => None,
        };
        // Hashes are compared, so that how long it takes says nothing of the token.
        given.is_some_and(|given| Sha256::digest(given) == Sha256::digest(token.expose_secret()))
    }
}

/// The page and what belongs to it.
pub fn routes(status: Arc<Status>, access: Access) -> Router {
    Router::new()
        .route("/", get(page))
        .with_state(status)
        .route("/page.css", get(|| async { typed("text/css; charset=utf-8", STYLE) }))
        .route("/page.js", get(|| async { typed("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/icon.svg", get(|| async { typed("image/svg+xml", ICON) }))
        .layer(axum::middleware::from_fn_with_state(access, guard))
}

fn typed(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let mut answer = if access.admits(request.headers().get(header::AUTHORIZATION)) {
        next.run(request).await
    } else {
        let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"trailnoti\", charset=\"UTF-8\"")];
        (StatusCode::UNAUTHORIZED, asks, "the token is the password; the user name may be anything\n")
            .into_response()
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// What the page may be asked for.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn page(State(status): State<Arc<Status>>, Query(asked): Query<Asked>) -> Response {
    let Some(pages) = status.pages() else {
        return unavailable("the daemon is starting or stopping: try again in a moment");
    };
    let sources = match pages.status().await {
        Ok(status) => Sources {
            status,
            incidents: pages.incidents(),
            alerts: pages.alerts(),
            silences: pages.silences(),
            search: search(asked.q, |text| pages.search(text)),
            language: pages.language(),
        },
        Err(why) => return unavailable(&why),
    };
    match Page::of(sources).render() {
        Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => unavailable(&error.to_string()),
    }
}

fn search(asked: String, find: impl FnOnce(&str) -> Vec<crate::ops::page::Alert>) -> Search {
    let text = asked.trim();
    if text.is_empty() || text.len() > ASKED {
        return Search::default();
    }
    Search { found: find(text), asked: text.to_owned() }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], format!("{why}\n")).into_response()
}

#[cfg(test)]
#[path = "tests.rs"]
mod view_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(token: Option<&str>, said: Option<&str>) -> bool {
        let access = Access { token: token.map(SecretString::from) };
        access.admits(said.map(|said| HeaderValue::from_str(said).expect("a header")).as_ref())
    }

    #[test]
    fn who_knows_the_token_is_let_in_by_either_way_of_saying_it() {
        let basic = format!("Basic {}", STANDARD.encode("me:a-long-enough-token"));
        let token = Some("a-long-enough-token");
        assert!(admits(token, Some("Bearer a-long-enough-token")) && admits(token, Some(&basic)));
        let wrong = format!("Basic {}", STANDARD.encode("a-long-enough-token:me"));
        for said in
            [None, Some(""), Some("Bearer"), Some("Bearer no"), Some("Basic %%%"), Some(wrong.as_str())]
        {
            assert!(!admits(token, said), "{said:?}");
        }
        assert!(admits(None, None), "where none is asked for");
        assert!(!format!("{:?}", Access { token: token.map(SecretString::from) }).contains("long-enough"));
    }
}
