//! What a storm of alerts buries: `cargo bench --bench storm` fills the queue of a sink that is down, lets it take a message
//! a second as Slack does, and prints when another principal's alert came and when nothing waited any more. The seconds are
//! simulated; what the same cost this machine stands beside them. While it is down, the sink asks to be tried again in five
//! seconds: so much of the wait may be its own.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that fails is no measurement"
)]
#![allow(missing_docs, reason = "a measurement")]

#[path = "made/flooded.rs"]
mod flooded;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use flooded::{ACCOUNT, NOISY, Stage, THIEF, at, progress, record_small, simulated};
use jiff::{SignedDuration, Timestamp};
use trailnoti::domain::event::derived_id;
use trailnoti::domain::event::scope::Scope;
use trailnoti::domain::json::{Json, object};
use trailnoti::domain::judge::inputs::Judgement;
use trailnoti::domain::notify::alert::Alert;
use trailnoti::domain::severity::Severity;
use trailnoti::simulator::DEFAULT_REGIONS;
use trailnoti::simulator::records::{Caller, call};
use trailnoti::store::Commit;

/// Alerts are grouped as they are where nobody says otherwise.
const CONFIG: &str = "[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";
/// As `sink/slack.rs` has it.
const GAP: Duration = Duration::from_millis(1100);
const CRITICAL: usize = 10_000;
const LOW: usize = 100_000;
/// So many alerts are written together where no page says how many.
const TOGETHER: usize = 1_000;
/// The seconds within which the queue is to be empty.
const GOAL: u32 = 300;
/// So long it is waited for at most.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What was told of a storm once the sink was up; times in seconds from then.
struct Outcome {
    /// The other principal's alert, by its title.
    other: Option<f64>,
    messages: usize,
    /// Nothing waits any more, of the storm and of what trailnoti says of itself meanwhile.
    empty: Option<f64>,
    shown: usize,
    counted: usize,
    /// Of the counted, those that are kept as a number alone, since there was no room for more.
    folded: usize,
    /// Different alerts among the rest.
    different: usize,
    made: usize,
    /// What it cost this machine.
    machine: f64,
}

impl Outcome {
    fn adds_up(&self) -> bool {
        self.shown + self.counted == self.made && self.different + self.folded == self.made
    }
}

fn main() {
    println!(
        "a sink that was down until all alerts waited, then up with {} ms between messages; seconds since it is up",
        GAP.as_millis()
    );
    println!(
        "storm                                          | other's  messages  empty  goal |  shown  counted    made | machine"
    );
    let outcomes = [
        ("10,000 critical of one, 1 critical of another", simulated(criticals())),
        ("100,000 low of one, 1 critical of another", simulated(lows())),
    ];
    progress("");
    let seconds = |time: Option<f64>| time.map_or_else(|| "never".to_owned(), |time| format!("{time:.1}"));
    for (storm, outcome) in &outcomes {
        let Outcome { other, messages, empty, shown, counted, made, machine, .. } = outcome;
        let sum = if outcome.adds_up() { "" } else { "  THE COUNTS DO NOT ADD UP" };
        println!(
            "{storm:<46} | {:>7} {messages:>9} {:>6} {GOAL:>5} | {shown:>6} {counted:>8} {made:>7} | {machine:>6.1}s{sum}",
            seconds(*other),
            seconds(*empty)
        );
    }
    for (storm, outcome) in &outcomes {
        let different = outcome.different;
        assert!(outcome.adds_up(), "{storm}: {different} different alerts were told of {}", outcome.made);
    }
}

/// One key stops trails in every region, and after all of these another stops one. They are read from the history.
async fn criticals() -> Outcome {
    let mut stage = Stage::new(&DEFAULT_REGIONS, CONFIG, GAP).await;
    let stop = |who: &Caller<'_>, time: Timestamp, n: usize| {
        let request = object([("name", format!("trail-{n}").into())]);
        let region = DEFAULT_REGIONS[n % DEFAULT_REGIONS.len()];
        call(who, time, region, "cloudtrail", "StopLogging", request, Json::Null)
    };
    let other = stop(&THIEF, at("10:07:00"), CRITICAL);
    let event = other.text("eventID").expect("it has one").to_owned();
    stage.account(|account| {
        for n in 0..CRITICAL {
            let second = i64::try_from(n % 60).expect("small");
            let record = stop(&NOISY, at("10:03:00") + SignedDuration::from_secs(second), n);
            record_small(account, record, SignedDuration::from_mins(1));
        }
        account.record(other, SignedDuration::from_secs(30));
    });
    stage.listener.set_down(true);
    stage.start();
    filled(&stage, CRITICAL + 1).await;
    drain(stage, &event, CRITICAL + 1).await
}

