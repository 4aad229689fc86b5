//! A CloudTrail record as EventBridge would deliver it. Owns what of the envelope follows from which field of the
//! record, both for a record that is a tree and for one that is still text.

use crate::domain::event::{Event, SIGN_IN, Unreadable, derived_id};
use crate::domain::json::Json;

impl Event {
    /// Wraps the text of a CloudTrail record, as `LookupEvents` gives it in `CloudTrailEvent`.
    ///
    /// # Errors
    /// When the text is no JSON object, or names no time, source or region.
    pub fn from_record_text(text: String, account: &str) -> Result<Self, Unreadable> {
        match Json::parse(&text) {
            Ok(record @ Json::Object(_)) => {
                let event = Event::from_record(record, account)?;
                Ok(Event { text: Some(text), ..event })
            }
            Ok(_) => Err(Unreadable::NotJson("found another kind of JSON value".to_owned())),
            Err(error) => Err(Unreadable::NotJson(error.to_string())),
        }
    }

    /// Wraps a CloudTrail record. `account` is whose history it was read from, for records that do not say.
    ///
    /// # Errors
    /// When the record names no time, source or region.
    pub fn from_record(record: Json, account: &str) -> Result<Self, Unreadable> {
        let text = |path: &'static str| record.text(path).ok_or(Unreadable::Missing(path));
        let time = text("eventTime")?.parse().map_err(|_| Unreadable::Missing("eventTime"))?;
        // An Insight says which calls it is about, and is CloudTrail's own (CloudTrail user guide, "Insights record contents").
        let is_insight = record.text("eventType") == Some("AwsCloudTrailInsight");
        let service = match text("eventSource") {
            Err(_) if is_insight => "cloudtrail.amazonaws.com",
            said => said?,
        };
        let source = source(service);
        let region = text("awsRegion")?.to_owned();
        let id = match record.text("eventID") {
            Some(id) => id.to_owned(),
            None => derived_id(&["record", &record.to_string()]),
        };
        let account = record
            .text("recipientAccountId")
            .or_else(|| record.text("userIdentity.accountId"))
            .unwrap_or(account)
            .to_owned();
        Ok(Event {
            id,
            detail_type: detail_type(record.text("eventType").unwrap_or_default()).to_owned(),
            source,
            account,
            time,
            region,
            resources: Vec::new(),
            detail: record,
            text: None,
            instance: None,
            starts: false,
            context: None,
        })
    }
}

fn source(service: &str) -> String {
    let service = service
        .strip_suffix(".amazonaws.com")
        .or_else(|| service.strip_suffix(".amazonaws.com.cn"))
        .unwrap_or(service);
    format!("aws.{service}")
}

/// The fields of a record from which its envelope follows, as paths in the envelope.
pub(crate) const PATHS: [&str; 9] = [
    "detail.eventSource",
    "detail.eventType",
    "detail.eventTime",
    "detail.eventID",
    "detail.awsRegion",
    "detail.recipientAccountId",
    "detail.userIdentity.accountId",
    "detail.eventName",
    "detail.readOnly",
];

/// Says what stands beside a record in its envelope, from what `text` finds at those paths. False when that is not
/// certain: the record must then be read whole.
pub(crate) fn put_beside<'a>(
    text: impl Fn(&str) -> Option<&'a str>,
    put: &mut dyn FnMut(&str, &str),
) -> bool {
    let account = text("detail.recipientAccountId").or_else(|| text("detail.userIdentity.accountId"));
    // Another spelling of a time is another text in the envelope.
    let time = text("detail.eventTime").filter(|time| time.len() == 20 && time.ends_with('Z'));
    let (Some(service), Some(region), Some(id), Some(account), Some(time)) = (
        text("detail.eventSource"),
        text("detail.awsRegion"),
        text("detail.eventID"),
        account.filter(|account| !account.is_empty()),
        time,
    ) else {
        return false;
    };
    put("version", "0");
    put("id", id);
    put("detail-type", detail_type(text("detail.eventType").unwrap_or_default()));
    put("source", &source(service));
    put("account", account);
    put("time", time);
    put("region", region);
    true
}

/// `AwsConsoleSignIn` also occurs as `AwsConsoleSignin` (IAM user guide), so letters' case is not looked at.
fn detail_type(event_type: &str) -> &'static str {
    match event_type.to_ascii_lowercase().as_str() {
        "awsconsolesignin" => SIGN_IN,
        "awsserviceevent" => "AWS Service Event via CloudTrail",
        "awsconsoleaction" => "AWS Console Action via CloudTrail",
        "awscloudtrailinsight" => "AWS Insight via CloudTrail",
        "awsvpceevent" => "AWS Network Activity Event via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    }
}
