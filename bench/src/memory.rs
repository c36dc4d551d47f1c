//! What the processes of a server use of memory, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

/// Proportional set size of all processes together, in octets: shared pages are counted once.
pub(crate) fn proportional(pids: &[u32]) -> Result<u64> {
    pids.iter().map(|pid| field(*pid, "smaps_rollup", "Pss:")).sum()
}

/// Forgets the peak of resident memory of each process.
pub(crate) fn reset_peak(pids: &[u32]) -> Result<()> {
    for pid in pids {
        fs::write(format!("/proc/{pid}/clear_refs"), "5").context("resetting the peak of resident memory")?;
    }
    Ok(())
}

/// Resident set size now, in octets, of each process added up.
pub(crate) fn resident(pids: &[u32]) -> Result<u64> {
    pids.iter().map(|pid| field(*pid, "status", "VmRSS:")).sum()
}

/// Peak of the resident set size, in octets, of each process added up: they need not have peaked together.
pub(crate) fn peak(pids: &[u32]) -> Result<u64> {
    pids.iter().map(|pid| field(*pid, "status", "VmHWM:")).sum()
}

fn field(pid: u32, file: &str, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
        .with_context(|| format!("{path} has no {name}"))?;
    Ok(kilobytes * 1024)
}
