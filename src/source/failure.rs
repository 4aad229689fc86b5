//! What an answer of AWS that is none means. Owns the kinds of failure and the codes that stand for each.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::domain::text::{causes, clean};
use crate::source::timeouts::ANSWER;

/// Why an answer is none. The text says what AWS said, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// AWS asks for fewer requests.
    #[error("throttled by AWS: {0}")]
    Throttled(String),
    /// It may work the next time.
    #[error("{0}")]
    Transient(String),
    /// Nobody answers there: no network, no name server, something in between.
    #[error("cannot reach AWS: {0}")]
    Unreachable(String),
    /// A policy forbids it.
    #[error("access denied: {0}")]
    Denied(String),
    /// The credentials are missing, wrong or over, or the region is not enabled: AWS says the same.
    #[error("AWS rejected the credentials: {0}")]
    Credentials(String),
    /// The answer was not what the service gives.
    #[error("cannot read the answer: {0}")]
    Malformed(String),
    /// The page token is not known any more.
    #[error("the page token is no longer valid: {0}")]
    LostToken(String),
}

/// Error codes by what they mean (CloudTrail, EC2 and STS API references, "Common errors").
fn classify(code: &str, status: Option<u16>, text: String) -> FetchError {
    match code {
        "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "EC2ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "SlowDown" => FetchError::Throttled(text),
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "OperationNotPermittedException"
        | "OptInRequired"
        | "Blocked" => FetchError::Denied(text),
        "UnrecognizedClientException"
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestExpired"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "PendingVerification" => FetchError::Credentials(text),
        "InvalidNextTokenException" => FetchError::LostToken(text),
        _ if status.is_some_and(|status| status == 429) => FetchError::Throttled(text),
        _ => FetchError::Transient(text),
    }
}

/// What STS may answer while credentials are fetched on the way; what passes by itself first.
const ON_THE_WAY: [&str; 7] = [
    "Throttling",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalError",
    "AccessDenied",
    "ExpiredToken",
    "InvalidClientTokenId",
];

/// What kind of failure an SDK error is.
pub(super) fn failure<E>(error: SdkError<E, HttpResponse>) -> FetchError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match &error {
        SdkError::ServiceError(context) => {
            let service = context.err();
            let status = context.raw().status().as_u16();
            match service.code() {
                Some(code) => {
                    let message = service.message().unwrap_or_default();
                    classify(code, Some(status), clean(&format!("{code}: {message}"), 300))
                }
                None if status < 400 => {
                    FetchError::Malformed(clean(&DisplayErrorContext(&error).to_string(), 300))
                }
                None => classify("", Some(status), format!("HTTP {status}")),
            }
        }
        SdkError::ResponseError(_) => {
            FetchError::Malformed(clean(&DisplayErrorContext(&error).to_string(), 300))
        }
        SdkError::TimeoutError(_) => {
            FetchError::Unreachable(format!("no answer within {} seconds", ANSWER.as_secs()))
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            FetchError::Unreachable("no connection within 5 seconds".to_owned())
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() => {
            FetchError::Unreachable(unreachable(&causes(&error)))
        }
        _ => {
            let text = DisplayErrorContext(&error).to_string();
            // Credentials are fetched on the way: a role that may not be assumed shows up here.
            let code = ON_THE_WAY.into_iter().find(|code| text.contains(code));
            let unanswered = ["timed out", "timeout", "dispatch failure", "connect", "dns"];
            match code {
                Some(code) => classify(code, None, clean(&text, 300)),
                None if unanswered.iter().any(|word| text.to_lowercase().contains(word)) => {
                    FetchError::Unreachable(unreachable(&causes(&error)))
                }
                None if text.contains("credentials") => FetchError::Credentials(clean(&text, 300)),
                None => FetchError::Transient(clean(&text, 300)),
            }
        }
    }
}

/// Why nobody answers, in words: what the libraries below say is about themselves.
fn unreachable(causes: &str) -> String {
    let text = causes.to_lowercase();
    let said = [
        ("dns", "the name of its server cannot be looked up: is there a network, and a name server?"),
        (
            "failed to lookup",
            "the name of its server cannot be looked up: is there a network, and a name server?",
        ),
        (
            "certificate",
            "the certificate of its server is not one to trust: a proxy that opens TLS, or a wrong clock?",
        ),
        ("connection refused", "the connection is refused: a firewall or a proxy in between?"),
        ("network is unreachable", "there is no way to its network"),
        ("no route to host", "there is no way to its server"),
        ("timed out", "no answer in time"),
        ("timeout", "no answer in time"),
        ("reset by peer", "the connection was cut"),
        ("closed", "the connection was cut"),
    ];
    let known = said.iter().find(|(sign, _)| text.contains(sign)).map(|(_, words)| (*words).to_owned());
    // The innermost cause alone: those around it are names of layers.
    known.unwrap_or_else(|| clean(causes.rsplit(": ").next().unwrap_or(causes), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_network_is_said_without_the_names_of_layers() {
        let of = |causes: &str| FetchError::Unreachable(unreachable(causes)).to_string();
        let looked_up = of(
            "dispatch failure: io error: client error (Connect): dns error: failed to lookup address information: Temporary failure in name resolution",
        );
        assert_eq!(
            looked_up,
            "cannot reach AWS: the name of its server cannot be looked up: is there a network, and a name server?"
        );
        let refused = of(
            "dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)",
        );
        assert_eq!(refused, "cannot reach AWS: the connection is refused: a firewall or a proxy in between?");
        assert_eq!(of("dispatch failure: other: something odd"), "cannot reach AWS: something odd");
    }
}
