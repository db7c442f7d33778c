//! What this process has used, from `/proc` (Linux; elsewhere 0).

/// Ticks a second of `/proc/self/stat`: fixed in the kernel's interface.
const TICKS: f64 = 100.0;

/// User and system seconds.
pub fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // The second field is a name in brackets, which may hold anything; user and system time are the 12th and 13th after it.
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The most resident memory so far, in MiB.
pub fn peak_mib() -> f64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0.0 };
    let kib = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Memory that this process may have, MiB: the machine's, or its control group's where that is less. 4096 where neither can be read.
pub fn memory_mib() -> usize {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches("kB").trim().parse::<usize>().ok()
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<usize>().ok());
    let (machine, group) = (machine.map(|kib| kib >> 10), group.map(|bytes| bytes >> 20));
    machine.into_iter().chain(group).min().unwrap_or(4096)
}
