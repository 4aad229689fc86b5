//! Email, by SMTP. Owns its keys, the connection, the headers and the meaning of the server's answers; the bodies are
//! `render::email`'s.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue, Subject};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::config::secret;
use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render;
use crate::domain::notify::render::Style;
use crate::domain::text::{causes, clean};
use crate::sink::channel::{Channel, Sink};

/// A whole delivery. lettre's own timeout covers connecting alone (lettre issue 1027).
const WHOLE: Duration = Duration::from_secs(30);

pub(super) const KIND: &str = "email";

/// How mail is sent.
#[derive(Debug, Clone)]
struct Account {
    /// The mail server's name, for TLS too.
    host: String,
    /// Its port.
    port: u16,
    /// How the connection is protected.
    tls: Tls,
    /// A user and a password.
    login: Option<(String, SecretString)>,
    /// The sender.
    from: Mailbox,
    /// The readers.
    to: Vec<Mailbox>,
}

/// How a mail connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    /// From the first byte.
    Implicit,
    /// After STARTTLS; a server that does not offer it gets no mail.
    Starttls,
    /// Not at all.
    None,
}

/// Reads the server, the login, the sender and the readers.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let smtp = section.required("smtp", "smtp://smtp.example.com:587");
    let tls =
        section.has("tls").then(|| section.choice("tls", "starttls", &["starttls", "implicit", "none"]));
    let username = section.text("username");
    let password = secret::read(section, "password", "password_file", folder);
    let from = section.required("from", "trailnoti <alerts@example.com>");
    let from = from.and_then(|from| mailbox(section, "from", &from));
    let to = section.texts("to");
    if to.is_empty() {
        section.problem("to", "is missing: write to = [\"me@example.com\"]");
    }
    let mut readers: Vec<Mailbox> = Vec::new();
    for reader in to.iter().filter_map(|to| mailbox(section, "to", to)) {
        if readers.iter().any(|known| known.email == reader.email) {
            section.problem("to", format!("{} is listed twice: remove one", reader.email));
        }
        readers.push(reader);
    }
    let login = match (username, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) if !section.has("password_file") => {
            section.problem("password_file", "is missing: a username needs its password");
            None
        }
        (None, Some(_)) => {
            section.problem("username", "is missing: a password needs its username");
            None
        }
        _ => None,
    };
    let smtp = smtp?;
    let url = Url::parse(&smtp).ok().filter(|url| url.has_host() && url.username().is_empty());
    let Some((url, implicit)) = url.and_then(|url| match url.scheme() {
        "smtp" => Some((url, false)),
        "smtps" => Some((url, true)),
        _ => None,
    }) else {
        section.problem(
            "smtp",
            "is not a mail server: write smtp://HOST:587, or smtps://HOST:465 for implicit TLS",
        );
        return None;
    };
    let tls = match tls.as_deref() {
        Some("none") if implicit => {
            section.problem("tls", "\"none\" cannot be combined with smtps://: write smtp://, or remove tls");
            Tls::Implicit
        }
        Some("none") => {
            if login.is_some() && !is_loopback(&url) {
                section.problem(
                    "tls",
                    "\"none\" would send the password readable to everybody on the way: use \"starttls\" or \"implicit\", or a mail server on this machine",
                );
            }
            Tls::None
        }
        Some("implicit") => Tls::Implicit,
        Some(_) if implicit => {
            section.problem(
                "tls",
                "\"starttls\" cannot be combined with smtps://: write smtp://, or remove tls",
            );
            Tls::Starttls
        }
        Some(_) => Tls::Starttls,
        None if implicit => Tls::Implicit,
        None => Tls::Starttls,
    };
    Some(Arc::new(Account {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(if tls == Tls::Implicit { 465 } else { 587 }),
        tls,
        login,
        from: from?,
        to: (!readers.is_empty()).then_some(readers)?,
    }))
}

impl Channel for Account {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn queues(&self, name: &str) -> Vec<String> {
        match self.to.as_slice() {
            [_] => vec![name.to_owned()],
            several => several.iter().map(|to| format!("{name}/{}", to.email)).collect(),
        }
    }

    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let readers = self.queues(name).into_iter().zip(&self.to);
        let sinks = readers.map(|(queue, reader)| -> anyhow::Result<Arc<dyn Sink>> {
            Ok(Arc::new(Email::new(queue, name, self, reader, style.clone())?))
        });
        sinks.collect()
    }
}

fn mailbox(section: &Section<'_>, key: &'static str, text: &str) -> Option<Mailbox> {
    let mailbox: Mailbox =
        text.parse().map_err(|_| section.problem(key, format!("\"{text}\" is not an email address"))).ok()?;
    if !mailbox.email.to_string().is_ascii() {
        // Such an address needs a server that knows SMTPUTF8 (RFC 6531), and any on the way may not.
        section.problem(
            key,
            format!("{} is not an address that every mail server takes: write it in ASCII letters (a domain as xn--…)", mailbox.email),
        );
        return None;
    }
    Some(mailbox)
}

