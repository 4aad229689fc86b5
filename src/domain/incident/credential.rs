//! Whom a call speaks as, and whom it brings into being: the links by which one incident is known as one. Owns reading these from
//! a record; who belongs to which incident is [`crate::domain::incident::incidents`]'s.
//!
//! What its caller may choose decides nothing: a session's name is his, so a session is known by its key, which AWS chooses.

use serde::{Deserialize, Serialize};

use crate::domain::context::arn::Arn;
use crate::domain::context::launch::started;
use crate::domain::context::principal::{IDENTITY_CENTER, PrincipalKind, is_of_aws, principal_kind};
use crate::domain::event::Event;
use crate::domain::language::{Made, Who};
use crate::domain::text::{FACT, clean};

/// What somebody can act by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Credential {
    /// The account's root.
    Root {
        /// The account's number.
        account: String,
    },
    /// An access key, of a user or of a session.
    Key(String),
    /// A user's sign-in by password.
    Password {
        /// The account's number.
        account: String,
        /// The user's name, which is one in its account whatever its path (IAM user guide, "IAM identifiers").
        user: String,
    },
    /// Everything of a user: a key, a sign-in.
    User {
        /// The account's number.
        account: String,
        /// Its name.
        user: String,
    },
    /// A person of Identity Center in a role that only AWS gives out.
    Person(String),
    /// A role's session of one name from one address: a workload whose keys change.
    Session {
        /// The session's ARN.
        arn: String,
        /// Where it calls from.
        address: String,
    },
    /// Every session of a role.
    Role {
        /// The account's number.
        account: String,
        /// Its name, which is one in its account whatever its path.
        role: String,
    },
    /// What the role of an instance does from that instance.
    Instance(String),
    /// Whoever an identity provider vouches for.
    Provider(String),
}

impl Credential {
    /// Its short name: the user's, the role's, the key.
    pub fn name(&self) -> &str {
        match self {
            Credential::Root { .. } => "root",
            Credential::Key(id) | Credential::Instance(id) => id,
            Credential::Password { user, .. } | Credential::User { user, .. } => user,
            Credential::Role { role, .. } => role,
            Credential::Person(arn) | Credential::Session { arn, .. } | Credential::Provider(arn) => {
                Arn::parse(arn).map_or(arn, |arn| arn.name())
            }
        }
    }

    /// What it is, for a person to read.
    pub fn who(&self) -> Who<'_> {
        match self {
            Credential::Root { account } => Who::Root(account),
            Credential::Key(id) => Who::Key(id),
            Credential::Password { user, .. } => Who::SignIn(user),
            Credential::User { user, .. } => Who::User(user),
            Credential::Person(_) => Who::Person(self.name()),
            Credential::Session { .. } => Who::Session(self.name()),
            Credential::Role { role, .. } => Who::Role(role),
            Credential::Instance(id) => Who::Instance(id),
            Credential::Provider(_) => Who::Provider(self.name()),
        }
    }
}

/// How somebody came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// Created.
    Created,
    /// Switched on again.
    SwitchedOn,
    /// Given a password.
    GivenPassword,
    /// Issued by STS.
    Issued,
    /// Launched.
    Launched,
}

/// How somebody came into being, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// How.
    pub how: How,
    /// By whom, by a short name.
    pub by: String,
}

impl MadeBy {
    /// The same, for a person to read.
    pub fn made(&self) -> Made<'_> {
        match self.how {
            How::Created => Made::Created(&self.by),
            How::SwitchedOn => Made::SwitchedOn(&self.by),
            How::GivenPassword => Made::GivenPassword(&self.by),
            How::Issued => Made::Issued(&self.by),
            How::Launched => Made::Launched(&self.by),
        }
    }
}

