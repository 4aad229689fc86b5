//! What goes over the wire: a request as far as AWS looks at it, and an answer in each service's own form.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(40);

/// A request as far as AWS looks at it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The access key id that the request is signed with.
    pub access_key: String,
    /// From the signature's scope: with an endpoint override the host does not tell.
    pub region: String,
    /// From the signature's scope.
    pub service: String,
    /// The `X-Amz-Target` header, if there is one.
    pub target: String,
    /// The body, as text.
    pub body: String,
}

impl Call {
    /// Reads a request's signature (`Credential=KEY/DATE/REGION/SERVICE/aws4_request`).
    pub fn read(authorization: &str, target: &str, body: &[u8]) -> Option<Self> {
        let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
        let mut parts = scope.trim().split('/');
        let access_key = parts.next()?.to_owned();
        let _date = parts.next()?;
        Some(Call {
            access_key,
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
            target: target.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
        })
    }

    /// The operation's name, such as `LookupEvents`.
    pub fn operation(&self) -> String {
        match self.target.rsplit_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None => self.form().remove("Action").unwrap_or_default(),
        }
    }

    pub(super) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

/// What AWS does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answers with a status and a body.
    Reply {
        /// The status code.
        status: u16,
        /// The media type of the body.
        content_type: &'static str,
        /// The body, as text.
        body: String,
        /// How long it takes.
        after: Duration,
    },
    /// It takes the request and never answers.
    Hang,
    /// It closes the connection.
    Reset,
}

impl Answer {
    pub(super) fn json(status: u16, body: String) -> Self {
        Answer::Reply { status, content_type: "application/x-amz-json-1.1", body, after: LATENCY }
    }

    pub(super) fn xml(status: u16, body: String) -> Self {
        Answer::Reply { status, content_type: "text/xml;charset=UTF-8", body, after: LATENCY }
    }

    /// The error of a service, in that service's form.
    pub(super) fn error(service: &str, status: u16, code: &str, message: &str) -> Self {
        match service {
            "cloudtrail" => {
                let body = serde_json::json!({ "__type": code, "message": message });
                Answer::json(status, body.to_string())
            }
            "ec2" => Answer::xml(
                status,
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{}</Message></Error></Errors><RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>",
                    escape(message)
                ),
            ),
            _ => Answer::xml(
                status,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
                    escape(message)
                ),
            ),
        }
    }

    /// The codes for credentials that are wrong, and for a region that is not enabled.
    pub(super) fn bad_credentials(service: &str) -> Answer {
        match service {
            "ec2" => Answer::error(
                service,
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
            ),
            "cloudtrail" => Answer::error(
                service,
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid",
            ),
            _ => Answer::error(
                service,
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid",
            ),
        }
    }
}

/// A text as XML holds it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One call that was made, for transcripts and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// When it happens or happened.
    pub at: Timestamp,
    /// The number of the account that it happened in.
    pub account: String,
    /// The region that it happened in, such as `eu-west-1`.
    pub region: String,
    /// Which operation of the API was called.
    pub operation: String,
    /// The body of the request.
    pub body: String,
    /// What stood for the answer: a status, `hang` or `reset`.
    pub outcome: String,
}
