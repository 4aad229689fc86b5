//! One page of CloudTrail's event history.

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{FetchError, RegionAccess, failure};
use crate::domain::cursor::Request;

/// A page.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// Newest first.
    pub events: Vec<Raw>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One entry of a page. It stays text: a record as a tree takes ten times the memory, and a page holds fifty.
#[derive(Debug)]
pub struct Raw {
    /// CloudTrail's id of it.
    pub id: String,
    /// The call's name, if CloudTrail says.
    pub name: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The record's text, if CloudTrail gives one.
    pub record: Option<String>,
}

impl RegionAccess {
    /// Asks for one page. The ends of the window are included, in whole seconds.
    ///
    /// # Errors
    /// When there is no page.
    pub async fn look_up(&self, request: &Request) -> Result<LookedUp, FetchError> {
        let (key, value) = request.stream.attribute();
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::from(key))
            .attribute_value(value)
            .build()
            .map_err(|error| FetchError::Malformed(error.to_string()))?;
        let page = self
            .cloudtrail
            .lookup_events()
            .lookup_attributes(attribute)
            .start_time(DateTime::from_secs(request.start.as_second()))
            .end_time(DateTime::from_secs(request.end.as_second()))
            .max_results(50)
            .set_next_token(request.token.clone())
            .send()
            .await
            .map_err(failure)?;
        let events = page.events.unwrap_or_default().into_iter().map(|event| Raw {
            time: event.event_time.and_then(|time| Timestamp::from_second(time.secs()).ok()),
            id: event.event_id.unwrap_or_default(),
            name: event.event_name.unwrap_or_default(),
            record: event.cloud_trail_event,
        });
        Ok(LookedUp { events: events.collect(), next: page.next_token })
    }
}
