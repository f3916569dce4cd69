//! What this process has used, as Linux says it.

use std::{fs, io, time::Duration};

/// Clock ticks in a second. Linux has told all programs 100 for as long as `/proc` exists, whatever the kernel ticks.
const TICKS: u64 = 100;

fn unreadable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "/proc does not say what this process has used",
    )
}

/// CPU time of all threads of this process, also of those that have ended. In steps of 10 ms.
pub(super) fn cpu() -> io::Result<Duration> {
    cpu_in(&fs::read_to_string("/proc/self/stat")?).ok_or_else(unreadable)
}

/// User and system time in a line of `/proc/<pid>/stat`.
pub(super) fn cpu_in(stat: &str) -> Option<Duration> {
    // The name of the program may hold anything, and ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    // The first of these is the third of all; the times are the 14th and 15th.
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = user.checked_add(system)?;
    Some(Duration::from_millis(ticks.checked_mul(1_000 / TICKS)?))
}

/// The most memory that this process has held at once, in bytes.
pub(super) fn peak_memory() -> io::Result<u64> {
    peak_memory_in(&fs::read_to_string("/proc/self/status")?).ok_or_else(unreadable)
}

/// The high water mark in `/proc/<pid>/status`.
pub(super) fn peak_memory_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// Bytes in the unit of people; exact enough for three digits.
#[allow(
    clippy::cast_precision_loss,
    reason = "what is lost lies far behind the digits that are shown"
)]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
