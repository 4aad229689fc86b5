//! An account: whose it is, how it is entered, and which of its regions are enabled.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use crate::config::AccountConfig;
use crate::domain::context::own::Own;
use crate::domain::text::clean;
use crate::source::failure::FetchError;
use crate::source::failure::failure;
use crate::source::region::{Clients, RegionAccess};
use crate::source::skew::Skew;

/// How long finding credentials may take: the chain ends by asking for an instance's own, which answers nobody
/// outside AWS.
const FINDING: Duration = Duration::from_secs(12);

/// How long one region has to list the others before another is asked.
const LISTING: Duration = Duration::from_secs(20);

/// There are no credentials to begin with.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "no AWS credentials found{0}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role provides them; `trailnoti demo` needs no account"
)]
pub struct NoCredentials(String);

/// Why an account cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// AWS's own error, passed on.
    #[error(transparent)]
    NoCredentials(#[from] NoCredentials),
    /// AWS's own error, passed on.
    #[error("cannot find out which account the AWS credentials belong to: {0}")]
    Fetch(FetchError),
    /// Nobody can be trusted to be AWS.
    #[error(
        "no certificate authority was found, so nobody can be trusted to be AWS: install ca-certificates, or set SSL_CERT_FILE to a file that has them"
    )]
    NoAuthorities,
    /// Its regions are not known.
    #[error("cannot list the regions of account {account}: {error}")]
    Regions {
        /// The account's number, twelve digits.
        account: String,
        /// What AWS answered.
        error: FetchError,
    },
}

/// An account that can be asked.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account's number, twelve digits.
    pub id: String,
    /// Its name in the configuration; empty for the default account.
    pub name: String,
    /// What trailnoti itself is there.
    pub own: Own,
    sdk: SdkConfig,
    /// Made when the first region is asked.
    clients: OnceLock<Clients>,
}

impl Account {
    /// Makes sure that there are credentials at all.
    ///
    /// # Errors
    /// When the whole chain has none.
    pub async fn check_credentials(sdk: &SdkConfig) -> Result<(), NoCredentials> {
        let Some(provider) = sdk.credentials_provider() else {
            return Err(NoCredentials(String::new()));
        };
        match tokio::time::timeout(FINDING, provider.provide_credentials()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                let mut cause: &dyn std::error::Error = &error;
                while let Some(deeper) = cause.source() {
                    cause = deeper;
                }
                let said = cause.to_string();
                // That the whole chain has none is no more than what is said already.
                let why =
                    if ["no credentials found", "not enabled", "IMDS"].iter().any(|one| said.contains(one)) {
                        String::new()
                    } else {
                        format!(" ({})", clean(&said, 200))
                    };
                Err(NoCredentials(why))
            }
            Err(_) => Err(NoCredentials(" (nobody that gives them answered in time)".to_owned())),
        }
    }

    /// The account of the default credentials.
    ///
    /// # Errors
    /// When AWS does not say whose they are.
    pub async fn of_credentials(sdk: &SdkConfig) -> Result<Self, FetchError> {
        let sts = aws_sdk_sts::Client::new(sdk);
        let identity = sts.get_caller_identity().send().await.map_err(failure)?;
        match identity.account() {
            Some(id) => Ok(Account {
                id: id.to_owned(),
                name: String::new(),
                own: Own::of_caller(identity.arn().unwrap_or_default()),
                sdk: sdk.clone(),
                clients: OnceLock::new(),
            }),
            None => Err(FetchError::Malformed("GetCallerIdentity returned no account".to_owned())),
        }
    }

    /// An account that is entered by a role. Nothing is asked yet.
    pub async fn by_role(sdk: &SdkConfig, config: &AccountConfig) -> Self {
        let mut role = AssumeRoleProvider::builder(&config.role_arn).session_name("trailnoti").configure(sdk);
        if let Some(external_id) = &config.external_id {
            role = role.external_id(external_id);
        }
        let provider = match sdk.credentials_provider() {
            Some(base) => SharedCredentialsProvider::new(role.build_from_provider(base).await),
            None => SharedCredentialsProvider::new(role.build().await),
        };
        // The SDK's own cache holds 64 accounts; beyond that each request would assume its role again.
        let cache = IdentityCache::lazy().build();
        let sdk = sdk.clone().into_builder().credentials_provider(provider).identity_cache(cache).build();
        Account {
            id: config.id.clone(),
            name: config.name.clone(),
            own: Own::of_principal(&config.role_arn),
            sdk,
            clients: OnceLock::new(),
        }
    }

    /// The same account, asked in a region.
    pub fn region(&self, region: &str, skew: &Skew) -> RegionAccess {
        let clients = self.clients.get_or_init(|| Clients::new(&self.sdk, skew));
        RegionAccess::new(clients.clone(), region)
    }

    /// The regions that are enabled. `others` are asked when the credentials' own region does not answer.
    ///
    /// # Errors
    /// When none of them answers.
    pub async fn enabled_regions(&self, others: &[String]) -> Result<Vec<String>, FetchError> {
        let own = self.sdk.region().map(|region| region.as_ref().to_owned());
        let mut asked: Vec<String> = own.into_iter().collect();
        asked.extend(
            others.iter().filter(|other| !asked.contains(other)).take(2).cloned().collect::<Vec<_>>(),
        );
        let mut last = FetchError::Transient("no region to ask".to_owned());
        for region in asked {
            let config =
                aws_sdk_ec2::config::Builder::from(&self.sdk).region(aws_config::Region::new(region)).build();
            // Without AllRegions only enabled ones are listed (EC2 API reference).
            let client = aws_sdk_ec2::Client::from_conf(config);
            match tokio::time::timeout(LISTING, client.describe_regions().send()).await {
                Err(_) => {
                    last = FetchError::Transient(format!("no answer within {} seconds", LISTING.as_secs()))
                }
                Ok(Ok(answer)) => {
                    let mut regions: Vec<String> = answer
                        .regions()
                        .iter()
                        .filter(|region| region.opt_in_status() != Some("not-opted-in"))
                        .filter_map(|region| region.region_name().map(str::to_owned))
                        .collect();
                    regions.sort();
                    if !regions.is_empty() {
                        return Ok(regions);
                    }
                    last = FetchError::Malformed("DescribeRegions returned no region".to_owned());
                }
                Ok(Err(error)) => last = failure(error),
            }
        }
        Err(last)
    }
}
