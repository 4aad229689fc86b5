//! The numbers that `/metrics` shows. Owns their names, after Prometheus's conventions; labels are accounts,
//! regions, rules and sinks; of an event alone what an exclusion hid last, one series for each exclusion.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// An account, a region and what is asked there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// The account's number, twelve digits; empty where it is not known.
    pub account: String,
    /// The region, such as `eu-west-1`; empty for what belongs to none.
    pub region: String,
    /// Which API: `cloudtrail`, `ec2`, `regions` or `identity`.
    pub api: &'static str,
}

/// A rule and a severity, as labels of a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByRule {
    /// The id of the rule.
    pub rule: String,
    /// How urgent the alert was.
    pub severity: &'static str,
}

/// A sink, as the label of a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BySink {
    /// Its name in the configuration.
    pub sink: String,
}

/// A sink and why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Failed {
    /// Its name in the configuration.
    pub sink: String,
    /// `later`, `refused` or `closed`.
    pub reason: &'static str,
}

/// An exclusion, as the label of a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByExclusion {
    /// Its name in the configuration.
    pub exclusion: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

type Number = Gauge<f64, AtomicU64>;

/// Every number that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// How many requests were sent to AWS.
    pub requests: Family<Asked, Counter>,
    /// How many requests to AWS failed.
    pub request_errors: Family<Asked, Counter>,
    /// When a request last succeeded, in seconds since 1970.
    pub last_success: Family<Asked, Number>,
    /// How far behind the gapless reading is, in seconds.
    pub lag: Family<Asked, Number>,
    /// Times that were not read, and are not read back.
    pub gaps: Gauge,
    /// How many regions are read up to now.
    pub in_time: Gauge,
    /// Events read, repeats included.
    pub events: Family<Asked, Counter>,
    /// How many alerts were put into queues.
    pub alerts: Family<ByRule, Counter>,
    /// Events that an exclusion hid.
    pub excluded: Family<ByExclusion, Counter>,
    /// When each exclusion hid something last, in seconds since 1970.
    pub last_hidden: Family<ByExclusion, Gauge>,
    /// How many alerts sinks have taken.
    pub notifications: Family<BySink, Counter>,
    /// Messages that were not.
    pub failures: Family<Failed, Counter>,
    /// Alerts that a sink refused for good.
    pub dead: Family<BySink, Counter>,
    /// Alerts that are kept as a count alone, since too many waited.
    pub counted: Family<BySink, Counter>,
    /// How many alerts wait there.
    pub outbox: Family<BySink, Number>,
    /// When a heartbeat was taken last, in seconds since 1970; 0 where there is none.
    pub heartbeat: Gauge,
    /// Whether the last reload was taken.
    pub reload_ok: Gauge,
    /// Whether the state is only in memory.
    pub degraded: Gauge,
    /// The state on disk.
    pub state_bytes: Number,
    /// AWS's clock less this machine's.
    pub skew: Number,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("trailnoti");
        let build: Family<Build, Gauge> = Family::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("build_info", "The running version", build);
        let mut metrics = Metrics {
            registry,
            requests: Family::default(),
            request_errors: Family::default(),
            last_success: Family::default(),
            lag: Family::default(),
            gaps: Gauge::default(),
            in_time: Gauge::default(),
            events: Family::default(),
            alerts: Family::default(),
            excluded: Family::default(),
            last_hidden: Family::default(),
            notifications: Family::default(),
            failures: Family::default(),
            dead: Family::default(),
            counted: Family::default(),
            outbox: Family::default(),
            heartbeat: Gauge::default(),
            reload_ok: Gauge::default(),
            degraded: Gauge::default(),
            state_bytes: Number::default(),
            skew: Number::default(),
        };
        metrics.reload_ok.set(1);
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("poll_requests", "Requests to AWS", self.requests.clone());
        registry.register("poll_errors", "Requests to AWS that failed", self.request_errors.clone());
        registry.register(
            "last_successful_poll_timestamp_seconds",
            "When a request last succeeded",
            self.last_success.clone(),
        );
        registry.register("cursor_lag_seconds", "How far behind the gapless reading is", self.lag.clone());
        registry.register(
            "coverage_gaps",
            "Times that were not read, and are not read back",
            self.gaps.clone(),
        );
        registry.register("regions_in_time", "Regions that are read up to now", self.in_time.clone());
        registry.register("events_received", "Events read, repeats included", self.events.clone());
        registry.register("alerts", "Alerts made", self.alerts.clone());
        registry.register("events_excluded", "Events hidden by an exclusion", self.excluded.clone());
        registry.register(
            "excluded_last_timestamp_seconds",
            "When an exclusion hid something last, with its instance and who launched that",
            self.last_hidden.clone(),
        );
        registry.register("notifications", "Alerts delivered", self.notifications.clone());
        registry.register("notification_failures", "Messages that were not delivered", self.failures.clone());
        registry.register("alerts_dead", "Alerts that a sink refused for good", self.dead.clone());
        registry.register(
            "alerts_counted",
            "Alerts that are kept as a count alone, since too many waited for a sink",
            self.counted.clone(),
        );
        registry.register("outbox_rows", "Alerts that wait for a sink", self.outbox.clone());
        registry.register(
            "heartbeat_success_timestamp_seconds",
            "When a heartbeat was taken last",
            self.heartbeat.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "Whether the last reload was taken",
            self.reload_ok.clone(),
        );
        registry.register("state_degraded", "Whether the state is only in memory", self.degraded.clone());
        registry.register("state_bytes", "The size of the state on disk", self.state_bytes.clone());
        registry.register(
            "clock_skew_seconds",
            "The clock of AWS less that of this machine",
            self.skew.clone(),
        );
    }

    /// The page, in OpenMetrics' text format.
    pub fn page(&self) -> String {
        let mut page = String::new();
        match encode(&mut page, &self.registry) {
            Ok(()) => page,
            Err(error) => format!("# {error}\n"),
        }
    }
}

/// The page as Prometheus's own text format has it (prometheus.io, "Exposition formats"): a counter's family is called like its
/// samples, and what OpenMetrics has beyond it is left out.
pub fn plain(page: &str) -> String {
    let counters: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut plain = String::with_capacity(page.len());
    for line in page.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let of = |keyword: &str| {
            let (name, rest) = line.strip_prefix(keyword)?.split_once(' ')?;
            counters.contains(&name).then(|| format!("{keyword}{name}_total {rest}"))
        };
        plain.push_str(&of("# HELP ").or_else(|| of("# TYPE ")).unwrap_or_else(|| line.to_owned()));
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_plain_format_a_counter_is_called_like_its_samples() {
        let metrics = Metrics::default();
        metrics.notifications.get_or_create(&BySink { sink: "security".to_owned() }).inc_by(3);
        let plain = plain(&metrics.page());
        for line in [
            "# TYPE trailnoti_notifications_total counter",
            "trailnoti_notifications_total{sink=\"security\"} 3",
            "# TYPE trailnoti_state_bytes gauge",
        ] {
            assert!(plain.lines().any(|one| one == line), "{line} in\n{plain}");
        }
        assert!(
            !plain.contains("# EOF") && plain.contains("# HELP trailnoti_notifications_total "),
            "{plain}"
        );
    }
}
