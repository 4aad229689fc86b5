//! Why an alert is as urgent as it is: what is new to who acts, how long that one is known, what AWS left out. Owns which of these are
//! said, and in which order; the words are a language's.

use crate::domain::context::InContext;
use crate::domain::json::Json;
use crate::domain::language::{Cause, Language};
use crate::domain::text::{FACT, clean};

/// In words what of its past makes an event stand out; none where nothing does, or nothing of it is known.
pub(super) fn because(seen: &InContext<'_>, language: Language) -> Option<String> {
    let is = |path: &str| seen.with(path, |value| value.and_then(Json::as_bool) == Some(true));
    let said = |path: &str| {
        seen.with(path, |value| value.and_then(Json::as_str).map(str::to_owned)).unwrap_or_default()
    };
    let (network, tool, region) = (said("context.network"), said("context.tool"), seen.event.region.as_str());
    let days = seen
        .with("context.principal.known-days", |value| value.and_then(|days| days.to_string().parse().ok()));
    let list = |path: &str| -> Vec<String> {
        let texts =
            |value: &Json| value.items().iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
        seen.with(path, |value| value.map(texts).unwrap_or_default())
    };
    let (left_out, tools) = (list("context.left-out"), list("context.principal.known-tools").join(", "));
    let home = said("context.principal.known-network");
    let mut new = Vec::new();
    if is("context.new.principal") {
        new.push(Cause::Unknown);
    }
    if is("context.own.network") && !is("context.own.roams") {
        new.push(Cause::Network(&network, is("context.new.network")));
    }
    if is("context.own.region") {
        new.push(Cause::Region(region, is("context.new.region")));
    }
    if !is("context.new.principal") {
        new.extend(is("context.own.call").then_some(Cause::Call));
        new.extend(is("context.own.tool").then_some(Cause::Tool(&tool)));
        // How long somebody is known matters where something is new to him.
        let known = days.filter(|_| !new.is_empty());
        new.extend(known.map(|days| Cause::Known(days, &home, &tools)));
    }
    new.extend(left_out.iter().map(|what| Cause::LeftOut(what)));
    (!new.is_empty()).then(|| clean(&language.words().causes(&new), FACT))
}
