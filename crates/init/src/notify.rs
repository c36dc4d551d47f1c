//! How a service says that it is ready: the datagrams of `sd_notify(3)`, so that one service suits systemd and our init.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::UnixDatagram;

use crate::socket_folder::SocketFolder;

/// The socket one process of a service reports to, opened for that process and removed after it.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Opens the socket called `name` anew.
    pub(crate) fn open(folder: &SocketFolder, name: &str) -> io::Result<Self> {
        let path = folder.clear(name)?;
        Ok(Self { socket: UnixDatagram::bind(&path)?, path })
    }

    /// What the process finds in `NOTIFY_SOCKET`.
    pub(crate) fn address(&self) -> &Path {
        &self.path
    }

    /// Waits until the process says READY=1.
    pub(crate) async fn ready(&self) {
        let mut datagram = [0; 4096];
        // Receiving fails only for want of memory; the service then stays *starting*, which is what is known.
        while let Ok(length) = self.socket.recv(&mut datagram).await {
            if datagram[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        // Left behind, it is removed when the next one is opened.
        let _ = std::fs::remove_file(&self.path);
    }
}
