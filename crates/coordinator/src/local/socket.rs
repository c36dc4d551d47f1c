//! Unix sockets under paths of any length: the kernel takes 107 octets, and a data directory may lie deeper than that.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// A path that names the same socket and is short enough. Valid as long as it lives.
struct SocketPath {
    short: PathBuf,
    _folder: File,
}

impl SocketPath {
    fn of(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = File::open(parent)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self { short, _folder: folder })
    }
}

/// Binds under another name and moves that into place: so there is no moment at which others may use the socket, and
/// what a dead process left is replaced at once. That no living process has it is for the caller to know.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(&SocketPath::of(&new)?.short)?;
    let private = fs::set_permissions(&new, fs::Permissions::from_mode(0o600));
    private.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    Ok(listener)
}

pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let path = SocketPath::of(path)?;
    UnixStream::connect(&path.short).await
}
