//! One event: what it teaches, which rule alerts on it, and what that rule's exceptions, memory and threshold say. Owns the
//! order of these.

use std::borrow::Cow;

use crate::domain::context::launch::{Launch, asked_by_fleet, started, subjects, tagged};
use crate::domain::context::principal::actor;
use crate::domain::context::{Envelope, InContext, Past};
use crate::domain::event::instance::State;
use crate::domain::event::{Event, INSTANCE_STATE, derived_id};
use crate::domain::incident::credential::{makes, speaks_as};
use crate::domain::incident::incidents::Link;
use crate::domain::incident::resource::touched;
use crate::domain::incident::{Place, Touched};
use crate::domain::instances::story::{Held, LISTED, Story};
use crate::domain::judge::decision::{Decision, Fate, Why};
use crate::domain::judge::draft::Draft;
use crate::domain::judge::inputs::{Known, Mark};
use crate::domain::judge::overdue::tags_were_added;
use crate::domain::judge::placement::{hide_preparation, place};
use crate::domain::judge::prepared::Prepared;
use crate::domain::notify::alert::Alert;
use crate::domain::rules::rule::{Finding, Mode, Scratch};
use crate::domain::rules::threshold;
use crate::domain::rules::traits::Traits;
use crate::domain::severity::Severity;
use crate::domain::time::later;

/// How a batch is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Each event is judged once, as it comes.
    Now,
    /// Again, since it came before the past was known: what is worse than could be said then is alerted on once more.
    OnceKnown,
    /// It is the call of a suspect, and was asked for by that.
    Followed,
}

/// Judges one event, and whatever trailnoti has to say of it.
pub(super) fn judge(
    draft: &mut Draft<'_>,
    scratch: &mut Scratch,
    envelope: &Envelope,
    prepared: Option<&Prepared<'_>>,
    when: When,
    known: &Known,
) {
    learn(draft, &envelope.event);
    follow(draft, &envelope.event);
    // What the record shows of instances is reported before the record itself.
    reports(draft, scratch, known);
    decide(draft, scratch, envelope, prepared, when, known);
}

/// Judges what trailnoti has to say of the batch so far.
pub(super) fn reports(draft: &mut Draft<'_>, scratch: &mut Scratch, known: &Known) {
    for report in std::mem::take(&mut draft.reports) {
        decide(draft, scratch, &report.into(), None, When::Now, known);
    }
}