/// Waits until so many alerts wait for the sink, and for a minute no more came.
async fn filled(stage: &Stage, made: usize) {
    let (mut before, mut since) = (0, stage.clock.now());
    while before < made || stage.clock.now() < since + SignedDuration::from_mins(1) {
        stage.pass(5).await;
        let (waiting, now) = (stage.waiting().await, stage.clock.now());
        progress(&format!("{waiting} of {made} alerts wait at {}", now.strftime("%H:%M:%S")));
        if waiting != before {
            (before, since) = (waiting, now);
        }
        assert!(now < at("11:00:00"), "only {waiting} of {made} alerts were made");
    }
}

/// Too many to be read in a quarter of an hour: they are written as a judgement writes them, and then the daemon starts.
async fn lows() -> Outcome {
    let mut stage = Stage::new(&DEFAULT_REGIONS, CONFIG, GAP).await;
    let (now, routes) = (stage.clock.now(), stage.config.routes());
    let nth = |n: usize| match n {
        LOW => alert(n, &THIEF, Severity::Critical, now),
        _ => alert(n, &NOISY, Severity::Low, now),
    };
    for first in (0..=LOW).step_by(TOGETHER) {
        progress(&format!("{first} of {} alerts wait", LOW + 1));
        let alerts = (first..=LOW).take(TOGETHER).map(nth).collect();
        let judgement = Judgement { alerts, ..Judgement::default() };
        let commit = Commit { judgement, ..Commit::default() };
        let scope = Scope::region_of(ACCOUNT, DEFAULT_REGIONS[0]);
        let written = stage.store.commit(scope, &commit, &routes).await.expect("committed");
        stage.store.settled(written.expect("it must last")).await.expect("settled");
    }
    // They have waited for as long as their groups wait.
    stage.pass(60).await;
    stage.start();
    drain(stage, &nth(LOW).event_id, LOW + 1).await
}

/// An alert of the size that they have.
fn alert(n: usize, who: &Caller<'_>, severity: Severity, time: Timestamp) -> Alert {
    let event_id = derived_id(&["storm", who.user, &n.to_string()]);
    let (rule, principal) = ("trail-changed", format!("user/{}", who.user));
    let facts = [("call", "cloudtrail:UpdateTrail"), ("access key", who.key), ("user agent", who.agent)];
    let text = str::to_owned;
    Alert {
        id: derived_id(&["alert", ACCOUNT, &event_id]),
        rule: text(rule),
        title: format!("{principal} changed what the audit trail trail-{n} records, or where"),
        description: text("A trail that leaves out management events or other regions still looks alive."),
        runbook: text("Compare the trail with its former settings (GetTrail, GetEventSelectors)."),
        severity,
        group: format!("{ACCOUNT}/{rule}/{principal}"),
        account: text(ACCOUNT),
        account_name: String::new(),
        region: text(DEFAULT_REGIONS[n % DEFAULT_REGIONS.len()]),
        time,
        principal,
        address: text(who.address),
        origin: String::new(),
        event_id,
        instance: String::new(),
        completes: false,
        part: Default::default(),
        tags: Vec::new(),
        of_itself: false,
        facts: facts.map(|(name, fact)| (text(name), text(fact))).into(),
    }
}

/// The sink is up from now on: what it is told until nothing waits any more.
async fn drain(stage: Stage, other: &str, made: usize) -> Outcome {
    stage.listener.set_down(false);
    let (up, begun) = (stage.clock.now(), Instant::now());
    let passed = || stage.clock.now().duration_since(up);
    let empty = loop {
        let waiting = stage.waiting().await;
        progress(&format!("{waiting} of {made} alerts wait"));
        if waiting == 0 {
            break Some(passed().as_secs_f64());
        }
        if passed() > PATIENCE {
            break None;
        }
        stage.pass(1).await;
    };
    let machine = begun.elapsed().as_secs_f64();
    let outcome = {
        let heard = stage.listener.heard();
        let alerts = || {
            let all = heard.iter().flat_map(|(at, message)| message.alerts.iter().map(move |one| (*at, one)));
            // What trailnoti says of itself meanwhile is no part of the storm.
            all.filter(|(_, one)| !one.alert.rule.starts_with("trailnoti-"))
        };
        let ids = alerts().flat_map(|(_, one)| {
            let like = one.like.iter().map(|like| like.id.as_str());
            like.chain([one.alert.id.as_str()])
        });
        let named = alerts().find(|(_, one)| one.alert.event_id == other);
        Outcome {
            other: named.map(|(at, _)| at.duration_since(up).as_secs_f64()),
            messages: heard.len(),
            empty,
            shown: alerts().count(),
            counted: alerts().map(|(_, one)| usize::try_from(one.more()).expect("few")).sum(),
            folded: alerts().map(|(_, one)| usize::try_from(one.counted).expect("few")).sum(),
            different: ids.collect::<BTreeSet<&str>>().len(),
            made,
            machine,
        }
    };
    stage.stop().await;
    outcome
}
