//! `init`: from nothing to a configuration that works. Owns the order: what is asked, what is tried, what is written, and what to do
//! next. Nothing is written before all of it was tried, and nothing that is there already is lost.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use dialoguer::Confirm;
use secrecy::{ExposeSecret, SecretString};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::init_answers::{Answers, Flags, Target};
use crate::cli::{check, init_text, runtime, test_alert};
use crate::config::REFERENCE;

/// The configuration's name in its folder.
const CONFIG: &str = "trailnoti.toml";
/// Credentials of AWS for the service: the unit reads them.
const ENVIRONMENT: &str = "environment";
/// The folder of its secrets, beside it: the unit hands over all of it.
const SECRETS: &str = "credentials";

pub(super) fn run(flags: Flags) -> anyhow::Result<ExitCode> {
    let folder = flags.dir.clone().unwrap_or_else(usual_folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("cannot use {}", folder.display()))?;
    let file = folder.join(CONFIG);
    let is_there = file.symlink_metadata().is_ok();
    // The sample says nothing of its own.
    let is_sample = std::fs::read_to_string(&file).is_ok_and(|text| text == REFERENCE);
    if is_there && !is_sample && !flags.force {
        eprintln!(
            "trailnoti: {} is there already: --force makes a new one and keeps it as {CONFIG}.before, --dir takes another folder",
            file.display()
        );
        return Ok(ExitCode::from(exit::USAGE));
    }
    let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let answers = match Answers::of(&flags, can_ask)? {
        Ok(answers) => answers,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("trailnoti: {problem}"));
            return Ok(ExitCode::from(exit::USAGE));
        }
    };
    let text = init_text::configuration(&answers);
    // It is tried where it hurts nobody, as the daemon will read it.
    let trial = tempfile::tempdir().context("cannot make a temporary folder")?;
    remove_when_interrupted(trial.path().to_owned())?;
    write(trial.path(), &text, &answers.secrets)?;
    let tried = ConfigFile::at(trial.path().join(CONFIG));
    let config = tried.load()?;
    if !flags.offline {
        eprintln!("Looking at AWS …");
        let seen = runtime::one_thread()?.block_on(check::try_regions(&config))?;
        eprint!("{}", check::answers(&seen));
        if check::is_blind(&seen) && !(can_ask && confirmed("Go on all the same?", false)?) {
            eprintln!("Nothing was written. Mend that first, or pass --offline.");
            return Ok(ExitCode::from(exit::UNAVAILABLE));
        }
        if !answers.sinks.is_empty() {
            eprintln!("Sending a test alert …");
            let sent = test_alert::send(&config, None)?;
            let arrived = sent && (!can_ask || flags.yes || confirmed("Did it arrive everywhere?", true)?);
            if !arrived {
                eprintln!("Nothing was written. docs/channels.md says how each channel is set up.");
                return Ok(ExitCode::from(exit::UNAVAILABLE));
            }
        }
    }
    keep(&file)?;
    for (name, _) in &answers.secrets {
        keep(&folder.join(SECRETS).join(name))?;
    }
    write(&folder, &text, &answers.secrets)?;
    if flags.target == Target::Systemd
        && let Some(credentials) = answers.environment()
    {
        keep(&folder.join(ENVIRONMENT))?;
        place(&folder.join(ENVIRONMENT), &credentials, 0o600)?;
    }
    println!("{}", init_text::next_steps(flags.target, &folder, &answers));
    Ok(ExitCode::SUCCESS)
}

/// Where an installed trailnoti is configured, for who may write there; else here.
fn usual_folder() -> PathBuf {
    let installed = Path::new("/etc/trailnoti");
    if installed.is_dir() && rustix::process::geteuid().is_root() {
        installed.to_owned()
    } else {
        PathBuf::from(".")
    }
}

/// Keeps what is there under a name that nothing has yet.
fn keep(path: &Path) -> anyhow::Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = std::iter::once(format!("{name}.before")).chain((2..).map(|n| format!("{name}.before{n}")));
    let free = names.map(|name| path.with_file_name(name)).find(|one| one.symlink_metadata().is_err());
    let free = free.context("there are too many files that were kept")?;
    std::fs::rename(path, &free)
        .with_context(|| format!("cannot keep {} as {}", path.display(), free.display()))
}

/// Secrets do not stay in a temporary folder when somebody has had enough.
fn remove_when_interrupted(folder: PathBuf) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen to signals")?;
    #[allow(clippy::disallowed_methods, reason = "it waits for a signal, and ends with the process")]
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _whatever_is_left = std::fs::remove_dir_all(&folder);
            eprintln!("\nNothing was written.");
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

fn confirmed(question: &str, default: bool) -> anyhow::Result<bool> {
    Ok(Confirm::new().with_prompt(question).default(default).interact()?)
}

/// Writes the configuration and a file for each secret.
fn write(folder: &Path, text: &str, secrets: &[(&'static str, SecretString)]) -> anyhow::Result<()> {
    let kept = folder.join(SECRETS);
    if !secrets.is_empty() && !kept.is_dir() {
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    }
    for (name, secret) in secrets {
        place(&kept.join(name), &format!("{}\n", secret.expose_secret()), 0o600)?;
    }
    place(&folder.join(CONFIG), text, 0o644)
}

/// Puts a file where it belongs, as a whole: whoever reads it meanwhile reads the one before.
fn place(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let beside = path.with_extension("new");
    let _is_not_there_as_a_rule = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .with_context(cannot)?;
    // Whatever the umask says: the service reads it as somebody else.
    file.set_permissions(std::fs::Permissions::from_mode(mode)).with_context(cannot)?;
    file.write_all(text.as_bytes()).with_context(cannot)?;
    file.sync_all().with_context(cannot)?;
    std::fs::rename(&beside, path).with_context(cannot)
}
