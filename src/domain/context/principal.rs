//! Who acts: the one name by which a principal is known again, and its kind. Owns reading `userIdentity`
//! (CloudTrail user guide, "userIdentity element").

use crate::domain::context::arn::Arn;
use crate::domain::event::Event;
use crate::domain::json::Json;
use crate::domain::text::{FACT, clean_ends};

/// What kind of principal acts, as `context.principal.kind` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account's root user.
    Root,
    /// An IAM user, by password or key.
    Person,
    /// Somebody whom an identity provider vouches for.
    Federated,
    /// A role that somebody or something has taken on.
    Role,
    /// A role of a program that an identity provider of its own vouches for: builds, pods, machines elsewhere.
    Workload,
    /// The role of an EC2 instance.
    Instance,
    /// A service of AWS.
    Service,
    /// Another account, of which no more is known.
    Account,
    /// The record does not say.
    Unknown,
}

impl PrincipalKind {
    /// Its word in patterns.
    pub const fn name(self) -> &'static str {
        match self {
            PrincipalKind::Root => "root",
            PrincipalKind::Person => "person",
            PrincipalKind::Federated => "federated",
            PrincipalKind::Role => "role",
            PrincipalKind::Workload => "workload",
            PrincipalKind::Instance => "instance",
            PrincipalKind::Service => "service",
            PrincipalKind::Account => "account",
            PrincipalKind::Unknown => "unknown",
        }
    }
}

/// The words of all kinds, for the check of patterns.
pub const KINDS: [&str; 9] = [
    PrincipalKind::Root.name(),
    PrincipalKind::Person.name(),
    PrincipalKind::Federated.name(),
    PrincipalKind::Role.name(),
    PrincipalKind::Workload.name(),
    PrincipalKind::Instance.name(),
    PrincipalKind::Service.name(),
    PrincipalKind::Account.name(),
    PrincipalKind::Unknown.name(),
];
/// Roles of people that Identity Center makes, and the path that nobody else can give a role (IAM Identity Center user
/// guide, "Permission sets").
pub(in crate::domain) const IDENTITY_CENTER: (&str, &str) =
    ("AWSReservedSSO_", "/aws-reserved/sso.amazonaws.com/");
/// Roles that only AWS's services have, likewise (IAM user guide, "Service-linked roles").
pub(in crate::domain) const SERVICE_LINKED: (&str, &str) = ("AWSServiceRoleFor", "/aws-service-role/");

fn identity<'a>(detail: &'a Json, path: &str) -> &'a str {
    detail.get("userIdentity").and_then(|identity| identity.text(path)).unwrap_or_default()
}

/// The console signs people in through a service of its own, and what it does there is theirs.
fn is_service(name: &str) -> bool {
    if name == "signin.amazonaws.com" {
        return false;
    }
    name == "AWS Internal" || name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn")
}

/// Services that do what a text says which somebody gave them, with the rights of who gave it: the call is as much theirs as if they
/// had made it (IAM user guide, "Forward access sessions"). Of others, it is the service's own way to do what was asked.
const FORWARDS: [&str; 4] = ["cloudformation.", "servicecatalog.", "batch.", "elasticbeanstalk."];

/// Whether a service only passes on what a person's credentials asked for. A role's may be the service's own.
fn is_forwarded(detail: &Json) -> bool {
    let service = identity(detail, "invokedBy");
    let (arn, issuer) = (identity(detail, "arn"), identity(detail, "sessionContext.sessionIssuer.arn"));
    FORWARDS.iter().any(|one| service.starts_with(one))
        && match identity(detail, "type") {
            "IAMUser" | "Root" | "FederatedUser" => true,
            "AssumedRole" => is_of_aws(IDENTITY_CENTER, arn, issuer),
            _ => false,
        }
}

/// Identity providers that vouch for people; every other is of programs (IAM user guide, "OIDC federation").
const OF_PEOPLE: [&str; 4] =
    ["accounts.google.com", "graph.facebook.com", "www.amazon.com", "cognito-identity.amazonaws.com"];

/// Whether a role is a program's: by what vouched for it, which nobody who takes on the role can choose, or by how IAM Roles Anywhere
/// and EKS name their sessions. Whoever takes that for himself is judged as a role is, and no better.
fn is_workload(detail: &Json, session: &str) -> bool {
    let provider = identity(detail, "sessionContext.webIdFederationData.federatedProvider");
    let by_certificate = identity(detail, "sessionContext.sourceIdentity").starts_with("CN=");
    !provider.is_empty() && !OF_PEOPLE.contains(&provider)
        || by_certificate
        || session.starts_with("eks-") && session.len() > 40
}

