//! The only place that knows the AWS SDK. Owns asking, and what kind of failure an error is; what to do about it
//! is `poll`'s.
//!
//! The SDK's own retries are off: their jitter is random, and they would spend the quota of two requests a second
//! unseen. It has no timeouts for an answer of its own, so they are set here.

mod account;
mod cloudtrail;
mod ec2;
mod skew;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub use account::{Account, AccountError, NoCredentials};
pub use cloudtrail::{LookedUp, Raw};
pub use skew::Skew;

use crate::clock::Clock;
use crate::domain::text::clean;

/// `LookupEvents` in us-east-1 was measured at 35 seconds.
const ANSWER: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// Where to ask first when nothing names a region.
const FIRST_REGION: &str = "us-east-1";

/// Why an answer is none. The text says what AWS said, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// AWS asks for fewer requests.
    #[error("AWS throttles: {0}")]
    Throttled(String),
    /// It may work the next time.
    #[error("{0}")]
    Transient(String),
    /// A policy forbids it.
    #[error("access is denied: {0}")]
    Denied(String),
    /// The credentials are missing, wrong or over, or the region is not enabled: AWS says the same.
    #[error("AWS does not accept the credentials: {0}")]
    Credentials(String),
    /// The answer was not what the service gives.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    /// The page token is not known any more.
    #[error("the page token is not known any more: {0}")]
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
fn failure<E>(error: SdkError<E, HttpResponse>) -> FetchError
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
            FetchError::Transient(format!("no answer within {} seconds", ANSWER.as_secs()))
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            FetchError::Transient("no connection within 5 seconds".to_owned())
        }
        _ => {
            let text = DisplayErrorContext(&error).to_string();
            // Credentials are fetched on the way: a role that may not be assumed shows up here.
            let code = ON_THE_WAY.into_iter().find(|code| text.contains(code));
            let unanswered = ["timed out", "timeout", "dispatch failure", "connect", "dns"];
            match code {
                Some(code) => classify(code, None, clean(&text, 300)),
                None if unanswered.iter().any(|word| text.to_lowercase().contains(word)) => {
                    FetchError::Transient(clean(&text, 300))
                }
                None if text.contains("credentials") => FetchError::Credentials(clean(&text, 300)),
                None => FetchError::Transient(clean(&text, 300)),
            }
        }
    }
}

/// The SDK's configuration from the environment: credentials by AWS's default chain.
pub async fn from_environment() -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .load()
        .await;
    match config.region() {
        Some(_) => config,
        None => config.into_builder().region(Region::from_static(FIRST_REGION)).build(),
    }
}

/// The SDK's configuration over a simulated world.
pub fn simulated(world: &crate::simulator::World, access_key: &str) -> SdkConfig {
    let credentials =
        aws_credential_types::Credentials::new(access_key, "simulated", None, None, "simulated");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(world.clone())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .time_source(world.clock())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .region(Region::from_static(FIRST_REGION))
        .build()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build()
}

/// What every client of one account and region shares.
#[derive(Debug, Clone)]
pub struct RegionAccess {
    /// The region's name.
    pub region: String,
    cloudtrail: aws_sdk_cloudtrail::Client,
    ec2: aws_sdk_ec2::Client,
}

impl RegionAccess {
    fn new(sdk: &SdkConfig, region: &str, skew: &Skew) -> Self {
        let name = Region::new(region.to_owned());
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(sdk)
            .region(name.clone())
            .interceptor(skew.clone())
            .build();
        let ec2 = aws_sdk_ec2::config::Builder::from(sdk).region(name).build();
        RegionAccess {
            region: region.to_owned(),
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(cloudtrail),
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
        }
    }
}

/// A new measure of how far this machine's clock is from AWS's.
pub fn skew(clock: Clock) -> Skew {
    Skew::new(clock)
}
