//! A connection to an agent, whatever it is made of.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::door::Door;

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a connection.
pub(crate) async fn open(door: &Door) -> io::Result<Box<dyn Stream>> {
    match door {
        Door::Socket(path) => {
            let (short, _folder) = short(path)?;
            Ok(Box::new(UnixStream::connect(short).await?))
        }
        Door::Loopback { address, .. } => Ok(Box::new(TcpStream::connect(address).await?)),
        Door::Tls { authority, name, config, .. } => {
            let tcp = TcpStream::connect(authority).await?;
            tcp.set_nodelay(true)?;
            let tls = TlsConnector::from(Arc::clone(config)).connect(name.clone(), tcp).await?;
            Ok(Box::new(tls))
        }
    }
}

/// The longest path that fits into the address of a socket, unix(7).
const LONGEST: usize = 107;

/// A path of the same socket that is short enough; it holds as long as the folder is open.
fn short(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= LONGEST {
        return Ok((path.to_owned(), None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(folder)?;
    Ok((Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name), Some(folder)))
}