/// Whom a call speaks as, the narrowest first; nobody where a service of AWS acts, or the record does not say.
///
/// The first is whom an incident is about. The others are wider: they join an incident only where they were made by it.
pub fn speaks_as(event: &Event) -> Vec<Credential> {
    let detail = &event.detail;
    let said = |path: &str| detail.text(&format!("userIdentity.{path}")).map(|text| clean(text, FACT));
    let account = said("accountId").unwrap_or_else(|| event.account.clone());
    let key = said("accessKeyId").map(Credential::Key);
    let kind = principal_kind(detail);
    let mut all = Vec::new();
    match (detail.text("userIdentity.type").unwrap_or_default(), said("arn")) {
        _ if kind == PrincipalKind::Service => return all,
        ("Root", _) => all.extend(key.into_iter().chain([Credential::Root { account }])),
        ("IAMUser", _) => {
            let Some(user) = said("userName") else { return key.into_iter().collect() };
            // The console's keys change with each service that is looked at.
            if detail.text("eventType") == Some("AwsConsoleSignIn")
                || said("sessionCredentialFromConsole").as_deref() == Some("true")
                || detail.text("sessionCredentialFromConsole") == Some("true")
            {
                all.push(Credential::Password { account: account.clone(), user: user.clone() });
            }
            all.extend(key.into_iter().chain([Credential::User { account, user }]));
        }
        ("AssumedRole", Some(arn)) => {
            let issuer = said("sessionContext.sessionIssuer.arn").unwrap_or_default();
            let session = Arn::parse(&arn).and_then(|arn| arn.session());
            if is_of_aws(IDENTITY_CENTER, &arn, &issuer) {
                all.push(Credential::Person(arn.clone()));
            }
            // Only what the instance itself was given says how; whoever takes on the role may call his session like it.
            if said("sessionContext.ec2RoleDelivery").is_some() {
                all.extend(session.map(|(_, id)| Credential::Instance(id.to_owned())));
            }
            all.extend(key);
            let address = detail.text("sourceIPAddress").map(|text| clean(text, FACT)).unwrap_or_default();
            all.push(Credential::Session { arn: arn.clone(), address });
            all.extend(session.map(|(role, _)| Credential::Role { account, role: role.to_owned() }));
            let provider = said("sessionContext.webIdFederationData.federatedProvider");
            all.extend(provider.map(Credential::Provider));
        }
        ("FederatedUser", _) => {
            all.extend(key);
            let issuer = said("sessionContext.sessionIssuer.userName");
            all.extend(issuer.map(|user| Credential::User { account, user }));
        }
        _ => all.extend(key),
    }
    all
}

/// Whom a call brought into being or took over, each with how.
pub fn makes(event: &Event) -> Vec<(Credential, How)> {
    let detail = &event.detail;
    if detail.text("errorCode").is_some() {
        return Vec::new();
    }
    let text = |path: &str| detail.text(path).map(|text| clean(text, FACT));
    let account = event.account.clone();
    let named = text("requestParameters.userName");
    // Without a name it is the caller's own (IAM API reference, CreateAccessKey).
    let user = named.clone().or_else(|| text("userIdentity.userName"));
    let answered = |path: &str| text(&format!("responseElements.{path}"));
    let one = |credential: Option<Credential>, how| credential.map(|one| (one, how)).into_iter().collect();
    match (event.source.as_str(), detail.text("eventName").unwrap_or_default()) {
        ("aws.iam", "CreateUser") => one(named.map(|user| Credential::User { account, user }), How::Created),
        ("aws.iam", "CreateAccessKey") => {
            one(answered("accessKey.accessKeyId").map(Credential::Key), How::Created)
        }
        ("aws.iam", "UpdateAccessKey") => {
            let is_active = text("requestParameters.status").as_deref() == Some("Active");
            let key = text("requestParameters.accessKeyId").filter(|_| is_active);
            one(key.map(Credential::Key), How::SwitchedOn)
        }
        ("aws.iam", "CreateLoginProfile" | "UpdateLoginProfile") => {
            one(user.map(|user| Credential::Password { account, user }), How::GivenPassword)
        }
        ("aws.iam", "CreateRole") => {
            let role = text("requestParameters.roleName");
            one(role.map(|role| Credential::Role { account, role }), How::Created)
        }
        ("aws.iam", "CreateSAMLProvider") => {
            one(answered("sAMLProviderArn").map(Credential::Provider), How::Created)
        }
        ("aws.iam", "CreateOpenIDConnectProvider") => {
            one(answered("openIDConnectProviderArn").map(Credential::Provider), How::Created)
        }
        ("aws.sts", _) => one(answered("credentials.accessKeyId").map(Credential::Key), How::Issued),
        ("aws.ec2", _) => {
            let ids = started(event).into_iter().map(|instance| instance.id);
            ids.map(|id| (Credential::Instance(id), How::Launched)).collect()
        }
        _ => Vec::new(),
    }
}
