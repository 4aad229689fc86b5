//! `doctor`: looks at the accounts and at this configuration from outside, and says what is wrong and what mends it. Owns what
//! is asked, and in which order. It asks more of AWS than the daemon does, and says what it may not ask.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::check::{Seen, look, patiently};
use crate::cli::doctor_report::Report;
use crate::cli::iam_policy::{DESCRIBE_TRAILS, GET_EVENT_SELECTORS, GET_TRAIL_STATUS};
use crate::cli::{doctor_findings, events, runtime};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::lookup::cursor::Request;
use crate::domain::lookup::stream::Stream;
use crate::domain::text::clean;
use crate::domain::time::earlier;
use crate::domain::trails::endpoint::global_calls;
use crate::domain::trails::volume::{Sample, estimate};
use crate::domain::trails::{GLOBAL_REGION, Trail, duplicates};
use crate::sink::terminal::columns;
use crate::source;
use crate::source::{Account, FetchError, RegionAccess, Skew};

/// How far back the calls to STS are sampled.
const RECENT: Duration = Duration::from_secs(7 * 86_400);
const LOOKUP: &str = "cloudtrail:LookupEvents";
/// The longest name of a trail that is shown, in characters.
const NAME: usize = 200;

pub(super) fn run(file: &ConfigFile, as_json: bool) -> anyhow::Result<ExitCode> {
    let (config, exposed) = file.load_exposed()?;
    let mut report = Report::default();
    report.findings.extend(doctor_findings::of_secrets(&exposed));
    report.findings.extend(doctor_findings::of_configuration(&config));
    runtime::one_thread()?.block_on(look_at_accounts(&config, &mut report))?;
    report.sort();
    let text = if as_json { format!("{:#}\n", report.value()) } else { report.text(columns()) };
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

async fn look_at_accounts(config: &Config, report: &mut Report) -> anyhow::Result<()> {
    let sdk = source::from_environment().await?;
    Account::check_credentials(&sdk).await?;
    let clock = Clock::system();
    let skew = source::skew(clock);
    for account in events::accounts(config, &sdk).await? {
        let enabled = match account.enabled_regions(&[]).await {
            Ok(enabled) => enabled,
            Err(error) => {
                report.findings.push(doctor_findings::of_account(&account.id, &error));
                continue;
            }
        };
        let patient = Patient { account: &account, skew: &skew, clock };
        let watched: Vec<String> =
            enabled.iter().filter(|region| config.regions.admits(region)).cloned().collect();
        if std::io::stderr().is_terminal() {
            eprintln!("looking at {} regions of account {} …", watched.len(), account.id);
        }
        report.regions += watched.len();
        patient.examine_regions(&watched, report).await;
        if enabled.iter().any(|region| region == GLOBAL_REGION) {
            patient.examine_sts(report).await;
        }
    }
    report.findings.extend(doctor_findings::of_clock(skew.seconds()));
    Ok(())
}

/// What one region says of its trails: each, and whether it logs there.
type Trails = Result<Vec<(Trail, Result<bool, FetchError>)>, FetchError>;

/// An account that is looked at.
struct Patient<'a> {
    account: &'a Account,
    skew: &'a Skew,
    clock: Clock,
}