/// What kind of principal acts.
pub fn principal_kind(detail: &Json) -> PrincipalKind {
    let arn = identity(detail, "arn");
    // Anybody can give a role such a name; the path in the issuer's ARN is AWS's alone.
    let issuer = identity(detail, "sessionContext.sessionIssuer.arn");
    let is_aws = |kind: (&str, &str)| is_of_aws(kind, arn, issuer);
    let session = session_of(arn).map_or("", |(_, session)| session);
    match identity(detail, "type") {
        // What a service does with a person's session is the service's doing: nobody can sign as it.
        _ if is_service(identity(detail, "invokedBy")) && !is_forwarded(detail) => PrincipalKind::Service,
        "Root" => PrincipalKind::Root,
        "IAMUser" => PrincipalKind::Person,
        "AWSService" => PrincipalKind::Service,
        "AWSAccount" => PrincipalKind::Account,
        // Whoever has a user's key gives himself such a session, and names it (STS API reference, "GetFederationToken").
        "FederatedUser" => match identity(detail, "sessionContext.sessionIssuer.type") {
            "Root" => PrincipalKind::Root,
            _ => PrincipalKind::Person,
        },
        "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser" => PrincipalKind::Federated,
        "AssumedRole" | "Role" => match () {
            () if is_aws(SERVICE_LINKED) => PrincipalKind::Service,
            () if is_aws(IDENTITY_CENTER) => PrincipalKind::Federated,
            () if session.starts_with("i-") => PrincipalKind::Instance,
            () if is_workload(detail, session) => PrincipalKind::Workload,
            () if !identity(detail, "sessionContext.webIdFederationData.federatedProvider").is_empty() => {
                PrincipalKind::Federated
            }
            () => PrincipalKind::Role,
        },
        _ => PrincipalKind::Unknown,
    }
}

/// Whether a session is of a role that AWS alone makes, of this kind: its name in the session's ARN, and its path in the
/// issuer's. A record that has no issuer has no path to look at.
pub(in crate::domain) fn is_of_aws((name, path): (&str, &str), arn: &str, issuer: &str) -> bool {
    let by_path =
        || Arn::parse(issuer).and_then(|issuer| issuer.role()).is_some_and(|(of, _)| of.starts_with(path));
    session_of(arn).is_some_and(|(role, _)| role.starts_with(name)) && (issuer.is_empty() || by_path())
}

fn session_of(arn: &str) -> Option<(&str, &str)> {
    Arn::parse(arn)?.session()
}

/// The name by which a principal is known again: a user's or role's ARN, for a person of Identity Center the role and
/// the person, for a service its name.
pub fn principal(detail: &Json) -> Option<String> {
    let (kind, arn, service) =
        (principal_kind(detail), identity(detail, "arn"), identity(detail, "invokedBy"));
    let name = match kind {
        PrincipalKind::Service if !service.is_empty() => service.to_owned(),
        PrincipalKind::Root => "root".to_owned(),
        // A role of Identity Center is shared by people, and its session is one of them.
        PrincipalKind::Federated
            if session_of(arn).is_some_and(|(role, _)| role.starts_with(IDENTITY_CENTER.0)) =>
        {
            arn.to_owned()
        }
        _ if identity(detail, "type") == "FederatedUser" => maker(detail).unwrap_or(arn).to_owned(),
        _ if !arn.is_empty() => role_of(arn),
        _ => [identity(detail, "userName"), identity(detail, "principalId"), identity(detail, "accountId")]
            .into_iter()
            .find(|name| !name.is_empty())?
            .to_owned(),
    };
    Some(name)
}

/// The user whose key a federated session was made with.
fn maker(detail: &Json) -> Option<&str> {
    Some(identity(detail, "sessionContext.sessionIssuer.arn")).filter(|arn| !arn.is_empty())
}

/// The role behind a session's ARN, as CloudTrail names it; other ARNs as they are. A role's path is not in a
/// session's ARN (IAM user guide, "IAM identifiers").
pub fn role_of(arn: &str) -> String {
    let Some((parsed, (role, _))) = Arn::parse(arn).and_then(|parsed| Some((parsed, parsed.session()?)))
    else {
        return arn.to_owned();
    };
    format!("arn:{}:iam::{}:role/{role}", parsed.partition, parsed.account)
}

