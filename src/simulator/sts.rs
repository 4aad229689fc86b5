//! The simulated STS: who one is, and becoming somebody else.

use jiff::{SignedDuration, Timestamp};

use crate::simulator::state::State;
use crate::simulator::wire::{Answer, Call};

/// How long an assumed role lasts.
const SESSION: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn serve(
    state: &mut State,
    call: &Call,
    operation: &str,
    account: &str,
    now: Timestamp,
) -> Answer {
    match operation {
        "GetCallerIdentity" => reply(
            "GetCallerIdentity",
            &format!(
                "<Arn>arn:aws:iam::{account}:user/trailnoti</Arn><UserId>AIDASIM</UserId><Account>{account}</Account>"
            ),
        ),
        "AssumeRole" => {
            let form = call.form();
            let role = form.get("RoleArn").cloned().unwrap_or_default();
            let owner = role.split(':').nth(4).unwrap_or_default().to_owned();
            if !state.accounts.contains_key(&owner) || form.get("ExternalId").is_some_and(|id| id == "wrong")
            {
                let message = format!(
                    "User: arn:aws:iam::{account}:user/trailnoti is not authorized to perform: sts:AssumeRole on resource: {role}"
                );
                return Answer::error("sts", 403, "AccessDenied", &message);
            }
            state.issued += 1;
            let key = format!("ASIASIM{}{owner}", state.issued);
            let ends = now + SESSION;
            state.keys.insert(key.clone(), (owner.clone(), Some(ends)));
            let session = form.get("RoleSessionName").cloned().unwrap_or_default();
            let ends = ends.strftime("%Y-%m-%dT%H:%M:%SZ");
            reply(
                "AssumeRole",
                &format!(
                    "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated</SecretAccessKey><SessionToken>simulated</SessionToken><Expiration>{ends}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROASIM:{session}</AssumedRoleId><Arn>{role}/{session}</Arn></AssumedRoleUser>"
                ),
            )
        }
        other => Answer::error("sts", 400, "InvalidAction", &format!("{other} is not simulated")),
    }
}

fn reply(operation: &str, result: &str) -> Answer {
    Answer::xml(
        200,
        format!(
            "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation}Response>"
        ),
    )
}
