//! `run`, the daemon, and `healthcheck`, which asks it. Owns signals and the folder of the state.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use futures_util::StreamExt;
use secrecy::ExposeSecret;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::arguments::{ConfigFile, exit, state_path};
use crate::cli::{ask, learning, runtime};
use crate::clock::Clock;
use crate::config::{Config, HttpConfig, build_sinks};
use crate::daemon::{Deps, Reload};
use crate::ops::status::Status;
use crate::ops::telemetry::LogFormat;
use crate::ops::web::Access;
use crate::ops::{http, limits, systemd, telemetry};
use crate::source::Account;
use crate::store::{Opened, Store};
use crate::{daemon, source};

pub(super) fn run(file: ConfigFile, log_format: LogFormat) -> anyhow::Result<ExitCode> {
    telemetry::begin(log_format);
    let config = file.load()?;
    let (accounts, wanted) =
        (config.accounts.len().max(1), limits::descriptors(config.accounts.len().max(1)));
    if let Some(most) = limits::raise().filter(|most| *most < wanted) {
        tracing::warn!(
            "{accounts} accounts need up to {wanted} open files, and {most} are allowed: raise LimitNOFILE"
        );
    }
    let clock = Clock::system();
    let path = state_path(config.state.as_deref());
    // Two threads: one that computes does not keep the other from answering.
    let runtime = runtime::threads(2)?;
    let (store, opened) = runtime.block_on(Store::open(&path, clock))?;
    let outcome = runtime.block_on(watch(file, config, path, (Arc::new(store), opened), clock));
    // A thread that looks up a name, or writes to a terminal that takes nothing, is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn watch(
    file: ConfigFile,
    config: Config,
    path: PathBuf,
    store: (Arc<Store>, Opened),
    clock: Clock,
) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let (reload, reloads) = mpsc::channel(1);
    // Signals are heard from the first moment on: in a container nobody else would.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let state = path.clone();
    let running = Running { file, path, http: config.http.as_ref().map(shown), stop: stop.clone(), reload };
    runtime::beside(running.listen(signals));
    let sdk = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
        sdk = credentials() => sdk?,
    };
    let status = Arc::new(Status::default());
    if let Some(one) = &config.http {
        // Whoever is first on this machine takes a port: that must not keep the watch from beginning.
        match http::bind(one.listen).await {
            Ok(listener) => {
                tracing::info!("listening on http://{}", listener.local_addr()?);
                let access = one.page.then(|| Access { token: one.token.clone() });
                runtime::beside(http::serve_machines(listener, status.clone(), clock, access, stop.clone()));
            }
            Err(error) => tracing::error!("{error:#}; watching without it"),
        }
    }
    match http::bind_socket(&state) {
        Ok(socket) => runtime::beside(http::serve_commands(socket, status.clone(), clock, stop.clone())),
        // Alerts go on without it.
        Err(error) => tracing::error!("{error:#}"),
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let sinks: Vec<String> =
        config.sinks.iter().map(|sink| format!("{} ({})", sink.name, sink.channel.kind())).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        state = %state.display(),
        rules = config.ruleset.rules.iter().count(),
        "started; alerts go to {}",
        sinks.join(", ")
    );
    runtime::beside(learning::show(status.clone(), stop.clone()));
    runtime::beside(learning::say_when_all_is_read(status.clone(), clock, stop.clone()));
    let deps = Deps {
        sdk,
        clock,
        store,
        make_sinks: Box::new(|config| build_sinks(&config.sinks)),
        notifier: systemd::systemd(),
        status,
    };
    daemon::run(config, deps, stop, reloads).await?;
    Ok(ExitCode::SUCCESS)
}

async fn credentials() -> anyhow::Result<SdkConfig> {
    let sdk = source::from_environment().await?;
    Account::check_credentials(&sdk).await?;
    Ok(sdk)
}

/// Where it listens, whether the page is there, and what must be known to see it.
type Shown = (std::net::SocketAddr, bool, Option<String>);

fn shown(http: &HttpConfig) -> Shown {
    (http.listen, http.page, http.token.as_ref().map(|token| token.expose_secret().to_owned()))
}

/// What a signal needs to know.
struct Running {
    file: ConfigFile,
    path: PathBuf,
    http: Option<Shown>,
    stop: CancellationToken,
    reload: mpsc::Sender<Reload>,
}

impl Running {
    async fn listen(self, mut signals: Signals) -> anyhow::Result<()> {
        while let Some(signal) = signals.next().await {
            if signal == SIGHUP {
                let reload = self.file.load();
                if let Ok(config) = &reload {
                    self.warn_of_what_needs_a_restart(config);
                }
                // One that waits is enough: the next signal's configuration would only be newer.
                if self.reload.try_send(reload).is_err() {
                    tracing::warn!("a reload is already in progress: send the signal again when it is done");
                }
            } else if self.stop.is_cancelled() {
                tracing::warn!("second signal: stopping at once");
                std::process::exit(128 + signal);
            } else {
                tracing::info!("stopping; a second signal stops at once");
                self.stop.cancel();
            }
        }
        Ok(())
    }

    fn warn_of_what_needs_a_restart(&self, config: &Config) {
        if state_path(config.state.as_deref()) != self.path {
            tracing::warn!("[state] path has changed: restart trailnoti to use it");
        }
        if config.http.as_ref().map(shown) != self.http {
            tracing::warn!("[http] has changed: restart trailnoti to use it");
        }
    }
}

/// Asks `/healthz`: a container's image has no curl.
pub(super) fn healthcheck(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let (status, text) = ask::ask(file, "/healthz")?;
    if status.is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{}", text.trim());
    Ok(ExitCode::from(exit::FAILED))
}
