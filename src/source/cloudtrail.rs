//! One page of CloudTrail's event history.

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{FetchError, RegionAccess, failure};
use crate::domain::cursor::Request;
use crate::domain::event::{Event, Unreadable};

/// A page.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// Newest first.
    pub events: Vec<Raw>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One entry of a page.
#[derive(Debug, Clone)]
pub struct Raw {
    /// CloudTrail's id of it.
    pub id: String,
    /// The call's name, if CloudTrail says.
    pub name: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The record, or why it is none.
    pub event: Result<Event, Unreadable>,
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
        let events = page
            .events()
            .iter()
            .map(|event| Raw {
                id: event.event_id().unwrap_or_default().to_owned(),
                name: event.event_name().unwrap_or_default().to_owned(),
                time: event.event_time().and_then(|time| Timestamp::from_second(time.secs()).ok()),
                event: match event.cloud_trail_event() {
                    Some(record) => Event::from_record_text(record, &self.account),
                    None => Err(Unreadable::Missing("record")),
                },
            })
            .collect();
        Ok(LookedUp { events, next: page.next_token().map(str::to_owned) })
    }
}
