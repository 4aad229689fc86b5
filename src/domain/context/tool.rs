//! With what: the tool behind a user agent. Owns the names of tools. A user agent is whatever its sender wrote, so a
//! tool can make an event more suspicious, and never proves that it is harmless.

use crate::domain::context::network::network;
use crate::domain::json::Json;

/// What a user agent holds, in small letters, and the tool that it means. The first that fits counts: what is built on
/// an SDK names that SDK too.
const TOOLS: [(&str, &str); 46] = [
    ("kali", "kali"),
    ("parrot", "parrot"),
    ("pentoo", "pentoo"),
    ("trufflehog", "trufflehog"),
    ("pacu", "pacu"),
    ("scoutsuite", "scoutsuite"),
    ("prowler", "prowler"),
    ("cloudfox", "cloudfox"),
    ("opentofu", "opentofu"),
    ("terraform", "terraform"),
    ("pulumi", "pulumi"),
    ("stratus-red-team", "stratus-red-team"),
    ("gitleaks", "gitleaks"),
    ("s3 browser", "s3-browser"),
    ("s3browser", "s3-browser"),
    ("rclone", "rclone"),
    ("crossplane", "crossplane"),
    ("ansible", "ansible"),
    ("packer", "packer"),
    ("aws-cdk", "cdk"),
    ("cdk", "cdk"),
    ("cloudformation", "cloudformation"),
    ("serverless", "serverless"),
    ("eksctl", "eksctl"),
    ("karpenter", "karpenter"),
    ("cloudcustodian", "cloud-custodian"),
    ("console.amazonaws.com", "console"),
    ("console.amazonaws.cn", "console"),
    ("signin.amazonaws.com", "console"),
    ("console", "console"),
    ("mozilla/", "console"),
    (".amazonaws.com", "aws-service"),
    ("aws internal", "aws-service"),
    ("aws-internal", "aws-service"),
    ("aws-cli", "aws-cli"),
    ("boto3", "boto3"),
    ("botocore", "boto3"),
    ("boto", "boto3"),
    ("aws-sdk-go", "aws-sdk-go"),
    ("aws-sdk-java", "aws-sdk-java"),
    ("aws-sdk-js", "aws-sdk-js"),
    ("aws-sdk-nodejs", "aws-sdk-js"),
    ("aws-sdk-rust", "aws-sdk-rust"),
    ("aws-sdk-dotnet", "aws-sdk-net"),
    ("powershell", "powershell"),
    ("aws-sdk", "aws-sdk"),
];

/// Every word that a tool may have, each once.
pub(in crate::domain) fn every_tool() -> impl Iterator<Item = &'static str> {
    let first = |n: &usize| TOOLS[..*n].iter().all(|(_, earlier)| *earlier != TOOLS[*n].1);
    (0..TOOLS.len()).filter(first).map(|n| TOOLS[n].1)
}

/// A tool, by the word that `context.tool` has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool(&'static str);

impl Tool {
    /// One that is not known, or whose name is not believed.
    pub const OTHER: Tool = Tool("other");
    const CONSOLE: Tool = Tool("console");

    /// The word that patterns have for it.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// The tool that a user agent names.
pub fn tool(agent: &str) -> Tool {
    let agent = agent.to_ascii_lowercase();
    if agent.starts_with("console.") && agent.ends_with(".amazonaws.com") {
        return Tool::CONSOLE;
    }
    TOOLS.iter().find(|(part, _)| agent.contains(part)).map_or(Tool::OTHER, |(_, tool)| Tool(tool))
}

/// Whether the session was opened by the console; records say it as a text or as a truth.
pub(super) fn is_of_console(detail: &Json) -> bool {
    let said = detail.get("sessionCredentialFromConsole");
    matches!(said, Some(Json::Bool(true))) || said.and_then(Json::as_str) == Some("true")
}

/// The tool, as far as its name is believed: a session of the console says so, whatever the agent; a key that lasts is
/// never the console's; and a service acts for itself.
pub(super) fn used_tool(detail: &Json) -> Tool {
    let agent = detail.text("userAgent").map_or(Tool::OTHER, tool);
    let key = detail.text("userIdentity.accessKeyId").is_some_and(|key| key.starts_with("AKIA"));
    let by_aws = detail.text("userIdentity.invokedBy").is_some()
        || detail.text("sourceIPAddress").and_then(network).as_deref() == Some("aws");
    match agent.name() {
        "console" | "aws-service" if key && !by_aws => Tool::OTHER,
        "aws-service" if is_of_console(detail) => Tool::CONSOLE,
        _ => agent,
    }
}
