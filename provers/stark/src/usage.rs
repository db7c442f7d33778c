//! What this process takes of the machine, as Linux tells it; 0 elsewhere.

use std::fs;

/// Of the counters in `/proc/self/stat`: `USER_HZ`, 100 on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// CPU seconds so far, of all threads, of user and system.
pub fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Field 2, the program's name in brackets, may hold blanks; fields 14 and 15 are the times.
    let Some((_, fields)) = stat.rsplit_once(") ") else { return 0.0 };
    let times = fields.split(' ').skip(11).take(2);
    times.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

/// The most resident memory since the start, or since `forget_peak`, in MiB.
pub fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Counts the peak from here on; a process that serves several calls tells each its own.
pub fn forget_peak() {
    // "5" resets the peak (proc(5)); where that is not allowed the peak is that of the process.
    _ = fs::write("/proc/self/clear_refs", "5");
}