fn decide(
    draft: &mut Draft<'_>,
    scratch: &mut Scratch,
    envelope: &Envelope,
    prepared: Option<&Prepared<'_>>,
    when: When,
    known: &Known,
) {
    let event = &envelope.event;
    let ruleset = draft.inputs.ruleset;
    let traits = match prepared {
        Some(prepared) => Cow::Borrowed(&prepared.traits),
        None => Cow::Owned(Traits::of(envelope)),
    };
    let own = draft.inputs.own.cloned();
    let mut past = Past { own_accounts: ruleset.own_accounts.clone(), own, ..draft.memory.past(&traits) };
    past.followed = when == When::Followed;
    if traits.is_from(&ruleset.own_networks) {
        past.knows_the_network();
    }
    // Most events: nothing is new, and no rule fits them.
    if when == When::Now && prepared.is_some_and(|one| one.findings.is_empty() && one.past == past) {
        if !traits.reads {
            draft.memory.learn(&traits);
        }
        draft.judgement.unmatched += 1;
        return;
    }
    let seen = envelope.after(Some(&past));
    // What was prepared for another past is worth nothing.
    let findings = match prepared.filter(|one| one.past == past) {
        Some(prepared) => prepared.findings.clone(),
        None => ruleset.rules.findings(scratch, &seen.text()),
    };
    if !findings.is_empty() || !traits.reads {
        draft.memory.learn(&traits);
    }
    let mut decision = Decision::of(event);
    let mut mark = Mark::of(event);
    let is_marked =
        |draft: &Draft<'_>, mark: &Mark| draft.judgement.marks.contains(mark) || known.contains(mark);
    let mut is_known = is_marked(draft, &mark);
    let (mut live, mut tried) = (None, Vec::new());
    for finding in &findings {
        match holds(draft, finding, &seen, &traits, is_known) {
            Err(why) => decision.not.push((finding.rule.id.clone(), why)),
            Ok(()) if finding.rule.mode == Mode::Live => live = live.or(Some(finding)),
            Ok(()) => tried.push(finding.rule.id.clone()),
        }
    }
    // No rule names it; what a suspect looks at belongs to his story all the same.
    let followed = match when {
        When::Followed if live.is_none() && traits.reads => followed(draft, &seen, &traits, is_known),
        _ => None,
    };
    let live = live.or(followed.as_ref());
    if live.is_none() && tried.is_empty() {
        draft.judgement.unmatched += 1;
        draft.judgement.decisions.push(decision);
        return;
    }
    let is_worse = |finding: &Finding<'_>| Some(finding.severity) > severity_before(draft, envelope);
    let raised = when == When::OnceKnown && is_known && live.is_some_and(is_worse);
    if raised {
        mark = mark.raised();
        is_known = is_marked(draft, &mark);
        tried.clear();
    }
    if is_known {
        draft.judgement.repeated += 1;
        return;
    }
    draft.judgement.marks.insert(mark);
    draft.judgement.tried.extend(tried.iter().cloned());
    decision.tried = tried;
    if let Some(finding) = live {
        let mut alert = Alert::new(finding.rule, finding.severity, &seen, draft.inputs.account_name);
        if raised {
            // Another message of the same event, which is no repeat.
            alert.id = derived_id(&[&alert.id, "late"]);
        }
        decision.is_about(&alert);
        decision.fate = match hide_preparation(draft, envelope, event.time) {
            Some(exclusion) => Fate::Hidden(exclusion),
            None => place(draft, held(event, alert)),
        };
    }
    draft.judgement.decisions.push(decision);
}

/// The rule on what a suspect reads, where it alerts.
fn followed<'r>(
    draft: &mut Draft<'r>,
    seen: &InContext<'_>,
    traits: &Traits,
    is_known: bool,
) -> Option<Finding<'r>> {
    let tree = seen.tree();
    let rules = draft.inputs.ruleset.rules.followed();
    let rule = rules.iter().find(|rule| rule.mode == Mode::Live && rule.pattern.fits(&tree))?;
    let finding = Finding { rule, severity: rule.severity, excused: None };
    holds(draft, &finding, seen, traits, is_known).is_ok().then_some(finding)
}

/// An alert with the instances that it is about.
fn held(event: &Event, alert: Alert) -> Held {
    let (ids, state) = match (event.detail_type.as_str(), &event.instance) {
        (INSTANCE_STATE, Some(instance)) => (vec![instance.id.clone()], instance.state),
        _ => (subjects(event), State::Pending),
    };
    Held { alert, ids, state, starts: !started(event).is_empty() }
}

/// How urgent an event was as long as nothing was known of the past.
fn severity_before(draft: &Draft<'_>, envelope: &Envelope) -> Option<Severity> {
    let ruleset = draft.inputs.ruleset;
    let past =
        Past { learning: true, again: true, own_accounts: ruleset.own_accounts.clone(), ..Past::default() };
    let text = envelope.after(Some(&past)).text();
    let findings = ruleset.rules.findings(&mut Scratch::default(), &text);
    let alerted = |finding: &&Finding<'_>| {
        finding.excused.is_none() && finding.rule.first_seen.is_none() && finding.rule.mode == Mode::Live
    };
    findings.iter().filter(alerted).map(|finding| finding.severity).max()
}

