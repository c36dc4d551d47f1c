//! What a reader must know about the machine to judge the figures, and nothing that identifies it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::fs::statvfs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Processor, memory, kernel, and the file system under `folder`, as one line.
pub(crate) fn description(folder: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field(&read("/proc/cpuinfo"), "model name", ':');
    let kilobytes: u64 =
        field(&read("/proc/meminfo"), "MemTotal", ':').trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease").trim().split('-').next().unwrap_or_default().to_owned();
    let system = field(&read("/etc/os-release"), "PRETTY_NAME", '=').trim_matches('"').to_owned();
    let disk = file_system(&read("/proc/mounts"), folder);
    format!(
        "{cores} cores ({processor}), {} GB of memory, Linux {kernel}, {system}, data on {disk}",
        kilobytes.div_ceil(1024 * 1024)
    )
}

/// As many open files as this process may have, for itself and the servers it starts.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Fewer will do for the shorter rows; the longer ones then say what they lack.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How many octets are free for us in the file system of `folder`.
pub(crate) fn free_space(folder: &Path) -> Result<u64> {
    let space = statvfs(folder).with_context(|| folder.display().to_string())?;
    Ok(space.f_bavail * space.f_frsize)
}

/// The day in UTC.
pub(crate) fn today() -> String {
    output("date", &["-u", "+%F"])
}

/// The commit that was measured.
pub(crate) fn commit() -> String {
    output("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"])
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn field(text: &str, name: &str, separator: char) -> String {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(field, _)| field.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// The type of the file system with the longest mount point above `folder`.
fn file_system(mounts: &str, folder: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind.to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /var/tmp tmpfs rw 0 0\n/dev/b /variety xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/var/tmp")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/var")), "ext4");
    }

    #[test]
    fn field_is_found_by_its_whole_name() {
        assert_eq!(field("model\t\t: 1\nmodel name\t: Chip\n", "model name", ':'), "Chip");
    }
}
