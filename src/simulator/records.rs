//! Records in the shapes that CloudTrail writes, for the demonstration and the tests. Owns the shapes; who does
//! what and when is `story`'s.

use jiff::Timestamp;

use crate::domain::event::derived_id;
use crate::domain::json::{Json, object};

/// Who makes a call, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The account.
    pub account: &'a str,
    /// An IAM user's name; `root` is root.
    pub user: &'a str,
    /// The key that signs.
    pub key: &'a str,
    /// The address.
    pub address: &'a str,
    /// The tool.
    pub agent: &'a str,
}

impl Caller<'_> {
    fn identity(&self) -> Json {
        if self.user == "root" {
            return object([
                ("type", "Root".into()),
                ("principalId", self.account.into()),
                ("arn", format!("arn:aws:iam::{}:root", self.account).into()),
                ("accountId", self.account.into()),
                ("accessKeyId", self.key.into()),
            ]);
        }
        object([
            ("type", "IAMUser".into()),
            ("principalId", "AIDASIMULATED00000001".into()),
            ("arn", format!("arn:aws:iam::{}:user/{}", self.account, self.user).into()),
            ("accountId", self.account.into()),
            ("accessKeyId", self.key.into()),
            ("userName", self.user.into()),
        ])
    }
}

/// A call to a service. Two calls that are the same in everything have the same id: vary the request.
pub fn call(
    caller: &Caller<'_>,
    at: Timestamp,
    region: &str,
    service: &str,
    name: &str,
    request: Json,
    response: Json,
) -> Json {
    let second = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let id = derived_id(&[caller.user, region, service, name, &request.to_string(), &second.to_string()]);
    object([
        ("eventVersion", "1.09".into()),
        ("userIdentity", caller.identity()),
        ("eventTime", second.to_string().into()),
        ("eventSource", format!("{service}.amazonaws.com").into()),
        ("eventName", name.into()),
        ("awsRegion", region.into()),
        ("sourceIPAddress", caller.address.into()),
        ("userAgent", caller.agent.into()),
        ("requestParameters", request),
        ("responseElements", response),
        ("requestID", derived_id(&["request", &id]).into()),
        ("eventID", id.into()),
        ("readOnly", crate::domain::stream::is_read(name).into()),
        ("eventType", "AwsApiCall".into()),
        ("managementEvent", true.into()),
        ("recipientAccountId", caller.account.into()),
        ("eventCategory", "Management".into()),
    ])
}

/// A call that AWS refused.
pub fn refused(mut record: Json, code: &str, message: &str) -> Json {
    if let Json::Object(members) = &mut record {
        for (name, value) in members.iter_mut() {
            if name == "responseElements" {
                *value = Json::Null;
            }
        }
        members.push(("errorCode".to_owned(), code.into()));
        members.push(("errorMessage".to_owned(), message.into()));
    }
    record
}

/// A console sign-in (CloudTrail user guide, "AWS Console sign-in events").
pub fn console_login(caller: &Caller<'_>, at: Timestamp, region: &str, success: bool, mfa: bool) -> Json {
    let result = if success { "Success" } else { "Failure" };
    let response = object([("ConsoleLogin", result.into())]);
    let mut record = call(caller, at, region, "signin", "ConsoleLogin", Json::Null, response);
    if let Json::Object(members) = &mut record {
        for (name, value) in members.iter_mut() {
            match name.as_str() {
                "eventType" => *value = "AwsConsoleSignIn".into(),
                "readOnly" => *value = false.into(),
                _ => {}
            }
        }
        let extra = object([
            ("LoginTo", "https://console.aws.amazon.com/console/home".into()),
            ("MobileVersion", "No".into()),
            ("MFAUsed", if mfa { "Yes" } else { "No" }.into()),
        ]);
        members.push(("additionalEventData".to_owned(), extra));
        if !success {
            members.push(("errorMessage".to_owned(), "Failed authentication".into()));
        }
    }
    record
}

/// A launch that worked.
pub fn run_instances(caller: &Caller<'_>, at: Timestamp, region: &str, kind: &str, ids: &[String]) -> Json {
    let item = object([
        ("imageId", "ami-0123456789abcdef0".into()),
        ("minCount", 1i64.into()),
        ("maxCount", 1i64.into()),
    ]);
    let request = object([
        ("instancesSet", object([("items", Json::Array(vec![item]))])),
        ("instanceType", kind.into()),
        ("clientToken", derived_id(&[region, kind, &at.to_string()]).into()),
    ]);
    let items = ids
        .iter()
        .map(|id| {
            object([
                ("instanceId", id.as_str().into()),
                ("imageId", "ami-0123456789abcdef0".into()),
                ("instanceState", object([("code", 0i64.into()), ("name", "pending".into())])),
                ("instanceType", kind.into()),
            ])
        })
        .collect();
    let response = object([
        ("reservationId", "r-0123456789abcdef0".into()),
        ("ownerId", caller.account.into()),
        ("instancesSet", object([("items", Json::Array(items))])),
    ]);
    call(caller, at, region, "ec2", "RunInstances", request, response)
}
