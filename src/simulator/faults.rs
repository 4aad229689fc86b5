//! What goes wrong in the simulated AWS, and for whom. Owns the errors in AWS's own words.

use std::time::Duration;

use jiff::Timestamp;

use crate::simulator::wire::Answer;

/// Something that goes wrong for matching calls. Empty texts match any.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Only in the account of this number; empty for all.
    pub account: String,
    /// Only in this region; empty for all.
    pub region: String,
    /// Only for this operation of AWS's API; empty for all.
    pub operation: String,
    /// The first moment of the fault.
    pub from: Timestamp,
    /// The moment at which the fault is over.
    pub until: Timestamp,
    /// At most so often.
    pub times: u32,
    /// What goes wrong while the fault lasts.
    pub trouble: Trouble,
}

impl Fault {
    /// A fault everywhere, always.
    pub fn new(trouble: Trouble) -> Self {
        Fault {
            account: String::new(),
            region: String::new(),
            operation: String::new(),
            from: Timestamp::MIN,
            until: Timestamp::MAX,
            times: u32::MAX,
            trouble,
        }
    }

    /// Only in this region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Only in this account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// Only for this operation.
    #[must_use]
    pub fn operation(mut self, operation: &str) -> Self {
        operation.clone_into(&mut self.operation);
        self
    }

    /// Ends the fault after so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Only in this time.
    #[must_use]
    pub fn between(mut self, from: Timestamp, until: Timestamp) -> Self {
        self.from = from;
        self.until = until;
        self
    }
}

/// What goes wrong while the fault lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Too many requests, says AWS.
    Throttled,
    /// AWS answers that it has failed.
    Broken,
    /// No answer ever comes.
    Hang,
    /// The connection is closed.
    Reset,
    /// An answer that is none.
    Garbage,
    /// A policy denies it.
    Denied,
    /// The credentials have ended.
    Expired,
    /// The credentials are not known, or not here.
    Unrecognized,
    /// The right answer, late.
    Slow(Duration),
    /// The right answer, cut off in the middle.
    CutShort,
}

impl Trouble {
    pub(super) fn answer(&self, service: &str, account: &str, operation: &str) -> Answer {
        let error = |status, code: &str, message: &str| Answer::error(service, status, code, message);
        match self {
            Trouble::Throttled if service == "ec2" => {
                error(503, "RequestLimitExceeded", "Request limit exceeded.")
            }
            Trouble::Throttled => error(400, "ThrottlingException", "Rate exceeded"),
            Trouble::Broken => error(500, "InternalFailure", "An internal error has occurred"),
            Trouble::Hang => Answer::Hang,
            Trouble::Reset => Answer::Reset,
            Trouble::Garbage => Answer::json(200, "<html>not what you asked for".to_owned()),
            Trouble::Denied => {
                let (status, code) = match service {
                    "ec2" => (403, "UnauthorizedOperation"),
                    "cloudtrail" => (400, "AccessDeniedException"),
                    _ => (403, "AccessDenied"),
                };
                let message = format!(
                    "User: arn:aws:iam::{account}:user/trailnoti is not authorized to perform: {service}:{operation} with an explicit deny in a service control policy"
                );
                error(status, code, &message)
            }
            Trouble::Expired if service == "ec2" => error(400, "RequestExpired", "Request has expired."),
            Trouble::Expired if service == "sts" => {
                error(403, "ExpiredToken", "The security token included in the request is expired")
            }
            Trouble::Expired => {
                error(400, "ExpiredTokenException", "The security token included in the request is expired")
            }
            Trouble::Unrecognized => Answer::bad_credentials(service),
            // These change a right answer, and are applied to it.
            Trouble::Slow(_) | Trouble::CutShort => error(500, "InternalFailure", "not an answer of its own"),
        }
    }
}

impl Answer {
    pub(super) fn slower(mut self, by: Duration) -> Self {
        if let Answer::Reply { after, .. } = &mut self {
            *after += by;
        }
        self
    }

    pub(super) fn cut_short(mut self) -> Self {
        if let Answer::Reply { body, .. } = &mut self {
            let half = (0..=body.len() / 2).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
            body.truncate(half);
        }
        self
    }
}

/// The fault that a call meets, if it meets one.
pub(super) fn apply(
    faults: &mut [Fault],
    account: &str,
    region: &str,
    operation: &str,
    now: Timestamp,
) -> Option<Trouble> {
    let met = faults.iter_mut().find(|fault| {
        let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        fits(&fault.account, account)
            && fits(&fault.region, region)
            && fits(&fault.operation, operation)
            && fault.from <= now
            && now < fault.until
            && fault.times > 0
    })?;
    met.times = met.times.saturating_sub(1);
    Some(met.trouble.clone())
}
