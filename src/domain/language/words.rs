//! What every language has words for. Owns that list: a language that lacks one of them does not build.

use std::fmt::Debug;

use crate::domain::severity::Severity;

/// What belongs to an incident, and how it came there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made<'a> {
    /// It was created by somebody.
    Created(&'a str),
    /// It was switched on again by somebody.
    SwitchedOn(&'a str),
    /// It was given its password by somebody.
    GivenPassword(&'a str),
    /// It was issued to somebody.
    Issued(&'a str),
    /// It was launched by somebody.
    Launched(&'a str),
}

/// What of an event's past makes it stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// For so many days who acts, or the key that signed, has been known, from this network and by these tools; either may be empty.
    Known(i64, &'a str, &'a str),
    /// Who acts is new.
    Unknown,
    /// The network is new to who acts, and to the whole account where that is true.
    Network(&'a str, bool),
    /// Who acts never made the call.
    Call,
    /// Who acts never used the tool.
    Tool(&'a str),
    /// Who acts was never in the region, and nobody in the account was where that is true.
    Region(&'a str, bool),
    /// What AWS left out of the record.
    LeftOut(&'a str),
}

/// What somebody acts by, for a person to read; each with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// An account's root.
    Root(&'a str),
    /// An access key.
    Key(&'a str),
    /// A user's sign-in by password.
    SignIn(&'a str),
    /// A user.
    User(&'a str),
    /// A person, who has nothing but a name.
    Person(&'a str),
    /// A role's session.
    Session(&'a str),
    /// A role.
    Role(&'a str),
    /// An instance.
    Instance(&'a str),
    /// An identity provider.
    Provider(&'a str),
}

/// What to do against an incident, and what that does to honest work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A key that the thief had made is turned off.
    TurnOffMadeKey,
    /// A key is turned off.
    TurnOffKey,
    /// Sessions that were issued before are denied.
    EndSessions,
    /// Root acted.
    Root,
    /// Somebody came through IAM Identity Center.
    IdentityCenter(&'a str),
    /// The password of a user that the thief had made is taken away.
    TakeMadePassword,
    /// A password is taken away.
    TakePassword,
    /// A user that the thief had made loses every right.
    DenyMadeUser,
    /// Machines in a region are stopped.
    Stop(&'a str),
    /// A trail is started.
    StartTrail,
}

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'a> {
    /// Something may still come.
    Open,
    /// It was quiet for long enough.
    Closed,
    /// It turned out to be a part of another.
    PartOf(&'a str),
    /// Somebody looks after it, and perhaps says something of it.
    Acknowledged(&'a str, &'a str),
}

/// What trailnoti cannot read, each with how many or which regions or accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen<'a> {
    /// CloudTrail's events.
    Events(&'a str),
    /// The instances.
    Instances(&'a str),
    /// Both.
    EventsAndInstances(&'a str),
    /// Which regions an account has.
    RegionsOf(&'a str),
    /// The same of so many accounts.
    RegionsOfAccounts(u64),
    /// Whose the credentials are.
    Identity,
}

/// What a day was like, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Day<'a> {
    /// It counts from the first start on.
    FirstStart,
    /// Nothing of a kind.
    None,
    /// No exclusion is configured.
    NoExclusions,
    /// So many events were hidden by an exclusion; the last was this instance, launched by somebody or nobody known.
    Hidden(u64, &'a str, Option<(&'a str, &'a str)>),
    /// So many of so many region feeds were read in time, and these were not.
    Covered(usize, usize, &'a [String]),
    /// Of so many regions so many are read, up to then; so many gaps, since then, so many read back.
    Read {
        /// Regions that are read in time.
        in_time: usize,
        /// All regions.
        regions: usize,
        /// Up to when, as hours and minutes.
        up_to: Option<String>,
        /// Gaps that are left.
        missing: usize,
        /// Since when they are counted.
        since: Option<String>,
        /// Gaps that were read back.
        read_back: usize,
    },
    /// The longest lag, in seconds, and its region.
    Lag(i64, &'a str),
    /// Nothing is known of it.
    NotKnown,
    /// A gap, and when.
    Gap(&'a str, String),
    /// So many alerts wait for a sink.
    Waiting(u64, &'a str),
}

/// The words of a language. Texts that are given are cleaned already, and stand in the answer as they are.
pub trait Words: Debug + Send + Sync {
    /// A severity, inside a sentence.
    fn severity(&self, severity: Severity) -> &'static str;
    /// A severity, as the label that a message begins with.
    fn label(&self, severity: Severity) -> &'static str;
    /// The name of a fact or a link; what is not ours stays as it is.
    fn name<'a>(&self, english: &'a str) -> &'a str;
    /// In place of a field that is not there.
    fn unknown(&self) -> &'static str;
    /// In place of a user's name that AWS does not give away.
    fn hidden_name(&self) -> &'static str;
    /// What of an event's past makes it stand out, one thing after the other.
    fn causes(&self, causes: &[Cause<'_>]) -> String;
    /// In place of a name that is not known by now.
    fn not_known_yet(&self) -> &'static str;

    /// So many regions.
    fn regions(&self, count: u64) -> String;
    /// So many accounts.
    fn accounts(&self, count: u64) -> String;
    /// So many regions of so many accounts.
    fn regions_of_accounts(&self, regions: u64, accounts: u64) -> String;
    /// A region of so many accounts.
    fn region_of_accounts(&self, region: &str, accounts: u64) -> String;
    /// The last of a list is joined to the others.
    fn and(&self, others: &str, last: &str) -> String;
    /// So many more, behind a list.
    fn and_more(&self, count: u64) -> String;
    /// So many more regions, behind a list.
    fn and_more_regions(&self, count: u64) -> String;
    /// So many alike ones, behind a title.
    fn more_like_it(&self, count: u64) -> String;
    /// So many lines were left out.
    fn more_lines(&self, count: u64) -> String;
    /// Before a rule's advice.
    fn what_to_do(&self) -> &'static str;
    /// Before commands, the last of which prints so many more steps.
    fn do_now(&self, more: u64) -> String;
    /// An alert's last line: its rule and its id.
    fn rule_and_alert(&self, rule: &str, alert: &str) -> String;

    /// An incident's stages, in their order.
    fn stages(&self) -> [&'static str; 8];
    /// Whom an incident is about, and where; how far it has come may follow.
    fn about(&self, who: &str, account: &str, stages: &str) -> String;
    /// The same, where somebody else has what the name stands for.
    fn stolen(&self, what: Who<'_>, account: &str, stages: &str) -> String;
    /// An incident by its id.
    fn incident(&self, id: &str) -> String;
    /// The last line of an incident that is one growing message.
    fn footer(&self, id: &str, last: &str) -> String;
    /// From which addresses, with which keys; one of them may be empty.
    fn from(&self, addresses: &str, keys: &str) -> String;
    /// How much there is of it.
    fn so_far(&self, parts: &str) -> String;
    /// So many alerts in these places.
    fn alerts_in(&self, count: u64, places: &str) -> String;
    /// So many machines, of which so many have accelerators, in a place.
    fn machines(&self, count: u64, accelerated: u64, place: &str) -> String;
    /// About so many dollars an hour, and so many until now where that is worth a word.
    fn cost(&self, an_hour: &str, so_far: Option<&str>) -> String;
    /// These trails were stopped.
    fn trails_stopped(&self, trails: &str) -> String;
    /// Somebody, with what he is.
    fn who(&self, who: Who<'_>) -> String;
    /// Somebody, and how he came into being.
    fn made(&self, who: Who<'_>, made: Made<'_>) -> String;
    /// How bad an incident is as a whole, and why.
    fn as_a_whole(&self, severity: Severity, why: &str) -> String;
    /// Why: somebody who was made is used.
    fn is_used(&self, made: &str) -> String;
    /// Why: these stages within an hour.
    fn within_an_hour(&self, stages: &str) -> String;
    /// How often.
    fn times(&self, count: u64) -> String;
    /// How it stands.
    fn state(&self, state: State<'_>) -> String;
    /// What a step does, and what that means for honest work.
    fn step(&self, step: Step<'_>) -> String;

    /// What cannot be read.
    fn unseen(&self, unseen: Unseen<'_>) -> String;
    /// A line of the daily summary.
    fn day(&self, day: &Day<'_>) -> String;
    /// So many events and alerts were read back.
    fn read_back(&self, events: u64, alerts: u64) -> String;
    /// So many seconds, by which a clock is off.
    fn seconds(&self, count: u64) -> String;
    /// The event history is read in time again.
    fn up_to_date(&self) -> &'static str;
}
