//! How long AWS has to answer: the SDK has no limit of its own.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;

/// `LookupEvents` in us-east-1 was reported to take 35 seconds (AWS re:Post).
pub(super) const ANSWER: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);

pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build()
}