impl Patient<'_> {
    fn region(&self, region: &str) -> RegionAccess {
        self.account.region(region, self.skew)
    }

    /// Whether the regions can be read, and what is recorded twice in them.
    async fn examine_regions(&self, watched: &[String], report: &mut Report) {
        let asked = watched.iter().map(|region| async {
            let access = self.region(region);
            let seen = look(&self.account.id, &access, self.clock).await;
            (seen, self.trails_of(&access).await)
        });
        let (seen, trails): (Vec<Seen>, Vec<Trails>) = join_all(asked).await.into_iter().unzip();
        report.findings.extend(doctor_findings::of_regions(&self.account.id, &seen));
        let trails = self.known_trails(watched, trails, report).await;
        let copies = duplicates(&trails, watched);
        let paid: BTreeSet<&String> = copies.iter().flat_map(|copy| &copy.regions).collect();
        let samples = self.samples(&paid, report).await;
        for copy in &copies {
            let cost = estimate(copy, &samples);
            report.findings.push(doctor_findings::of_copy(&self.account.id, copy, cost.as_ref()));
        }
    }

    async fn trails_of(&self, access: &RegionAccess) -> Trails {
        let mut trails = Vec::new();
        for trail in patiently(self.clock, async || access.trails().await).await? {
            let logs = patiently(self.clock, async || access.is_logging(&trail.arn).await).await;
            trails.push((trail, logs));
        }
        Ok(trails)
    }

    /// The trails that log somewhere, each once, with where they log and what they record. What is not known of a trail is
    /// noted, and then it counts as recording nothing.
    async fn known_trails(
        &self,
        regions: &[String],
        answers: Vec<Trails>,
        report: &mut Report,
    ) -> Vec<Trail> {
        let id = &self.account.id;
        let mut known: BTreeMap<String, Trail> = BTreeMap::new();
        for (region, answer) in regions.iter().zip(answers) {
            let trails = match answer {
                Ok(trails) => trails,
                Err(error) => {
                    report.not_seen("trails", id, region, &error, DESCRIBE_TRAILS);
                    continue;
                }
            };
            for (trail, logs) in trails {
                match logs {
                    Ok(true) => {
                        let one = known.entry(trail.arn.clone()).or_insert(trail);
                        one.logging.insert(region.clone());
                    }
                    Ok(false) => {}
                    Err(error) => {
                        let what = format!("whether trail {} logs", clean(&trail.name, NAME));
                        report.not_seen(&what, id, region, &error, GET_TRAIL_STATUS);
                    }
                }
            }
        }
        let mut trails: Vec<Trail> = known.into_values().collect();
        // One trail alone is the free copy, whatever it records.
        if trails.len() < 2 {
            return trails;
        }
        for trail in &mut trails {
            let access = self.region(&trail.home);
            match patiently(self.clock, async || access.selectors(&trail.arn).await).await {
                Ok(selectors) => trail.selectors = selectors,
                Err(error) => {
                    let what = format!("what trail {} records", clean(&trail.name, NAME));
                    report.not_seen(&what, id, &trail.home, &error, GET_EVENT_SELECTORS);
                }
            }
        }
        trails
    }

    /// The newest events of regions in which something is paid for.
    async fn samples(&self, regions: &BTreeSet<&String>, report: &mut Report) -> BTreeMap<String, Sample> {
        let asked = regions.iter().map(|region| async {
            let access = self.region(region);
            patiently(self.clock, async || access.newest().await).await
        });
        let mut samples = BTreeMap::new();
        for (region, answer) in regions.iter().zip(join_all(asked).await) {
            match answer {
                Ok(page) => {
                    let sample = Sample::new(&page.events, page.next.is_some(), self.clock.now());
                    samples.extend(sample.map(|sample| ((*region).clone(), sample)));
                }
                Err(error) => {
                    let what = "how many events are recorded";
                    report.not_seen(what, &self.account.id, region, &error, LOOKUP);
                }
            }
        }
        samples
    }

    /// Who still calls the global endpoint of STS, by one page of the history where that is recorded.
    async fn examine_sts(&self, report: &mut Report) {
        let access = self.region(GLOBAL_REGION);
        let end = self.clock.now();
        let stream = Stream::Name("AssumeRole".to_owned());
        let request = Request { stream, start: earlier(end, RECENT), end, token: None };
        match patiently(self.clock, async || access.look_up(&request).await).await {
            Ok(page) => {
                let calls = global_calls(&page.events);
                report.findings.extend(doctor_findings::of_global_sts(&self.account.id, &calls));
            }
            Err(error) => {
                report.not_seen("calls to STS", &self.account.id, GLOBAL_REGION, &error, LOOKUP);
            }
        }
    }
}
