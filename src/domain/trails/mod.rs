//! The trails that record an account's calls: which of them record the same management events in the same region, and so
//! which copies are paid for. Owns that conclusion, and which trail is better kept; what a copy costs is `volume`'s, how it is
//! ended is `mend`'s, and AWS is asked by `source`.
//!
//! In each region the first copy of management events is free and every further one is paid (CloudTrail API reference,
//! "EventSelector"). So trails of two regions do not overlap, nor does one that records reads with one that records changes.
//! An organization's trail counts in each member account (CloudTrail user guide, "Managing CloudTrail trail costs").

pub mod endpoint;
pub mod mend;
pub mod selectors;
pub mod volume;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::domain::trails::selectors::{Recorded, Selectors};

/// Where IAM, sign-ins and other global services are recorded. A trail of this region alone can have their events too.
pub const GLOBAL_REGION: &str = "us-east-1";

/// A trail, as far as it matters who records what twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// Its ARN, by which it is one trail in every region that shows it.
    pub arn: String,
    /// Its name, which other trails may have too.
    pub name: String,
    /// The region that it was made in, where alone it can be changed.
    pub home: String,
    /// It records in every region.
    pub multi_region: bool,
    /// It is an organization's, and records in every member account.
    pub organization: bool,
    /// It is set to record the events of global services.
    pub global_events: bool,
    /// The regions in which it logs, of those that were looked at.
    pub logging: BTreeSet<String>,
    /// Which events it records.
    pub selectors: Selectors,
}

impl Trail {
    /// The account that it belongs to, by its ARN.
    pub fn owner(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// Whether events of global services come to it (CloudTrail API reference, "Trail").
    fn has_global_events(&self) -> bool {
        self.global_events && (self.multi_region || self.home == GLOBAL_REGION)
    }
}

/// What becomes of a trail that records what others record already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// It records no management events any more.
    Drop,
    /// It records reads alone.
    OnlyReads,
    /// It records changes alone.
    OnlyWrites,
    /// Elsewhere it is the only trail, and selectors know no regions: nothing can be taken from it.
    Elsewhere,
}

/// What one trail records that others record already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate<'a> {
    /// The trail whose events are copies.
    pub copy: &'a Trail,
    /// The trails that are better kept.
    pub kept: Vec<&'a Trail>,
    /// Where that is so.
    pub regions: Vec<String>,
    /// Reads are recorded twice.
    pub reads: bool,
    /// Changes are recorded twice.
    pub writes: bool,
    /// Sign-ins, IAM and other global services are among what is recorded twice.
    pub global: bool,
    /// The services whose events are no copies, since one side leaves them out.
    pub apart: BTreeSet<String>,
    /// The services whose events nobody else records.
    pub lost: BTreeSet<String>,
    /// What ends it.
    pub remedy: Remedy,
}

impl Duplicate<'_> {
    /// The account that pays: a member account for its own trail beside the organization's, else whose the copy is.
    pub fn payer(&self) -> &str {
        let mut all = std::iter::once(self.copy).chain(self.kept.iter().copied());
        all.find(|trail| !trail.organization).unwrap_or(self.copy).owner()
    }

    fn is_as(&self, other: &Duplicate<'_>) -> bool {
        self.copy.arn == other.copy.arn
            && self.kept == other.kept
            && (self.reads, self.writes) == (other.reads, other.writes)
    }
}

/// What is recorded twice in these regions. What is the same in several of them is one.
pub fn duplicates<'a>(trails: &'a [Trail], regions: &[String]) -> Vec<Duplicate<'a>> {
    let mut found: Vec<Duplicate<'a>> = Vec::new();
    for region in regions {
        for here in duplicates_in(trails, region) {
            match found.iter_mut().find(|known| known.is_as(&here)) {
                Some(known) => known.regions.extend(here.regions),
                None => found.push(here),
            }
        }
    }
    let remedies: Vec<Remedy> = found.iter().map(|one| remedy(one.copy, &found)).collect();
    found.iter_mut().zip(remedies).for_each(|(one, remedy)| one.remedy = remedy);
    found
}

/// What makes a trail better to keep, the most weighty first: it is one of every region, it is the organization's and so
/// not the account's to change, it logs in more regions, it records more.
fn rank(trail: &Trail, recorded: &Recorded) -> (bool, bool, usize, u8, Reverse<usize>) {
    let kinds = u8::from(recorded.reads) + u8::from(recorded.writes);
    (trail.multi_region, trail.organization, trail.logging.len(), kinds, Reverse(recorded.except.len()))
}

fn duplicates_in<'a>(trails: &'a [Trail], region: &str) -> Vec<Duplicate<'a>> {
    let logging = trails.iter().filter(|trail| trail.logging.contains(region));
    let recording = logging.map(|trail| (trail, trail.selectors.recorded()));
    let mut recording: Vec<(&'a Trail, Recorded)> =
        recording.filter(|(_, recorded)| recorded.reads || recorded.writes).collect();
    recording
        .sort_by(|(a, by_a), (b, by_b)| rank(b, by_b).cmp(&rank(a, by_a)).then_with(|| a.arn.cmp(&b.arn)));
    let mut kept: Vec<(&'a Trail, Recorded)> = Vec::new();
    let mut found = Vec::new();
    for (copy, recorded) in recording {
        let overlaps = |by: &Recorded| (by.reads && recorded.reads) || (by.writes && recorded.writes);
        let others: Vec<&(&'a Trail, Recorded)> = kept.iter().filter(|(_, by)| overlaps(by)).collect();
        let Some((_, first)) = others.first() else {
            kept.push((copy, recorded));
            continue;
        };
        let reads = recorded.reads && others.iter().any(|(_, by)| by.reads);
        let writes = recorded.writes && others.iter().any(|(_, by)| by.writes);
        let mut apart = first.except.clone();
        apart.retain(|service| others.iter().all(|(_, by)| by.except.contains(service)));
        let lost: BTreeSet<String> = apart.difference(&recorded.except).cloned().collect();
        apart.extend(recorded.except.iter().cloned());
        let whole = (reads, writes) == (recorded.reads, recorded.writes) && lost.is_empty();
        found.push(Duplicate {
            copy,
            kept: others.iter().map(|(trail, _)| *trail).collect(),
            regions: vec![region.to_owned()],
            reads,
            writes,
            global: copy.has_global_events() && others.iter().any(|(trail, _)| trail.has_global_events()),
            apart,
            lost,
            remedy: Remedy::Drop,
        });
        // What is wholly a copy goes, and nothing is a copy of it.
        if !whole {
            kept.push((copy, recorded));
        }
    }
    found
}

/// What can be taken from a trail so that nothing that it alone records is lost, in any region.
fn remedy(copy: &Trail, found: &[Duplicate<'_>]) -> Remedy {
    let recorded = copy.selectors.recorded();
    let (mut reads, mut writes) = (false, false);
    for region in &copy.logging {
        let twice = found.iter().find(|one| one.copy.arn == copy.arn && one.regions.contains(region));
        reads |= recorded.reads && !twice.is_some_and(|one| one.reads);
        writes |= recorded.writes && !twice.is_some_and(|one| one.writes);
    }
    match (reads, writes) {
        (false, false) => Remedy::Drop,
        needed if needed == (recorded.reads, recorded.writes) => Remedy::Elsewhere,
        (true, _) => Remedy::OnlyReads,
        (false, true) => Remedy::OnlyWrites,
    }
}
