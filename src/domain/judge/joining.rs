//! Which incident each alert of a batch belongs to. Owns telling the incidents of what was judged; who belongs together is theirs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::context::arn::Arn;
use crate::domain::incident::incidents::Incidents;
use crate::domain::incident::resource::Resource;
use crate::domain::incident::stage::Stage;
use crate::domain::incident::{CONVERSATION, News, OF_MACHINES, Told};
use crate::domain::judge::inputs::Judgement;
use crate::domain::notify::alert::Alert;

/// Tells the incidents who made whom, and puts each alert of a batch where it belongs: an incident is one conversation. An alert that is
/// nobody's doing keeps its own group.
pub fn join(incidents: &mut Incidents, judgement: &mut Judgement, now: Timestamp) {
    for link in std::mem::take(&mut judgement.links) {
        incidents.follow(link, now);
    }
    for alert in &mut judgement.alerts {
        let by = std::mem::take(&mut alert.part.by);
        let stages = std::mem::take(&mut alert.part.stages);
        let touched = std::mem::take(&mut alert.part.touched);
        let joined = incidents.join(&alert.id, &by, &told(alert, &stages, &touched), now);
        if let Some(joined) = joined {
            alert.part.news = !joined.news.is_empty();
            // What opens one has a conversation of its own, or is one more machine.
            let is_first =
                |news: &News| matches!(news, News::Reopened | News::Worse(_) | News::Stage(_) | News::Rule);
            alert.part.first = joined.news.iter().any(is_first);
            alert.part.incident = joined.incident;
            group(incidents, alert);
        }
    }
    let groups = judgement.alerts.iter().map(|alert| (alert.id.as_str(), &alert.group));
    let groups: BTreeMap<_, _> = groups.collect();
    for subject in judgement.decisions.iter_mut().filter_map(|decision| decision.subject.as_mut()) {
        if let Some(group) = groups.get(subject.alert.as_str()) {
            subject.group = (*group).clone();
        }
    }
}

/// Puts an alert into the conversation of its incident as that stands now: one that turned out to be a part of another is told in
/// that one's.
pub fn group(incidents: &Incidents, alert: &mut Alert) {
    let Some(incident) = incidents.whole(&alert.part.incident) else { return };
    // Of machines that start one after the other nobody wants a message each.
    let group = match incident.is_of_a_machine() {
        true => format!("{OF_MACHINES}{}", alert.account),
        false => format!("{CONVERSATION}{}", incident.id),
    };
    alert.part.moved = alert.group.starts_with(CONVERSATION) && alert.group != group;
    alert.group = group;
    alert.part.incident.clone_from(&incident.id);
}

fn told<'a>(alert: &'a Alert, stages: &'a [Stage], touched: &'a [Resource]) -> Told<'a> {
    Told {
        time: alert.time,
        rule: &alert.rule,
        severity: alert.severity,
        who: Arn::parse(&alert.principal).map_or(&alert.principal, |arn| arn.name()),
        title: &alert.title,
        account: (&alert.account, &alert.account_name),
        region: &alert.region,
        stages,
        touched,
        origin: (&alert.address, &alert.origin),
    }
}
