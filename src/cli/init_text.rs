//! The configuration that `init` writes, and what to do next, as text. Owns their words; nothing here is asked, tried or written.

use std::fmt::Write;
use std::path::Path;

use crate::cli::init_answers::{Answers, Channel, Target};

/// A text as TOML's basic strings have it, which are JSON's (toml.io, "String").
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", "))
}

/// The configuration, with a word on each part.
pub(super) fn configuration(answers: &Answers) -> String {
    let mut out = String::from(
        "# Made by `trailnoti init`. `trailnoti check --config` lists mistakes; SIGHUP makes the running daemon read it again.\n\
         # Every other key, with its default: config/trailnoti.toml of the source, or /usr/share/doc/trailnoti/.\n\n",
    );
    let mut line = |text: String| {
        let Ok(()) = writeln!(out, "{text}") else { return };
    };
    line(format!("language = {}", quoted(&answers.language)));
    line("\n[aws]".to_owned());
    line(match answers.regions.as_slice() {
        [] => "regions = []                     # every enabled region; a list watches only these".to_owned(),
        regions => format!("regions = {}", list(regions)),
    });
    line("# own_networks = [\"203.0.113.0/24\"]    # your company's networks: who comes from one comes from nowhere new".to_owned());
    line("# own_accounts = [\"222233334444\"]      # your other accounts: what is shared with them is not \"outside\"".to_owned());
    if let Some(role) = &answers.role_arn {
        line("\n[[account]]".to_owned());
        let name = answers.account_name.as_deref().unwrap_or("main");
        line(format!("name = {}", quoted(name)));
        line(format!("role_arn = {}", quoted(role)));
        if let Some(id) = &answers.external_id {
            line(format!("external_id = {}", quoted(id)));
        }
    }
    for sink in &answers.sinks {
        line("\n[[sink]]".to_owned());
        match sink {
            Channel::SlackWebhook => {
                line("name = \"slack\"\nkind = \"slack\"".to_owned());
                line(
                    "webhook_url_file = \"slack-webhook\"    # in the folder credentials, beside this file"
                        .to_owned(),
                );
            }
            Channel::SlackBot { channel } => {
                line("name = \"slack\"\nkind = \"slack\"".to_owned());
                line(
                    "token_file = \"slack-token\"            # in the folder credentials, beside this file"
                        .to_owned(),
                );
                line(format!("channel = {}", quoted(channel)));
            }
            Channel::Email { smtp, tls, username, from, to } => {
                line("name = \"mail\"\nkind = \"email\"".to_owned());
                line(format!("smtp = {}", quoted(smtp)));
                if let Some(tls) = tls {
                    line(format!("tls = {}", quoted(tls)));
                }
                if let Some(username) = username {
                    line(format!("username = {}", quoted(username)));
                    line("password_file = \"smtp-password\"       # in the folder credentials, beside this file".to_owned());
                }
                line(format!("from = {}\nto = {}", quoted(from), list(to)));
            }
        }
        line(format!("min_severity = {}", quoted(&answers.min_severity)));
        if let Some(zone) = &answers.timezone {
            line(format!("timezone = {}               # shown beside UTC", quoted(zone)));
        }
    }
    line("\n# [heartbeat]                      # tells a service outside that all is well: it calls you when trailnoti itself is gone".to_owned());
    line("# url_file = \"heartbeat-url\"".to_owned());
    line(
        "\n# [[exclude]]                      # instances that are nobody's business: docs/exclusions.md"
            .to_owned(),
    );
    line("# name = \"web workers\"\n# tags = { \"aws:autoscaling:groupName\" = \"web-*\" }\n# instance_types = [\"t3.*\"]".to_owned());
    out
}

/// What to do now, for an installation.
pub(super) fn next_steps(target: Target, folder: &Path, answers: &Answers) -> String {
    let file = folder.join("trailnoti.toml");
    let (file, here) = (file.display(), folder.display());
    let (has_secrets, is_installed) = (!answers.secrets.is_empty(), folder == Path::new("/etc/trailnoti"));
    let secrets =
        if has_secrets { format!(", and the secrets in {here}/credentials") } else { String::new() };
    let written = format!("Written: {file}{secrets}");
    let owned = if has_secrets {
        format!("{here}/trailnoti.toml {here}/credentials")
    } else {
        format!("{here}/trailnoti.toml")
    };
    let steps = match target {
        Target::Systemd if is_installed => {
            "  sudo systemctl enable --now trailnoti\n  sudo trailnoti status --watch".to_owned()
        }
        Target::Systemd => format!(
            "  trailnoti run --config {file}\nAs a service, it is read from /etc/trailnoti: sudo trailnoti init --dir /etc/trailnoti"
        ),
        Target::Docker => format!(
            "  sudo chown -R 10001 {owned}\n  \
             docker run -d --name trailnoti --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m \\\n    \
             -v trailnoti-state:/var/lib/trailnoti -v \"{here}:/etc/trailnoti:ro\" \\\n    \
             -e AWS_REGION -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_SESSION_TOKEN trailnoti\n  \
             docker exec trailnoti /trailnoti status"
        ),
        Target::Compose => format!(
            "  sudo chown -R 10001 {owned}    # compose.yaml takes them from beside itself\n  \
             docker compose up --detach\n  docker compose exec trailnoti /trailnoti status"
        ),
    };
    format!("{written}\nNext:\n{steps}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn whatever_is_answered_is_a_configuration_that_can_be_read() {
        let answers = Answers {
            regions: vec!["eu-west-1".to_owned()],
            role_arn: Some("arn:aws:iam::111122223333:role/trailnoti".to_owned()),
            external_id: Some("a\"b\\c".to_owned()),
            sinks: vec![Channel::Email {
                smtp: "smtp://127.0.0.1:2525".to_owned(),
                tls: Some("none".to_owned()),
                username: None,
                from: "trailnoti <alerts@example.com>".to_owned(),
                to: vec!["me@example.com".to_owned()],
            }],
            min_severity: "high".to_owned(),
            language: "ko".to_owned(),
            timezone: Some("Asia/Seoul".to_owned()),
            ..Answers::default()
        };
        let text = configuration(&answers);
        let config = Config::parse("trailnoti.toml", &text, None, Default::default()).expect("no mistakes");
        assert_eq!(config.regions.only, ["eu-west-1"]);
        assert_eq!(config.accounts[0].external_id.as_deref(), Some("a\"b\\c"));
        assert_eq!((config.sinks.len(), config.sinks[0].channel.kind()), (1, "email"));
        let bare = configuration(&Answers { language: "en".to_owned(), ..Answers::default() });
        assert!(Config::parse("trailnoti.toml", &bare, None, Default::default()).is_ok(), "{bare}");
    }
}
