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
pub async fn from_environment() -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .http_client(connections())
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

/// A new measure of how far this machine's clock is from AWS's.
pub fn skew(clock: Clock) -> Skew {
    Skew::new(clock)
}
