//! How long to wait before trying again. Owns the back-off that everything shares; waiting is its caller's.

use std::time::Duration;

/// So many may be done together.
const FEW: usize = 200;

/// A salt for [`back_off`] that is the same for the same name.
pub fn salt(name: &str) -> u64 {
    name.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
}

/// When something that is done every `period` is done for the first time, so that many of these are not done together. What
/// there are `many` of begins within a hundredth of a second each, and none waits longer than a period; a few hundred may begin
/// at once.
pub fn phase(period: Duration, many: usize, salt: u64) -> Duration {
    if many < FEW {
        return Duration::ZERO;
    }
    let all = period.min(Duration::from_millis(10).saturating_mul(u32::try_from(many).unwrap_or(u32::MAX)));
    all.mul_f64((salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1u64 << 24) as f64)
}

/// How long to wait before attempt number `times + 1`: doubling, to at most `most`, with a spread that depends
/// on `salt` alone, so that many that failed together do not come back together.
pub fn back_off(first: Duration, most: Duration, times: u32, salt: u64) -> Duration {
    let doubled = first.saturating_mul(1 << times.saturating_sub(1).min(20)).min(most);
    let spread = (salt.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ u64::from(times).wrapping_mul(0xD1B5_4A32_D192_ED03))
        >> 40;
    doubled.mul_f64(0.75 + 0.25 * (spread as f64 / (1u64 << 24) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_within_its_bounds() {
        let wait = |times| back_off(Duration::from_secs(1), Duration::from_secs(300), times, 7);
        for times in 1..30 {
            let full = Duration::from_secs(1 << (times - 1).min(20)).min(Duration::from_secs(300));
            assert!(wait(times) <= full && wait(times) >= full.mul_f64(0.75), "{times}: {:?}", wait(times));
        }
    }
}
