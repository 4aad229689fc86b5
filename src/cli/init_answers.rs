//! What `init` needs to know: each thing is a flag, and a question where there is somebody to ask. Owns the questions and what is
//! missing without them. Secrets come from files or from a terminal that does not show them, and never from an argument, which others
//! can read.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use dialoguer::{Confirm, Input, MultiSelect, Password};
use secrecy::SecretString;

/// What `init` prints the next steps for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// A service of this machine.
    Systemd,
    /// One container.
    Docker,
    /// A container that Compose keeps.
    Compose,
}

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// The folder of the configuration; /etc/trailnoti for root where it exists, else this one
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Only these regions; without it, every enabled one
    #[arg(long, value_delimiter = ',')]
    pub regions: Vec<String>,
    /// Watch the account of this role instead of that of the credentials
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// The file with the external id that the role asks for
    #[arg(long, value_name = "FILE", requires = "role_arn")]
    pub external_id_file: Option<PathBuf>,
    /// What the account is called in messages
    #[arg(long, requires = "role_arn")]
    pub account_name: Option<String>,
    /// The file with a Slack webhook's URL
    #[arg(long, value_name = "FILE")]
    pub slack_webhook_file: Option<PathBuf>,
    /// The file with a Slack bot's token
    #[arg(long, value_name = "FILE", requires = "slack_channel", conflicts_with = "slack_webhook_file")]
    pub slack_token_file: Option<PathBuf>,
    /// The id of the bot's channel
    #[arg(long, value_name = "ID")]
    pub slack_channel: Option<String>,
    /// The mail server, as smtp://smtp.example.com:587 or smtps://…
    #[arg(long, value_name = "URL", requires_all = ["mail_from", "mail_to"])]
    pub smtp: Option<String>,
    /// How the way to the mail server is protected; implicit for smtps://, else starttls
    #[arg(long, requires = "smtp", value_parser = ["starttls", "implicit", "none"])]
    pub smtp_tls: Option<String>,
    /// The user at the mail server
    #[arg(long, requires = "smtp", requires = "smtp_password_file")]
    pub smtp_username: Option<String>,
    /// The file with that user's password
    #[arg(long, value_name = "FILE", requires = "smtp_username")]
    pub smtp_password_file: Option<PathBuf>,
    /// The sender of mails
    #[arg(long, requires = "smtp")]
    pub mail_from: Option<String>,
    /// Who gets mails
    #[arg(long, requires = "smtp", value_delimiter = ',')]
    pub mail_to: Vec<String>,
    /// Alerts go to the terminal alone
    #[arg(long, conflicts_with_all = ["slack_webhook_file", "slack_token_file", "smtp"])]
    pub no_sink: bool,
    /// The least severity that is sent
    #[arg(long, default_value = "low", value_parser = ["info", "low", "medium", "high", "critical"])]
    pub min_severity: String,
    /// In which language messages are: en or ko
    #[arg(long, default_value = "en", value_parser = ["en", "ko"])]
    pub language: String,
    /// For which installation the next steps are printed
    #[arg(long = "for", value_enum, default_value = "systemd")]
    pub target: Target,
    /// Try nothing: neither AWS nor the sinks are asked
    #[arg(long)]
    pub offline: bool,
    /// The test alert's arrival need not be confirmed
    #[arg(long)]
    pub yes: bool,
    /// Replace a configuration that is there; it is kept as trailnoti.toml.before
    #[arg(long)]
    pub force: bool,
}

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Channel {
    SlackWebhook,
    SlackBot { channel: String },
    Email { smtp: String, tls: Option<String>, username: Option<String>, from: String, to: Vec<String> },
}

/// Everything that the configuration is made of.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub regions: Vec<String>,
    pub role_arn: Option<String>,
    pub account_name: Option<String>,
    pub external_id: Option<String>,
    pub sinks: Vec<Channel>,
    pub min_severity: String,
    pub language: String,
    pub timezone: Option<String>,
    /// A file's name in the folder of secrets, and what it holds.
    pub secrets: Vec<(&'static str, SecretString)>,
}

