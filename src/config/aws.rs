//! Whose account it is, and where: `[aws]` and `[[account]]`. Owns which regions are watched, and which accounts are the
//! owner's own.

use std::collections::BTreeSet;

use crate::config::section::Section;

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

/// The regions, and the owner's other accounts.
pub(super) fn aws(mut section: Section<'_>) -> (RegionChoice, BTreeSet<String>) {
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
    section.finish();
    (choice, own.into_iter().collect())
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
