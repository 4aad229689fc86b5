//! What trailnoti reports of itself. Owns which reports there are; how they read is `reported`'s, when they are made is `health`'s, and how
//! urgent they are is the rules' (`rules/trailnoti.toml`).

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::health::subject::Place;
use crate::domain::severity::Severity;

/// Something that trailnoti reports of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Places cannot be read.
    Blind {
        /// Which ones.
        places: Vec<Place>,
        /// Why, in words.
        reason: String,
        /// What is recorded in one of them alone, and unseen with it.
        unseen_too: Option<&'static str>,
        /// Since when that is so.
        since: Timestamp,
    },
    /// They can be read again.
    SeesAgain {
        /// Which ones.
        places: Vec<Place>,
        /// Since when they could not.
        since: Timestamp,
    },
    /// The history of regions is read, and later than it should be.
    Behind {
        /// Which ones.
        places: Vec<Place>,
        /// By how much it is behind, in words.
        reason: String,
    },
    /// It is read in time again.
    CaughtUp {
        /// Where.
        places: Vec<Place>,
    },
    /// CloudTrail does not show what trailnoti itself has asked.
    Withheld {
        /// Where.
        places: Vec<Place>,
        /// What is not shown, in words.
        reason: String,
    },
    /// It shows that again.
    Shown {
        /// Where.
        places: Vec<Place>,
        /// Since when it did not.
        since: Timestamp,
    },
    /// What happened while nothing could be read was read back.
    ReadBack {
        /// Where.
        places: Vec<Place>,
        /// How long nothing ran, where that was the reason.
        stopped: Option<Duration>,
        /// How many events that were.
        events: u64,
        /// How many alerts came of them.
        alerts: u64,
    },
    /// What happened cannot be read any more.
    Gap {
        /// Where.
        places: Vec<Place>,
        /// The first moment of it.
        from: Timestamp,
        /// The last moment of it.
        until: Timestamp,
    },
    /// A region has more events than can be read in time.
    Flooded {
        /// The region, such as `eu-west-1`.
        subject: String,
        /// How many there are, and what is read instead.
        reason: String,
        /// Who makes most of them.
        principal: String,
    },
    /// The newest are read in time again.
    FloodOver {
        /// The region, such as `eu-west-1`.
        subject: String,
    },
    /// AWS refuses requests although few were made: somebody else makes them.
    QuotaSpent {
        /// The region, such as `eu-west-1`.
        subject: String,
        /// Who else asks; empty as long as that was not read.
        principal: String,
    },
    /// Requests are answered again.
    QuotaFree {
        /// The region, such as `eu-west-1`.
        subject: String,
    },
    /// A region was enabled.
    RegionAppeared {
        /// Whether the configuration lets it be watched.
        watched: bool,
    },
    /// A region was disabled.
    RegionGone {
        /// How many instances are known there.
        instances: usize,
    },
    /// Nothing more happened in an incident.
    IncidentOver {
        /// Its id.
        incident: String,
        /// Whom it is about, and how far it came.
        what: String,
        /// How many alerts it had.
        alerts: u64,
        /// How urgent the most urgent of them was.
        worst: Severity,
        /// For how long nothing happened.
        quiet: Duration,
    },
    /// Somebody looks after an incident.
    IncidentAcknowledged {
        /// Its id.
        incident: String,
        /// Whom it is about, and how far it came.
        what: String,
        /// Who looks after it.
        by: String,
        /// What he says of it; empty for nothing.
        note: String,
        /// How many alerts it had.
        alerts: u64,
        /// How urgent the most urgent of them was.
        worst: Severity,
    },
    /// Nobody said that he looks after an incident.
    IncidentUnattended {
        /// Its id.
        incident: String,
        /// Whom it is about, and how far it came.
        what: String,
        /// For how long it is critical.
        waited: Duration,
    },
    /// A sink takes nothing.
    SinkDead {
        /// Its name in the configuration.
        sink: String,
        /// Why, in words.
        reason: String,
    },
    /// A sink takes messages again.
    SinkWorksAgain {
        /// Its name in the configuration.
        sink: String,
        /// Since when it did not.
        since: Timestamp,
    },
    /// More alerts wait for a sink than there is room for.
    OutboxFull {
        /// Its name in the configuration.
        sink: String,
    },
    /// There is room again.
    OutboxHasRoom {
        /// Its name in the configuration.
        sink: String,
        /// Since when there was none.
        since: Timestamp,
    },
    /// The process died again and again.
    Killed {
        /// How often, in a quarter of an hour.
        times: usize,
    },
    /// The state on disk was damaged, and begun anew.
    StateReset {
        /// What was wrong, and where a copy is.
        reason: String,
    },
    /// The state cannot be written, and is kept in memory.
    StateUnwritable {
        /// What the system says.
        reason: String,
    },
    /// It is written again.
    StateWritable {
        /// Since when it was not.
        since: Timestamp,
    },
    /// A new configuration has mistakes.
    ReloadRefused {
        /// Every mistake, one to a line.
        reason: String,
    },
    /// After a refused one, a configuration was taken.
    ReloadWorksAgain,
    /// This machine's clock differs from AWS's by these seconds.
    Clock {
        /// Positive: AWS is ahead.
        seconds: i64,
    },
    /// It does not any more.
    ClockRight {
        /// Since when it did.
        since: Timestamp,
    },
    /// CloudTrail gave something that is no record.
    Unreadable {
        /// CloudTrail's id of it, and its name.
        subject: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// An instance is there, and no call that launched it.
    WithoutLaunch {
        /// The instance, with its size where that is known.
        subject: String,
        /// How long it was looked for.
        reason: String,
    },
    /// A launch was read, and its instance was on no list.
    NeverSeen {
        /// The instance, with its size where that is known.
        subject: String,
        /// Who launched it, and when.
        reason: String,
    },
    /// Somebody's instance carries an exclusion's tags, and should not.
    ExclusionClaimed {
        /// The instance, with its size where that is known.
        subject: String,
        /// The exclusion's name in the configuration.
        exclusion: String,
        /// What is odd, in a word for rules.
        claim: &'static str,
        /// What is wrong with it.
        reason: String,
        /// Who did it, if that is known.
        principal: String,
    },
    /// What a day was like.
    Daily {
        /// What was sent, hidden, covered and missed, each in a line.
        lines: Vec<(String, String)>,
    },
    /// Somebody asked for a test.
    Test {
        /// The sink that is tried.
        sink: String,
    },
}

impl Report {
    /// The places that it is about; none for what is about none.
    pub fn places(&self) -> &[Place] {
        match self {
            Report::Blind { places, .. }
            | Report::SeesAgain { places, .. }
            | Report::Behind { places, .. }
            | Report::CaughtUp { places }
            | Report::Withheld { places, .. }
            | Report::Shown { places, .. }
            | Report::ReadBack { places, .. }
            | Report::Gap { places, .. } => places,
            _ => &[],
        }
    }
}
