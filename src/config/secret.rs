//! Secrets: from the configuration, or from a file that only its owner and group can read. Owns where they are
//! looked for; they are shown nowhere.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::section::Section;

/// What others may do with a secret's file: nothing. Group reading is what Docker and LDAP set-ups need.
const FORBIDDEN: u32 = 0o037;

/// Reads `key`, or the file that `key_file` names; both together are a mistake.
pub(crate) fn read(
    section: &mut Section<'_>,
    key: &'static str,
    file_key: &'static str,
    folder: &Path,
) -> Option<SecretString> {
    if section.has(key) && section.has(file_key) {
        section.problem(key, format!("{key} and {file_key} are both set: remove one of them"));
    }
    let inline = section.text(key);
    if let Some(file) = section.file_of(key).filter(|file| inline.is_some() && is_exposed(Path::new(file))) {
        section.exposed(
            key,
            format!("this file contains a secret, but other users can read it or its group can change it: run chmod 640 {file}"),
        );
    }
    let Some(file) = section.text(file_key) else { return inline.map(SecretString::from) };
    let path = locate(&file, folder);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            section.problem(file_key, format!("{} cannot be read: {error}", path.display()));
            return None;
        }
    };
    if is_exposed(&path) {
        section.exposed(
            file_key,
            format!(
                "{} contains a secret, but other users can read it or its group can change it: run chmod 640 {0}",
                path.display()
            ),
        );
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        section.problem(file_key, format!("{} is empty", path.display()));
        return None;
    }
    Some(SecretString::from(secret.to_owned()))
}

/// Which of both keys a secret is from, and, of a file, that file's name before what is said of it.
pub(crate) fn named_by(
    section: &mut Section<'_>,
    key: &'static str,
    file_key: &'static str,
    folder: &Path,
) -> (&'static str, String) {
    match section.given_text(file_key) {
        Some(file) => (file_key, format!("what {} holds ", locate(&file, folder).display())),
        None => (key, String::new()),
    }
}

fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & FORBIDDEN != 0)
}

/// The folder beside the configuration from which the unit gives the service its credentials. Commands that are called
/// by hand read them there.
const CREDENTIALS: &str = "credentials";

/// A bare name is a systemd credential where there is one (systemd.exec, "Credentials"), a file beside the
/// configuration, or one in its folder `credentials`; other paths are relative to the configuration's folder.
fn locate(file: &str, folder: &Path) -> PathBuf {
    let beside = folder.join(file);
    if file.contains('/') {
        return beside;
    }
    // The unit hands over the whole folder; of a folder, systemd names each file after it.
    let given = std::env::var_os("CREDENTIALS_DIRECTORY").and_then(|given| {
        let names = [file.to_owned(), format!("{CREDENTIALS}_{file}")];
        names.into_iter().map(|name| Path::new(&given).join(name)).find(|path| path.exists())
    });
    let kept = folder.join(CREDENTIALS).join(file);
    given.unwrap_or(if !beside.exists() && kept.exists() { kept } else { beside })
}
