//! The command line: one file for each command. Owns exit codes and what is printed; `command` has the arguments.

mod alerts;
mod arguments;
mod ask;
mod check;
mod codes;
mod command;
mod demo;
mod demo_steps;
mod doctor;
mod doctor_findings;
mod doctor_report;
mod events;
mod explain;
mod history;
mod iam_policy;
mod import_rules;
mod incidents;
mod init;
mod init_answers;
mod init_text;
mod learning;
mod match_events;
mod progress;
mod rules;
mod run;
mod runtime;
mod scan;
mod scan_html;
mod scan_report;
mod silence;
mod status;
mod test_alert;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::arguments::exit;
use crate::cli::codes::code_of;
use crate::cli::command::{Cli, Command, RulesAction, SchemaOf};
use crate::config::schema;

/// Runs the command line, and says how the process ends.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _nowhere_left_to_say_it = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match perform(cli.command) {
        Ok(code) => code,
        // Whoever read has enough.
        Err(error) if is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trailnoti: {error:#}");
            ExitCode::from(code_of(&error))
        }
    }
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init { flags } => init::run(*flags),
        Command::Schema { of } => {
            let schema = match of {
                SchemaOf::Config => schema::of_configuration(),
                SchemaOf::Rules => schema::of_rules(),
            };
            writeln!(std::io::stdout(), "{schema:#}")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { folder } => {
            clap_mangen::generate_to(Cli::command(), folder)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { config, log_format } => run::run(config, log_format),
        Command::Check { config, no_secrets, online, json } => {
            check::run(&config, check::View { no_secrets, online, json })
        }
        Command::Doctor { config, json } => doctor::run(&config, json),
        Command::Demo { config, speed, page, messages } => {
            demo::run(&config, demo::View { speed, page, messages })
        }
        Command::TestAlert { config, sink } => test_alert::run(&config, sink.as_deref()),
        Command::Events { config, name, since, region } => {
            events::run(&config, name, since, region.as_deref())
        }
        Command::Scan { paths, before, since, rule, html, config, json } => {
            scan::run(&config, &scan::Wanted { paths, before, since, rule, html, json })
        }
        Command::Match { paths, pattern, records: _ } => {
            match_events::run(match_events::Wanted { pattern, paths })
        }
        Command::Rules { action: Some(RulesAction::Show { id, config, json }), .. } => {
            rules::show(&config, &id, json)
        }
        Command::Rules { action: Some(RulesAction::Import { from, paths }), .. } => {
            import_rules::run(from, &paths)
        }
        Command::Rules { action: None, config, json } => rules::list(&config, json),
        Command::Alerts { since, config, json } => alerts::run(&config.into(), since, json),
        Command::Incidents { all, config, json } => incidents::list(&config.into(), all, json),
        Command::Incident { id, commands, config, json } => {
            incidents::show(&config.into(), &id, incidents::View::of(commands, json))
        }
        Command::Ack { id, note, config } => silence::acknowledge(&config.into(), &id, note),
        Command::Silence { action } => silence::run(action),
        Command::Status { config, json, all, watch } => {
            status::run(&config.into(), status::View { json, all, watch })
        }
        Command::Explain { what, rule, before, config, json } => {
            explain::run(&config, &what, rule.as_deref(), &before, json)
        }
        Command::IamPolicy { config, doctor, trust } => iam_policy::run(&config, doctor, trust.as_deref()),
        Command::Healthcheck { config } => run::healthcheck(&config.into()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "trailnoti", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<std::io::Error>()
        .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Every page for who runs trailnoti.
    fn pages() -> Vec<(String, String)> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let docs =
            std::fs::read_dir(root.join("docs")).expect("docs").map(|entry| entry.expect("a file").path());
        let pages = docs.chain([root.join("README.md"), root.join("compose.yaml")]);
        let texts = pages.filter(|path| path.extension().is_some_and(|end| end == "md" || end == "yaml"));
        texts.map(|path| (path.display().to_string(), std::fs::read_to_string(path).expect("text"))).collect()
    }

    /// Every command of ours in a page: in its blocks of shell, and in the middle of its text.
    fn commands(text: &str) -> Vec<String> {
        let mut commands = Vec::new();
        let mut in_shell = false;
        for line in text.lines() {
            if let Some(kind) = line.trim().strip_prefix("```") {
                in_shell = kind == "sh";
            } else if in_shell {
                let line = line.split(" # ").next().unwrap_or_default();
                let line =
                    line.replace("cargo run --release --", "trailnoti").replace("/trailnoti ", "trailnoti ");
                let parts = line.split([';', '|', '>', '&']).map(str::trim);
                let parts = parts.map(|part| part.trim_start_matches("sudo ").to_owned());
                commands.extend(parts.filter(|part| part.starts_with("trailnoti ")));
            } else {
                let quoted = line
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|part| part.trim_start_matches("sudo ").to_owned());
                commands.extend(quoted.filter(|part| part.starts_with("trailnoti ")));
            }
        }
        commands
    }

    #[test]
    fn every_command_in_the_docs_is_one() {
        let mut tried = 0;
        let mut wrong = Vec::new();
        for (name, text) in pages() {
            for command in commands(&text) {
                let words = shlex::split(&command).expect(&command);
                // What stands for others, and what is not finished: `trailnoti status …`.
                if words.iter().any(|word| word.ends_with('…'))
                    || words.len() == 2 && command != "trailnoti run"
                {
                    // A command that is only named, or begun.
                    let name = words.get(1).expect("a command").as_str();
                    assert!(Cli::command().find_subcommand(name).is_some(), "{command}");
                    continue;
                }
                tried += 1;
                match Cli::try_parse_from(words) {
                    Ok(_) => {}
                    Err(error) if !error.use_stderr() => {}
                    Err(error) => wrong.push(format!(
                        "{name}: {command}: {}",
                        error.to_string().lines().next().unwrap_or_default()
                    )),
                }
            }
        }
        assert!(tried > 40, "{tried}");
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn every_command_has_examples_that_are_right_and_says_its_exit_codes() {
        for command in Cli::command().get_subcommands().filter(|one| !one.is_hide_set()) {
            let name = command.get_name();
            let Some(help) = command.get_after_help().map(ToString::to_string) else {
                assert!(["silence", "completions", "schema"].contains(&name), "{name} has no examples");
                continue;
            };
            assert!(help.contains("Exit codes: 0 "), "{name}");
            let examples = help
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("trailnoti ") || line.contains(" trailnoti "));
            for example in examples {
                let from = example.find("trailnoti ").expect("ours");
                let line = example[from..].split('>').next().expect("a part");
                let parsed = Cli::try_parse_from(shlex::split(line).expect(line));
                if let Err(error) = parsed {
                    panic!("{example}: {error}");
                }
            }
        }
    }
}
