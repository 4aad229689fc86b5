//! How many files this process may have open. Owns raising that as far as it may be raised, and what so many accounts need; the
//! unit's own limits are in `systemd/`.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What the state, the log, the endpoints, the sinks and the runtime hold, and what may come by the local endpoints.
const BESIDE: u64 = 140;
/// Connections to the two services of each of seventeen regions, with as many again while answers are slow.
const FEW: u64 = 100;
/// What each account adds: with a hundred of them, requests meet.
const EACH: u64 = 2;

/// Megabytes of the program with a burst in one account, and of each account: a hundred at rest have 158 MiB.
const MEMORY: u64 = 60;
const MEMORY_EACH: u64 = 2;

/// How many open files so many accounts need at most.
pub fn descriptors(accounts: usize) -> u64 {
    BESIDE + FEW + EACH * accounts as u64
}

/// How many megabytes of memory so many accounts need at most, as `benches/accounts` measures it.
pub fn megabytes(accounts: usize) -> u64 {
    MEMORY + MEMORY_EACH * accounts as u64
}

/// Raises the limit of open files as far as this user may, and answers it; none where it cannot be read.
pub fn raise() -> Option<u64> {
    // Under systemd both limits are the unit's, and its filter of system calls allows no more.
    let (soft, hard) = limits(&std::fs::read_to_string("/proc/self/limits").ok()?)?;
    if soft >= hard {
        return Some(soft);
    }
    let mut wanted = getrlimit(Resource::Nofile);
    wanted.current = wanted.maximum;
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => Some(hard),
        Err(_) => Some(soft),
    }
}

/// The soft and the hard limit (proc(5), `/proc/pid/limits`); an unlimited one is the largest number.
fn limits(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut fields = line
        .split_whitespace()
        .map(|field| if field == "unlimited" { Some(u64::MAX) } else { field.parse().ok() });
    Some((fields.next()??, fields.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_read() {
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files     \n";
        assert_eq!(limits(text), Some((1024, 524_288)));
        assert_eq!(limits("Max open files  unlimited unlimited files"), Some((u64::MAX, u64::MAX)));
        assert_eq!(limits(""), None);
    }

    #[test]
    fn the_limit_is_raised_to_what_may_be() {
        let raised = raise().expect("a limit");
        let (soft, hard) =
            limits(&std::fs::read_to_string("/proc/self/limits").expect("read")).expect("limits");
        assert_eq!((soft, hard), (raised, raised));
    }
}
