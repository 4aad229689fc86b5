//! ARNs, read once and by their parts (AWS general reference, "Amazon Resource Names"). Owns that nothing is found by looking for a
//! piece of text in one: a role's path may hold colons and slashes, and whoever creates a role chooses it
//! (IAM user guide, "IAM and AWS STS quotas": paths are printable ASCII).

/// An ARN's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, ….
    pub partition: &'a str,
    /// The service, such as `iam`.
    pub service: &'a str,
    /// The region's name; empty for what belongs to none.
    pub region: &'a str,
    /// The account's number; empty for what belongs to none.
    pub account: &'a str,
    /// The rest, such as `role/path/name`.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; none where the text is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        (parts.next()? == "arn").then_some(())?;
        let [partition, service, region, account] =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        Some(Arn { partition, service, region, account, resource: parts.next()? })
    }

    /// The role and the session's name, where it is a session of a role.
    pub fn session(&self) -> Option<(&'a str, &'a str)> {
        let session = self.resource.strip_prefix("assumed-role/").filter(|_| self.service == "sts")?;
        Some(session.split_once('/').unwrap_or((session, "")))
    }

    /// The role's path, from `/` to `/`, and its name, where it is a role.
    pub fn role(&self) -> Option<(&'a str, &'a str)> {
        let role = self.resource.strip_prefix("role").filter(|_| self.service == "iam")?;
        let name = role.rfind('/').filter(|_| role.starts_with('/'))? + 1;
        Some(role.split_at(name))
    }

    /// The last part of the resource: a user's or role's name without its path.
    pub fn name(&self) -> &'a str {
        self.resource.rsplit(['/', ':']).next().unwrap_or(self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_no_role() {
        let role = |text| Arn::parse(text).and_then(|arn| arn.role());
        assert_eq!(role("arn:aws:iam::1:role/a/b/name"), Some(("/a/b/", "name")));
        assert_eq!(
            role("arn:aws:iam::1:role/x:role/aws-service-role/AWSServiceRoleForX"),
            Some(("/x:role/aws-service-role/", "AWSServiceRoleForX"))
        );
        assert_eq!(role("arn:aws:iam::1:user/role/name"), None);
        assert_eq!(role("arn:aws:sts::1:role/name"), None);
        assert_eq!(role("name"), None);
    }

    #[test]
    fn a_users_path_makes_no_session() {
        let session = |text| Arn::parse(text).and_then(|arn| arn.session());
        assert_eq!(session("arn:aws:sts::1:assumed-role/Admin/alice"), Some(("Admin", "alice")));
        assert_eq!(session("arn:aws:iam::1:user/x:assumed-role/Admin/alice"), None);
    }
}
