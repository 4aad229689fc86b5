//! How far this machine's clock is from AWS's, by the `Date` header of its answers. Owns the measure; at five
//! minutes AWS refuses every signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::clock::Clock;

/// Nothing was measured yet.
const UNKNOWN: i64 = i64::MIN;

/// The last measure, shared by every client.
#[derive(Debug, Clone)]
pub struct Skew {
    clock: Clock,
    seconds: Arc<AtomicI64>,
}

impl Skew {
    pub(super) fn new(clock: Clock) -> Self {
        Skew { clock, seconds: Arc::new(AtomicI64::new(UNKNOWN)) }
    }

    /// By how many seconds AWS's clock is ahead of this machine's; negative when it is behind. None before AWS answered.
    pub fn seconds(&self) -> Option<i64> {
        Some(self.seconds.load(Ordering::Relaxed)).filter(|seconds| *seconds != UNKNOWN)
    }
}

impl Intercept for Skew {
    fn name(&self) -> &'static str {
        "Skew"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date =
            context.response().headers().get("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            let seconds = date.timestamp().as_second() - self.clock.now().as_second();
            self.seconds.store(seconds, Ordering::Relaxed);
        }
        Ok(())
    }
}