/// Whether a server is on this machine, so that nobody else can read what is sent to it.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The mail to one reader. Each has a queue of its own, since a server's answer to one address says nothing of the others.
struct Email {
    queue: String,
    /// As configured; it stands in the mail's id.
    name: String,
    from: Mailbox,
    /// Everybody who is shown as a reader.
    to: Vec<Mailbox>,
    envelope: Envelope,
    style: Style,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Email {
    fn new(
        queue: String,
        name: &str,
        config: &Account,
        reader: &Mailbox,
        style: Style,
    ) -> anyhow::Result<Self> {
        let protection = match config.tls {
            Tls::Implicit => Protection::Wrapper(TlsParameters::new(config.host.clone())?),
            Tls::Starttls => Protection::Required(TlsParameters::new(config.host.clone())?),
            Tls::None => Protection::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(protection)
            .timeout(Some(Duration::from_secs(10)));
        if let Some((user, password)) = &config.login {
            builder = builder
                .credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(Email {
            queue,
            name: name.to_owned(),
            from: config.from.clone(),
            to: config.to.clone(),
            envelope: Envelope::new(Some(config.from.email.clone()), vec![reader.email.clone()])?,
            style,
            transport: builder.build(),
        })
    }

    fn mail(&self, message: &Message) -> Result<Mail, String> {
        let email = render::email::render(message, &self.style).map_err(|error| error.to_string())?;
        let id = message.alerts.first().map(|pending| pending.alert.id.clone()).unwrap_or_default();
        let subject = message.thread.as_ref().map_or(email.subject, |first| format!("Re: {first}"));
        let mut builder = Mail::builder()
            .from(self.from.clone())
            .subject(subject)
            // The same alert to the same reader has the same id, so that a repeat can be known as one.
            .message_id(Some(format!("<{id}.{}@{}>", self.name, self.from.email.domain())))
            .header(AutoSubmitted)
            .header(AlertId(id));
        if let Some(incident) = message.conversation() {
            // No mail has this id: all answer the same one that is missing, by which readers put them together, also where a server
            // on the way gives each an id of its own.
            let root = format!("<incident-{}.{}@{}>", incident.id, self.name, self.from.email.domain());
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(email.text);
        let mail = if message.plain {
            builder.singlepart(text)
        } else {
            let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(email.html);
            builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        };
        mail.map_err(|error| error.to_string())
    }

    /// The subject of a conversation's first mail is that of all: some readers put together only what has the same one.
    async fn send(&self, message: &Message) -> Result<Receipt, Failure> {
        let mail = self.mail(message).map_err(|why| Failure::Refused { why: clean(&why, 200) })?;
        let subject = || mail.headers().get::<Subject>().map(|subject| subject.as_ref().to_owned());
        let thread = message.conversation().and_then(|_| message.thread.clone().or_else(subject));
        let receipt = Receipt { thread };
        let mail = mail.formatted();
        let sending = self.transport.send_raw(&self.envelope, &mail);
        match tokio::time::timeout(WHOLE, sending).await {
            Ok(Ok(_)) => Ok(receipt),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(Failure::Later {
                after: None,
                why: format!("the mail server did not answer within {} seconds", WHOLE.as_secs()),
            }),
        }
    }
}

impl Sink for Email {
    fn queue(&self) -> &str {
        &self.queue
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        // lettre 0.11.23 panics on a line of nothing but spaces in the answer to EHLO. That answer comes before any TLS, so whoever
        // is on the way could end the process.
        let sent = AssertUnwindSafe(self.send(message)).catch_unwind();
        let unread =
            || Failure::Later { after: None, why: "the mail server's answer cannot be read".to_owned() };
        Box::pin(async move { sent.await.unwrap_or_else(|_| Err(unread())) })
    }
}

/// SMTP's answers by what they mean: 4xx later, 5xx never (RFC 5321); a refused login, or a server without
/// STARTTLS, takes nothing until somebody mends it. lettre gives neither flag to a lost connection.
fn classify(error: &lettre::transport::smtp::Error) -> Failure {
    let why = clean(&causes(error), 200);
    let code = error.status().map(u16::from);
    match code {
        Some(530 | 534 | 535 | 538) => Failure::Closed { why },
        _ if error.is_permanent() => Failure::Refused { why },
        _ if error.is_client() => Failure::Closed { why },
        _ => Failure::Later { after: None, why },
    }
}

/// RFC 3834: nobody's out-of-office answers to an alert.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Amazon SES writes a Message-ID of its own, so the alert's id stands in a header of ours too.
#[derive(Clone)]
struct AlertId(String);

impl Header for AlertId {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Trailnoti-Alert-Id")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AlertId(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}
