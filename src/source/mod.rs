//! The only place that knows the AWS SDK. Owns asking, and what kind of failure an error is; what to do about it
//! is `poll`'s.
//!
//! The SDK's own retries are off: their jitter is random, and they would spend the quota of two requests a second
//! unseen. It has no timeouts for an answer of its own, so they are set here.

mod account;
mod cloudtrail;
mod connections;
mod ec2;
mod failure;
mod region;
mod room;
mod salvage;
mod skew;
mod timeouts;
mod trails;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

pub use account::{Account, AccountError, NoCredentials};
pub use cloudtrail::{LookedUp, PageSize};
pub use failure::FetchError;
pub use region::RegionAccess;
pub use skew::Skew;

use crate::clock::Clock;
use crate::source::connections::connections;
use crate::source::timeouts::timeouts;

/// Where to ask first when nothing names a region.
const FIRST_REGION: &str = "us-east-1";

/// The SDK's configuration from the environment: credentials by AWS's default chain.
///
/// # Errors
/// When this machine knows no certificate authority: nobody could be trusted to be AWS, and the SDK would panic.
pub async fn from_environment() -> Result<SdkConfig, AccountError> {
    if rustls_native_certs::load_native_certs().certs.is_empty() {
        return Err(AccountError::NoAuthorities);
    }
    let config = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .http_client(connections())
        .load()
        .await;
    // An empty one is what a container is given where nobody set it.
    Ok(match config.region().filter(|region| !region.as_ref().is_empty()) {
        Some(_) => config,
        None => config.into_builder().region(Region::from_static(FIRST_REGION)).build(),
    })
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

/// A new measure of how far this machine's clock is from AWS's.
pub fn skew(clock: Clock) -> Skew {
    Skew::new(clock)
}
