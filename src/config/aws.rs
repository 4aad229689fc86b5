//! Whose account it is, and where: `[aws]` and `[[account]]`. Owns which regions are watched, which accounts are the owner's own,
//! and what trailnoti stands on.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::section::Section;
use crate::domain::context::own::Own;

/// So many things trailnoti may stand on: each is looked for in every call.
const RESOURCES: usize = 100;

/// An owner's network is no wider than this.
const WIDEST: u8 = 8;

/// Which of the enabled regions are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionChoice {
    /// Only these; empty means every enabled one.
    pub only: Vec<String>,
    /// Regions that are left out, also of the list above.
    pub except: Vec<String>,
}

impl RegionChoice {
    /// Whether a region is watched.
    pub fn admits(&self, region: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| only == region))
            && !self.except.iter().any(|except| except == region)
    }
}

/// An account that is watched by assuming a role in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConfig {
    /// Its name in alerts.
    pub name: String,
    /// The role to enter the account by, as an ARN.
    pub role_arn: String,
    /// What the role's trust asks for.
    pub external_id: Option<String>,
    /// The account's number, from the role's ARN.
    pub id: String,
}

/// What `[aws]` says.
pub(super) struct Aws {
    pub regions: RegionChoice,
    /// The owner's other accounts.
    pub own_accounts: BTreeSet<String>,
    /// The owner's networks.
    pub own_networks: Vec<IpNet>,
    /// What trailnoti stands on.
    pub stands_on: Own,
}

pub(super) fn aws(mut section: Section<'_>) -> Aws {
    let mut checked = |key: &'static str| {
        let regions = section.texts(key);
        for region in regions.iter().filter(|region| !is_region(region)) {
            section.problem(key, format!("\"{region}\" is not a region name (try \"eu-west-1\")"));
        }
        regions
    };
    let choice = RegionChoice { only: checked("regions"), except: checked("exclude_regions") };
    for region in choice.only.iter().filter(|region| choice.except.contains(region)) {
        section.problem(
            "exclude_regions",
            format!("\"{region}\" is also listed in regions: remove one of them"),
        );
    }
    let own = section.texts("own_accounts");
    let is_number = |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    for account in own.iter().filter(|account| !is_number(account)) {
        section.problem(
            "own_accounts",
            format!("\"{account}\" is not an account number: it must have twelve digits"),
        );
    }
    let own_networks = networks(&mut section);
    let resources = section.texts("own_resources");
    for id in resources.iter().filter(|id| !is_id(id)) {
        section.problem(
            "own_resources",
            format!("\"{id}\" is neither an id nor an ARN (try \"sg-0123456789abcdef0\")"),
        );
    }
    if resources.len() > RESOURCES {
        section.problem("own_resources", format!("{} are listed: {RESOURCES} are the most", resources.len()));
    }
    section.finish();
    let stands_on = Own::of_resources(resources);
    Aws { regions: choice, own_accounts: own.into_iter().collect(), own_networks, stands_on }
}

fn networks(section: &mut Section<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in section.texts("own_networks") {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            // The least is what a provider gives out as one; a thief is somewhere in half of the internet.
            Ok(network) if network.prefix_len() >= WIDEST => networks.push(network.trunc()),
            Ok(network) => {
                section.problem("own_networks", format!("\"{network}\" is too wide: at least /{WIDEST}"));
            }
            Err(_) => section
                .problem("own_networks", format!("\"{text}\" is not a network (try \"203.0.113.0/24\")")),
        }
    }
    networks
}

/// Whether a text can be nothing but a resource's: what has no `-` and no `:` may be the name of anything.
fn is_id(text: &str) -> bool {
    text.len() > 4 && text.contains(['-', ':']) && !text.contains(char::is_whitespace)
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts.iter().all(|part| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
        && parts.last().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()))
}

pub(super) fn accounts(sections: Vec<Section<'_>>) -> Vec<AccountConfig> {
    let mut accounts: Vec<AccountConfig> = Vec::new();
    for mut section in sections {
        let name = section.required("name", "prod").unwrap_or_default();
        let role_arn =
            section.required("role_arn", "arn:aws:iam::111111111111:role/trailnoti").unwrap_or_default();
        let external_id = section.text("external_id");
        let parts: Vec<&str> = role_arn.splitn(6, ':').collect();
        let id = match parts.as_slice() {
            ["arn", _, "iam", "", id, role] if role.starts_with("role/") && id.len() == 12 => {
                (*id).to_owned()
            }
            _ => {
                if !role_arn.is_empty() {
                    section.problem("role_arn", format!("\"{role_arn}\" is not a role's ARN (try \"arn:aws:iam::111111111111:role/trailnoti\")"));
                }
                String::new()
            }
        };
        if !id.is_empty() && accounts.iter().any(|account| account.id == id) {
            section.problem("role_arn", format!("account {id} is already watched: use one role per account"));
        }
        section.finish();
        accounts.push(AccountConfig { name, role_arn, external_id, id });
    }
    accounts
}