/// By whose right a call was made, as the text of its record says: a user's or role's ARN, never a session's name, which whoever
/// makes the call chooses.
pub fn principal_of_record(record: &str) -> Option<String> {
    let record = Json::parse(record).ok()?;
    let identity = |field: &str| record.text(&format!("userIdentity.{field}"));
    let who = identity("arn").map(role_of).or_else(|| identity("invokedBy").map(str::to_owned))?;
    Some(clean_ends(&who, FACT))
}

/// Who did it: the ARN where there is one, or the best name that the record has. Cleaned.
pub fn actor(event: &Event) -> String {
    let detail = &event.detail;
    let said = |path: &str| detail.text(path).filter(|text| !text.is_empty() && *text != HIDDEN);
    let first = |paths: &[&str]| paths.iter().find_map(|path| said(path)).map(str::to_owned);
    let name = match said("userIdentity.type") {
        // A session that the management account took (STS API reference, "AssumeRoot").
        Some("Root") if said("userIdentity.sessionContext.assumedRoot") == Some("true") => {
            Some("root (AssumeRoot)".to_owned())
        }
        Some("Root") => Some("root".to_owned()),
        Some("AWSService") => first(&["userIdentity.invokedBy"]),
        Some("FederatedUser") => maker(detail).map(str::to_owned).or_else(|| first(&NAMES)),
        _ => first(&NAMES),
    };
    name.map(|name| clean_ends(&name, FACT)).unwrap_or_default()
}

/// What AWS writes in place of the name of a user that does not exist: it may be a password (CloudTrail user guide, "AWS Management
/// Console sign-in events").
pub(in crate::domain) const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Where the name of who acts may stand, the best first: Identity Center's people have an id at least.
const NAMES: [&str; 10] = [
    "userIdentity.arn",
    "userIdentity.userName",
    "additionalEventData.UserName",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.onBehalfOf.userId",
    "userIdentity.principalId",
    "userIdentity.invokedBy",
    "userIdentity.identityProvider",
    "userIdentity.credentialId",
    "userIdentity.accountId",
];

/// Who did it in a name that a person says: `ci-deploy`, `Admin/alice`, `root`, a service's name. Without anybody the user
/// that the request is about. Cleaned.
pub fn short_actor(event: &Event) -> String {
    let full = actor(event);
    if full.is_empty() {
        let asked = event.detail.text("requestParameters.userName").filter(|name| *name != HIDDEN);
        return clean_ends(asked.unwrap_or_default(), FACT);
    }
    short(&full)
}

/// The short name of an ARN: a user's or role's without its path, a session's role and name.
pub fn short(arn: &str) -> String {
    let Some(parsed) = Arn::parse(arn) else { return arn.to_owned() };
    match parsed.session() {
        Some((role, name)) => {
            // Identity Center names its roles AWSReservedSSO_PermissionSet_16 digits.
            let set = role.strip_prefix(IDENTITY_CENTER.0).and_then(|set| set.rsplit_once('_'));
            let role = set.map_or(role, |(set, _)| set);
            if name.is_empty() { role.to_owned() } else { format!("{role}/{name}") }
        }
        None => parsed.name().to_owned(),
    }
}

/// The calls of IAM that change how one user gets in. Without a user's name they are about the caller
/// (IAM API reference, such as `CreateAccessKey`).
const ON_A_USER: [&str; 19] = [
    "AddUserToGroup",
    "ChangePassword",
    "CreateAccessKey",
    "CreateLoginProfile",
    "CreateServiceSpecificCredential",
    "DeactivateMFADevice",
    "DeleteAccessKey",
    "DeleteLoginProfile",
    "DeleteUserPolicy",
    "DetachUserPolicy",
    "DeleteUserPermissionsBoundary",
    "EnableMFADevice",
    "PutUserPermissionsBoundary",
    "PutUserPolicy",
    "AttachUserPolicy",
    "UpdateAccessKey",
    "UpdateLoginProfile",
    "UploadSigningCertificate",
    "UploadSSHPublicKey",
];

/// Whether a call on an IAM user is about the caller: `self` or `other`.
pub(in crate::domain) fn target(event: &Event) -> Option<&'static str> {
    let detail = &event.detail;
    let call = detail.text("eventName")?;
    if event.source != "aws.iam" || !ON_A_USER.contains(&call) {
        return None;
    }
    let itself = match detail.text("requestParameters.userName") {
        None => true,
        Some(user) => identity(detail, "type") == "IAMUser" && identity(detail, "userName") == user,
    };
    Some(if itself { "self" } else { "other" })
}
