//! One page of CloudTrail's event history.

use std::borrow::Cow;

use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::domain::event::{Received, Unreadable};
use crate::domain::json::mend::mend;
use crate::domain::lookup::cursor::Request;
use crate::source::failure::FetchError;
use crate::source::failure::failure;
use crate::source::region::RegionAccess;
use crate::source::room::{Room, with_room};
use crate::source::salvage;

/// As many events as a page has at most (CloudTrail API reference).
const PAGE: i32 = 50;

/// How many events are asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// As many as there can be.
    Whole,
    /// Few: the process died while it read whole ones. A record has 256 KB at most (CloudTrail user guide).
    Small,
}

impl PageSize {
    fn events(self) -> i32 {
        match self {
            PageSize::Whole => PAGE,
            PageSize::Small => 10,
        }
    }
}

/// One page of the history, as AWS answered it.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// The page's entries, the newest first.
    pub events: Vec<Received>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// The room that it takes in memory.
    pub room: Option<Room>,
}

impl RegionAccess {
    /// Asks for one page. The ends of the window are included, in whole seconds.
    ///
    /// # Errors
    /// When there is no page.
    pub async fn look_up(&self, request: &Request) -> Result<LookedUp, FetchError> {
        self.look_up_by(request, PageSize::Whole).await
    }

    /// Asks for one page of this size.
    ///
    /// # Errors
    /// When there is no page.
    pub async fn look_up_by(&self, request: &Request, size: PageSize) -> Result<LookedUp, FetchError> {
        let (key, value) = request.stream.attribute();
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::from(key))
            .attribute_value(value)
            .build()
            .map_err(|error| FetchError::Malformed(error.to_string()))?;
        let asked = self
            .cloudtrail
            .lookup_events()
            .lookup_attributes(attribute)
            .start_time(DateTime::from_secs(request.start.as_second()))
            .end_time(DateTime::from_secs(request.end.as_second()))
            .max_results(size.events())
            .set_next_token(request.token.clone())
            .customize()
            .config_override(self.cloudtrail_here())
            .send();
        let (answer, room) = with_room(asked).await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                // One entry that cannot be decoded must not hide the others of its page.
                let unread = match &error {
                    SdkError::ResponseError(unread) if unread.raw().status().is_success() => Some(unread),
                    _ => None,
                };
                let salvaged = unread.and_then(|unread| salvage::page(unread.raw().body().bytes()?));
                return salvaged
                    .map(|(events, next)| LookedUp { events, next, room })
                    .ok_or_else(|| failure(error));
            }
        };
        Ok(LookedUp { room, ..looked_up(page) })
    }

    /// Asks for the newest events of all kinds, reads among them: one page, without an attribute.
    ///
    /// # Errors
    /// When there is no page.
    pub async fn newest(&self) -> Result<LookedUp, FetchError> {
        let page = self
            .cloudtrail
            .lookup_events()
            .max_results(PAGE)
            .customize()
            .config_override(self.cloudtrail_here())
            .send()
            .await
            .map_err(failure)?;
        Ok(looked_up(page))
    }
}

fn looked_up(page: LookupEventsOutput) -> LookedUp {
    let events = page.events.unwrap_or_default().into_iter().map(|event| Received {
        time: event.event_time.and_then(|time| Timestamp::from_second(time.secs()).ok()),
        id: event.event_id.unwrap_or_default(),
        name: event.event_name.unwrap_or_default(),
        record: event.cloud_trail_event.map(mended).ok_or(Unreadable::Missing("record")),
    });
    LookedUp { events: events.collect(), next: page.next_token, room: None }
}

/// A record's text, without what would make it unreadable; most are as they were, and not copied.
fn mended(record: String) -> String {
    match mend(&record) {
        Cow::Borrowed(_) => record,
        Cow::Owned(mended) => mended,
    }
}
