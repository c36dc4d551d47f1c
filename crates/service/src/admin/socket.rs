//! Unix sockets under paths of any length, read until a deadline.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// A path that names the same socket and is short enough for the kernel, which takes 107 octets. Valid as long as it lives.
pub(super) struct SocketPath {
    short: PathBuf,
    _folder: File,
}

impl SocketPath {
    /// The folder must exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = File::open(parent)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self { short, _folder: folder })
    }

    pub(super) fn as_path(&self) -> &Path {
        &self.short
    }
}

/// Connects to the socket at `path`, in at most `limit`.
pub(super) fn connect(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    let short = SocketPath::of(path)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Bounds the connecting too: it waits while a hung process does not accept.
    set_socket_timeout(&socket, Timeout::Send, Some(limit.max(Duration::from_millis(1))))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(short.as_path())?)?;
    Ok(socket.into())
}

/// Reads that all end by one deadline, however the octets are spread.
pub(super) struct Deadlined<'a> {
    pub(super) stream: &'a UnixStream,
    pub(super) deadline: Instant,
}

impl Read for Deadlined<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into)
    }
}
