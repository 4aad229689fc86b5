//! Servers on loopback for what cannot be tried in virtual time: an AWS in front of the simulated account, a
//! Slack, and a real SMTP server.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mailin_embedded::response::{INVALID_CREDENTIALS, OK};
use mailin_embedded::{AuthMechanism, Handler, Server, SslConfig};
use tokio::net::TcpListener;
use trailnoti::simulator::{Answer, Call, World};

pub async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// AWS over HTTP, answered by a simulated world. Its URL is answered.
pub async fn aws(world: World) -> String {
    let (listener, address) = listener().await;
    let answer = move |headers: HeaderMap, body: Bytes| {
        let world = world.clone();
        async move {
            let header = |name: &str| {
                headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
            };
            let call = Call::read(&header("authorization"), &header("x-amz-target"), &body);
            let date =
                jiff::fmt::rfc2822::to_string(&world.aws_time().to_zoned_datetime(jiff::tz::TimeZone::UTC));
            match call.map(|call| world.answer(&call)) {
                Some(Answer::Reply { status, content_type, body, .. }) => Response::builder()
                    .status(status)
                    .header("content-type", content_type)
                    .header("date", date.expect("a date"))
                    .body(Body::from(body))
                    .expect("a response"),
                Some(Answer::Hang) => std::future::pending().await,
                _ => {
                    Response::builder().status(StatusCode::FORBIDDEN).body(Body::empty()).expect("a response")
                }
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

/// What a Slack is to answer: a status, headers, a body; and whether it ever does.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: &'static str,
    pub hangs: bool,
}

impl Reply {
    pub fn new(status: u16, body: &'static str) -> Self {
        Reply { status, headers: Vec::new(), body, hangs: false }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A Slack that writes down what it gets.
#[derive(Clone, Default)]
pub struct Slack {
    pub url: String,
    /// When, and what.
    pub got: Arc<Mutex<Vec<(Instant, serde_json::Value)>>>,
    /// The headers of each.
    pub heads: Arc<Mutex<Vec<axum::http::HeaderMap>>>,
    /// The next answers; when there are none left, `ok`.
    pub replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Slack {
    pub async fn start(path: &str) -> Self {
        let (listener, address) = listener().await;
        let slack = Slack { url: format!("http://{address}/services/{path}"), ..Slack::default() };
        let server = slack.clone();
        let answer = move |request: Request| {
            let server = server.clone();
            async move {
                server.heads.lock().expect("heads").push(request.headers().clone());
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
                let reply =
                    server.replies.lock().expect("replies").pop_front().unwrap_or(Reply::new(200, "ok"));
                if reply.hangs {
                    std::future::pending::<()>().await;
                }
                let body = serde_json::from_slice(&body).unwrap_or_default();
                server.got.lock().expect("got").push((Instant::now(), body));
                let mut response = Response::builder().status(reply.status);
                for (name, value) in reply.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(reply.body)).expect("a response")
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        slack
    }

    /// In how many messages something is named.
    pub fn messages_with(&self, what: &str) -> usize {
        self.got.lock().expect("got").iter().filter(|(_, body)| body.to_string().contains(what)).count()
    }

    pub fn texts(&self) -> Vec<String> {
        self.got
            .lock()
            .expect("got")
            .iter()
            .map(|(_, body)| body["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The headers and the body of a request.
    pub fn request(&self, n: usize) -> (axum::http::HeaderMap, serde_json::Value) {
        let body = self.got.lock().expect("got")[n].1.clone();
        (self.heads.lock().expect("heads")[n].clone(), body)
    }

    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().expect("replies").extend(replies);
    }
}

/// A mail server that takes mail from one user.
#[derive(Clone, Default)]
pub struct Mail {
    pub port: u16,
    pub got: Arc<Mutex<Vec<String>>>,
    /// Codes to answer the next mails with.
    pub refuse: Arc<Mutex<VecDeque<u16>>>,
    pub password: String,
    current: Vec<u8>,
    authenticated: bool,
}

impl Mail {
    /// Without TLS; or with STARTTLS, when there is a certificate.
    pub fn start(password: &str, certificate: Option<(&Path, &Path)>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let mail = Mail {
            port: listener.local_addr().expect("an address").port(),
            password: password.to_owned(),
            ..Mail::default()
        };
        let mut server = Server::new(mail.clone());
        let tls = match certificate {
            None => SslConfig::None,
            Some((certificate, key)) => SslConfig::SelfSigned {
                cert_path: certificate.display().to_string(),
                key_path: key.display().to_string(),
            },
        };
        server.with_name("localhost").with_ssl(tls).expect("TLS").with_tcp_listener(listener);
        if !password.is_empty() {
            server.with_auth(AuthMechanism::Plain).with_auth(AuthMechanism::Login);
        }
        std::thread::spawn(move || {
            if let Err(error) = server.serve() {
                println!("the mail server ended: {error}");
            }
        });
        mail
    }
}

impl Handler for Mail {
    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> mailin_embedded::Response {
        self.authenticated = user == "alerts" && password == self.password;
        if self.authenticated { mailin_embedded::response::AUTH_OK } else { INVALID_CREDENTIALS }
    }

    fn rcpt(&mut self, to: &str) -> mailin_embedded::Response {
        match to {
            _ if to.starts_with("unknown") => mailin_embedded::response::NO_MAILBOX,
            _ if to.starts_with("full") => {
                mailin_embedded::Response::custom(452, "the mailbox is full".to_owned())
            }
            _ => OK,
        }
    }

    fn data_start(&mut self, _: &str, _: &str, _: bool, _: &[String]) -> mailin_embedded::Response {
        self.current.clear();
        match self.refuse.lock().expect("refuse").pop_front() {
            Some(code) => mailin_embedded::Response::custom(code, "as the test says".to_owned()),
            None if self.authenticated || self.password.is_empty() => OK,
            None => mailin_embedded::response::AUTHENTICATION_REQUIRED,
        }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> mailin_embedded::Response {
        self.got.lock().expect("got").push(String::from_utf8_lossy(&self.current).into_owned());
        OK
    }

    fn helo(&mut self, _: IpAddr, _: &str) -> mailin_embedded::Response {
        OK
    }
}

/// Looks again and again until something is so; what is seen last is told when it never is.
pub async fn eventually<T: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let begun = Instant::now();
    let mut last;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(why) => last = why,
        }
        assert!(begun.elapsed() < within, "{what}: not within {within:?}; last: {last}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A service that waits for heartbeats, and writes them down: method, path with query, body.
#[derive(Clone, Default)]
pub struct Watcher {
    pub url: String,
    pub got: Arc<Mutex<Vec<String>>>,
}

impl Watcher {
    pub async fn start() -> Self {
        let (listener, address) = listener().await;
        let watcher = Watcher { url: format!("http://{address}/ping/secret-uuid"), ..Watcher::default() };
        let server = watcher.clone();
        let answer = move |request: Request| {
            let server = server.clone();
            async move {
                let (line, body) = (format!("{} {}", request.method(), request.uri()), request.into_body());
                let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
                let said = format!("{line} {}", String::from_utf8_lossy(&body));
                server.got.lock().expect("got").push(said);
                Response::new(Body::from("OK"))
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        watcher
    }

    /// Whether a beat like that came after so many others.
    pub fn heard(&self, after: usize, what: &str) -> Result<(), String> {
        let got = self.got.lock().expect("got");
        let heard = got.iter().skip(after).any(|said| said.starts_with(what));
        if heard { Ok(()) } else { Err(format!("{got:?}")) }
    }
}
