//! What this process took, as Linux tells it; 0 elsewhere.

use std::fs::read_to_string;

/// The kernel's interface counts in hundredths of a second.
const TICKS: f64 = 100.0;

/// User and system seconds of all threads.
pub fn cpu_seconds() -> f64 {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may hold anything; counted from behind it, times are the 12th and 13th.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    fields.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The most resident memory that there was, MiB.
pub fn peak_mib() -> f64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    peak.split_ascii_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