impl Answers {
    /// From the flags, and from a person where there is one; else all that is missing, a line each.
    pub(super) fn of(flags: &Flags, can_ask: bool) -> anyhow::Result<Result<Self, Vec<String>>> {
        let mut answers = Answers {
            regions: flags.regions.clone(),
            role_arn: flags.role_arn.clone(),
            account_name: flags.account_name.clone(),
            min_severity: flags.min_severity.clone(),
            language: flags.language.clone(),
            timezone: jiff::tz::TimeZone::system()
                .iana_name()
                .map(str::to_owned)
                .filter(|zone| zone != "UTC" && zone != "Etc/UTC"),
            ..Answers::default()
        };
        let mut problems = Vec::new();
        let mut secret = |name, path: &Path| match read(path) {
            Ok(text) => answers.secrets.push((name, text)),
            Err(why) => problems.push(why),
        };
        if let Some(path) = &flags.slack_webhook_file {
            secret("slack-webhook", path);
            answers.sinks.push(Channel::SlackWebhook);
        }
        if let Some((path, channel)) = flags.slack_token_file.as_ref().zip(flags.slack_channel.as_ref()) {
            secret("slack-token", path);
            answers.sinks.push(Channel::SlackBot { channel: channel.clone() });
        }
        if let Some(smtp) = &flags.smtp {
            if let Some(path) = &flags.smtp_password_file {
                secret("smtp-password", path);
            }
            answers.sinks.push(Channel::Email {
                smtp: smtp.clone(),
                tls: flags.smtp_tls.clone(),
                username: flags.smtp_username.clone(),
                from: flags.mail_from.clone().unwrap_or_default(),
                to: flags.mail_to.clone(),
            });
        }
        if let Some(path) = &flags.external_id_file {
            match std::fs::read_to_string(path) {
                Ok(text) => answers.external_id = Some(text.trim().to_owned()),
                Err(error) => problems.push(format!("{} cannot be read: {error}", path.display())),
            }
        }
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        if answers.sinks.is_empty() && !flags.no_sink {
            if !can_ask {
                return Ok(Err(vec![
                    "nobody is there to ask where alerts go: pass --slack-webhook-file FILE, --slack-token-file FILE with --slack-channel ID, --smtp URL with --mail-from and --mail-to, or --no-sink".to_owned(),
                ]));
            }
            answers.ask()?;
        }
        Ok(Ok(answers))
    }

    /// AWS's credentials of this shell, as the unit's file has them; none where a role or a profile gives them.
    pub(super) fn environment(&self) -> Option<String> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        // What ends within hours is nothing to keep.
        if said("AWS_SESSION_TOKEN").is_some() {
            return None;
        }
        let lines = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
            .map(|name| Some(format!("{name}={}\n", said(name)?)));
        let [Some(key), Some(secret)] = lines else { return None };
        let region = said("AWS_REGION").map(|region| format!("AWS_REGION={region}\n")).unwrap_or_default();
        Some(format!("{key}{secret}{region}"))
    }

    /// Asks where alerts go, and what that takes.
    fn ask(&mut self) -> anyhow::Result<()> {
        eprintln!("trailnoti watches the account of this machine's AWS credentials. Where do alerts go?");
        let kinds = [
            "Slack, by an incoming webhook",
            "Slack, by a bot: an incident is one message that grows",
            "email",
        ];
        let chosen =
            MultiSelect::new().with_prompt("Space chooses, Enter goes on").items(kinds).interact()?;
        if chosen.is_empty() {
            let sure = Confirm::new()
                .with_prompt("Nothing was chosen: shall alerts go to the terminal alone?")
                .default(false);
            return if sure.interact()? { Ok(()) } else { self.ask() };
        }
        for kind in chosen {
            match kind {
                0 => {
                    let url = hidden("The webhook's URL (it is not shown)")?;
                    self.secrets.push(("slack-webhook", url));
                    self.sinks.push(Channel::SlackWebhook);
                }
                1 => {
                    let token = hidden("The bot's token, xoxb-… (it is not shown)")?;
                    let channel = Input::new().with_prompt("The channel's id, C…").interact_text()?;
                    self.secrets.push(("slack-token", token));
                    self.sinks.push(Channel::SlackBot { channel });
                }
                _ => self.ask_mail()?,
            }
        }
        let watched: String = Input::new()
            .with_prompt("Only these regions, with commas between; nothing for all")
            .allow_empty(true)
            .interact_text()?;
        self.regions =
            watched.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        Ok(())
    }

    fn ask_mail(&mut self) -> anyhow::Result<()> {
        let smtp = Input::new()
            .with_prompt("The mail server")
            .with_initial_text("smtp://smtp.example.com:587")
            .interact_text()?;
        let username = if Confirm::new().with_prompt("Does it want a password?").default(true).interact()? {
            let username = Input::new().with_prompt("The user").interact_text()?;
            self.secrets.push(("smtp-password", hidden("The password (it is not shown)")?));
            Some(username)
        } else {
            None
        };
        let from = Input::new().with_prompt("The sender").interact_text()?;
        let to: String = Input::new().with_prompt("Who gets mails, with commas between").interact_text()?;
        let to = to.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
        self.sinks.push(Channel::Email { smtp, tls: None, username, from, to });
        Ok(())
    }
}

fn hidden(question: &str) -> anyhow::Result<SecretString> {
    Ok(SecretString::from(Password::new().with_prompt(question).interact()?.trim().to_owned()))
}

/// What a secret's file holds; `-` is standard input.
fn read(path: &Path) -> Result<SecretString, String> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("standard input")
    } else {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())
    };
    let text = text.map_err(|error| format!("{error:#}"))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(SecretString::from(secret.to_owned()))
}
