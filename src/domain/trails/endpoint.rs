//! Calls to the global endpoint of STS: how many there are in a page of the history, and whose. Owns how such a call is known.
//!
//! Calls to `sts.amazonaws.com` are recorded in us-east-1 wherever they come from, and depend on it (AWS security blog, "AWS STS
//! global endpoint"; STS API reference). Those to a regional endpoint are recorded where they are made.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::context::principal::{PrincipalKind, principal, principal_kind, short};
use crate::domain::event::Received;
use crate::domain::json::Json;
use crate::domain::text::{FACT, clean};

const GLOBAL: &str = "sts.amazonaws.com";

/// The calls to the global endpoint in a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalCalls {
    /// How many calls were looked at.
    pub sampled: usize,
    /// How many of these went to the global endpoint.
    pub global: usize,
    /// Who made these, by short name, and how many each: the most first.
    pub by: Vec<(String, usize)>,
}

/// The calls to the global endpoint among these records of STS. What AWS's own services do is left out: nobody can change it.
pub fn global_calls(page: &[Received]) -> GlobalCalls {
    let records = page.iter().filter_map(|received| Json::parse(received.record.as_deref().ok()?).ok());
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    let (mut sampled, mut global) = (0, 0);
    for record in records {
        sampled += 1;
        if is_global(&record) && principal_kind(&record) != PrincipalKind::Service {
            global += 1;
            let name = principal(&record).map_or_else(|| "unknown".to_owned(), |name| short(&name));
            *by.entry(clean(&name, FACT)).or_default() += 1;
        }
    }
    let mut by: Vec<(String, usize)> = by.into_iter().collect();
    by.sort_by_key(|(_, calls)| Reverse(*calls));
    GlobalCalls { sampled, global, by }
}

/// By the name that the caller asked for, or by what STS says of it since 2025.
fn is_global(record: &Json) -> bool {
    record.text("tlsDetails.clientProvidedHostHeader") == Some(GLOBAL)
        || record.text("additionalEventData.RequestDetails.endpointType") == Some("global")
}