/// Whether a rule that fits an event alerts on it: no exception, not seen before, and enough of them.
fn holds(
    draft: &mut Draft<'_>,
    finding: &Finding<'_>,
    seen: &InContext<'_>,
    traits: &Traits,
    is_known: bool,
) -> Result<(), Why> {
    let rule = finding.rule;
    if let Some(exception) = finding.excused {
        return Err(Why::Excused(exception));
    }
    if let Some(first) = &rule.first_seen {
        match draft.memory.first_seen(traits, first.token(&rule.id, seen), first.within) {
            Some(true) => {}
            Some(false) => return Err(Why::SeenBefore),
            None => return Err(Why::Learning),
        }
    }
    let Some(wanted) = &rule.threshold else { return Ok(()) };
    let key = threshold::key(&rule.id, wanted, seen);
    let before = draft.thresholds_before.get(&key);
    let counted =
        draft.judgement.thresholds.entry(key).or_insert_with(|| before.cloned().unwrap_or_default());
    if counted.count(wanted, seen, is_known) { Ok(()) } else { Err(Why::TooFew) }
}

/// Takes in one event of the past: nothing is alerted on.
pub(super) fn remember(draft: &mut Draft<'_>, scratch: &mut Scratch, envelope: &Envelope) {
    let rules = &draft.inputs.ruleset.rules;
    let traits = Traits::of(envelope);
    draft.memory.learn(&traits);
    if !rules.iter().any(|rule| rule.first_seen.is_some()) {
        return;
    }
    let seen = envelope.after(None);
    for finding in rules.findings(scratch, &seen.text()) {
        if let (Some(first), None) = (&finding.rule.first_seen, finding.excused) {
            let token = first.token(&finding.rule.id, &seen);
            let _said_of_none = draft.memory.first_seen(&traits, token, first.within);
        }
    }
}

/// Takes in whom a record brought into being, whether or not a rule alerts on it.
fn follow(draft: &mut Draft<'_>, event: &Event) {
    let made = makes(event);
    if made.is_empty() {
        return;
    }
    let (by, time) = (speaks_as(event), event.time);
    let place = Place { account: event.account.clone(), region: event.region.clone() };
    let touched = touched(event).into_iter().map(|what| Touched { place: place.clone(), since: time, what });
    // It is told once: with the first whom the call made.
    let mut touched: Vec<Touched> = touched.collect();
    let links = made.into_iter().map(|(made, how)| {
        let touched = std::mem::take(&mut touched);
        Link { by: by.clone(), made, how, time, touched }
    });
    draft.judgement.links.extend(links.filter(|link| !link.by.is_empty()));
}

/// Takes in what a record says of instances, whether or not a rule alerts on it.
fn learn(draft: &mut Draft<'_>, event: &Event) {
    let (grace, now) = (draft.inputs.ruleset.waits.tags, draft.inputs.now);
    for said in started(event) {
        let launch = Launch::of(event);
        if draft.stories.get(&said.id).is_none() {
            if said.instance_type.is_empty() {
                continue;
            }
            // What ended before the record came is not listed any more, and has no story to complete.
            if now > later(launch.time, LISTED) {
                let mut story = Story::named(said.clone(), launch.time);
                story.launched(launch, &said);
                draft.late.insert(said.id.clone(), story);
                continue;
            }
            draft.stories.put(&said.id, Story::named(said.clone(), now));
        }
        draft.stories.change(&said.id, |story| story.launched(launch, &said));
    }
    for id in asked_by_fleet(event) {
        draft.stories.change(&id, |story| story.fleet = Some(Launch::of(event)));
    }
    if let Some(tagged) = tagged(event) {
        for id in &tagged.ids {
            draft.stories.change(id, |story| story.tagged(&tagged, event.time, grace));
            if draft.stories.get(id).is_some_and(|story| story.tags_until(grace) < event.time) {
                tags_were_added(draft, id, &tagged.added, &actor(event));
            }
        }
    }
}
