//! What an event shows of habits, made ready once: of its account's, of who acts alone, and who is vouched for. Owns reading that from
//! the event; how it compares with the past is `recollection`'s.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::domain::context::arn::Arn;
use crate::domain::context::launch::DRY_RUN;
use crate::domain::context::network::address_of;
use crate::domain::context::principal::{IDENTITY_CENTER, is_of_aws};
use crate::domain::context::{Envelope, Habit, Past};
use crate::domain::event::Event;
use crate::domain::json::Json;
use crate::domain::rules::token::Token;

/// Calls that need no permission (IAM user guide, "Permissions for temporary security credentials"; STS API reference,
/// "GetCallerIdentity", "GetSessionToken").
const FREE: [&str; 2] = ["GetCallerIdentity", "GetSessionToken"];

/// What an event shows of its account's habits, ready to be remembered and compared.
#[derive(Debug, Clone)]
pub struct Traits {
    /// The number of the account that it is from.
    pub account: String,
    /// When the event happened, as its source says.
    pub time: Timestamp,
    /// Whether the event only reads.
    pub reads: bool,
    pub(super) habits: Vec<(Habit, Token)>,
    /// Who acts, and the long-lived key that signed.
    pub(super) who: Option<Who>,
    /// It shows that somebody has a right; what fails, or is free for all, shows nothing.
    pub(super) teaches: bool,
    /// The access key that it makes.
    pub(super) makes: Option<Token>,
    /// The access key that signed it.
    pub(super) signed: Option<Token>,
    /// The address of the internet that it came from.
    pub(super) address: Option<IpAddr>,
}

/// Who has habits of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    /// The user, the role, or the person whom a company signs in.
    pub principal: Token,
    /// The long-lived key that signed, if one did.
    pub key: Option<Token>,
    /// By whose sign-in a network is vouched for.
    pub person: Token,
    /// The event is such a sign-in.
    pub vouches: bool,
}

impl Traits {
    /// The habits that an event shows.
    pub fn of(envelope: &Envelope) -> Self {
        let event = &envelope.event;
        let text = |path: &str| event.detail.text(path);
        let habits = envelope.facts.habits(event);
        let made = text("responseElements.accessKey.accessKeyId")
            .filter(|_| text("eventName") == Some("CreateAccessKey"));
        let habits: Vec<(Habit, Token)> = habits
            .iter()
            .map(|(habit, value)| {
                let name = habit_value(*habit, value, event);
                (*habit, Token::habit(&event.account, *habit, &name))
            })
            .collect();
        let signed = text("userIdentity.accessKeyId").map(|key| (key, Token::key(key)));
        let principal = habits.iter().find(|(habit, _)| *habit == Habit::Principal).map(|(_, token)| *token);
        let who = principal.filter(|_| envelope.facts.has_own_habits()).map(|principal| Who {
            principal,
            key: signed.filter(|(key, _)| key.starts_with("AKIA")).map(|(_, token)| token),
            person: person(&event.detail).map_or(principal, |name| Token::person(&event.account, name)),
            vouches: has_second_factor(event),
        });
        Traits {
            account: event.account.clone(),
            time: event.time,
            reads: envelope.facts.reads,
            teaches: text("errorCode").is_none_or(|error| error == DRY_RUN)
                && !text("eventName").is_some_and(|call| FREE.contains(&call)),
            habits,
            who,
            makes: made.map(Token::key),
            signed: signed.map(|(_, token)| token),
            address: address_of(&event.detail),
        }
    }
}

/// The name of a person whom a company signs in: their sessions have it, and so has the sign-in at the access portal
/// (IAM Identity Center user guide, "CloudTrail events for sign-in").
fn person(detail: &Json) -> Option<&str> {
    let issuer = detail.text("userIdentity.sessionContext.sessionIssuer.arn").unwrap_or_default();
    let arn = detail.text("userIdentity.arn").unwrap_or_default();
    if is_of_aws(IDENTITY_CENTER, arn, issuer) {
        return Arn::parse(arn)?.session().map(|(_, person)| person);
    }
    (detail.text("eventName") == Some("UserAuthentication"))
        .then(|| detail.text("additionalEventData.UserName").or_else(|| detail.text("userIdentity.userName")))
        .flatten()
}

/// Whether an event is a sign-in that succeeded and asked for a second factor: of a user or root, or at the access portal. Who
/// comes from a company's provider into the console shows none: a stolen session does the same.
fn has_second_factor(event: &Event) -> bool {
    let said = |path: &str| event.detail.text(path).unwrap_or_default();
    if event.source != "aws.signin" {
        return false;
    }
    match said("eventName") {
        "ConsoleLogin" => {
            matches!(said("userIdentity.type"), "IAMUser" | "Root")
                && said("responseElements.ConsoleLogin") == "Success"
                && said("additionalEventData.MFAUsed").eq_ignore_ascii_case("yes")
        }
        "UserAuthentication" => {
            let credential = said("additionalEventData.CredentialType");
            said("serviceEventDetails.UserAuthentication") == "Success"
                && ["TOTP", "WEBAUTHN"].iter().any(|factor| credential.contains(factor))
        }
        _ => false,
    }
}

/// A call is known with its service, since many services have a call of one name; and to ask whether one may is another call.
fn habit_value<'v>(habit: Habit, value: &'v str, event: &Event) -> Cow<'v, str> {
    if habit != Habit::Call {
        return Cow::Borrowed(value);
    }
    let only_asked = event.detail.text("errorCode") == Some(DRY_RUN);
    Cow::Owned(format!("{}:{value}{}", event.source, if only_asked { " dry" } else { "" }))
}

impl Traits {
    /// The past as it is on most days: nothing is new, or nothing can be called new yet.
    pub(in crate::domain) fn expected(&self, learned: bool) -> Past {
        let mut past = Past { learning: !learned, again: false, ..Past::default() };
        for (habit, _) in self.habits.iter().filter(|_| learned) {
            if past.new.iter().all(|(of, _)| of != habit) {
                past.new.push((*habit, false));
            }
        }
        let own = self.own_habits().filter(|_| learned);
        past.own_new = own.map(|(habit, _)| (habit, false)).collect();
        past.usual = learned && self.habits.iter().any(|(habit, _)| *habit == Habit::Principal);
        past
    }

    /// What it shows of the habits that who acts has alone.
    pub(super) fn own_habits(&self) -> impl Iterator<Item = (Habit, Token)> {
        let own = |habit: &Habit| self.who.is_some() && Habit::OWN.contains(habit);
        self.habits.iter().filter(move |(habit, _)| own(habit)).copied()
    }

    /// The network that it came from.
    pub(super) fn network(&self) -> Option<Token> {
        self.habits.iter().find(|(habit, _)| *habit == Habit::Network).map(|(_, token)| *token)
    }

    /// Whether it came from one of these networks.
    pub(in crate::domain) fn is_from(&self, networks: &[IpNet]) -> bool {
        self.address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
    }
}
