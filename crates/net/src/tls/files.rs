//! Certificates and keys in PEM files, and whether the files have changed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::CertificateError;

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The certificate first, then those that lead to its authority; PEM.
    pub certificate: PathBuf,
    /// The private key; PEM. May be the same file.
    pub key: PathBuf,
}

/// How files looked when they were read. Any difference means that they are to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look(Vec<Option<[i64; 6]>>);

impl Look {
    /// Looks at files. One that is missing looks like nothing.
    pub(super) fn at<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let look = |file: &Path| {
            let found = fs::metadata(file).ok()?;
            // A replaced file has another inode, one written in place another time or size, and one that may be read
            // at last another time of change.
            let (inode, size) = (found.ino().cast_signed(), found.size().cast_signed());
            Some([inode, size, found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()])
        };
        Self(files.into_iter().map(look).collect())
    }
}

impl CertificateFiles {
    pub(super) fn look(&self) -> Look {
        Look::at([self.certificate.as_path(), self.key.as_path()])
    }

    /// Reads both files and checks that they belong together.
    pub(crate) fn load(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        let chain = read_certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unreadable(&self.key, error, |file| CertificateError::BadKey { file }))?;
        match CertifiedKey::from_der(chain, key, &super::provider()) {
            Ok(certified) => Ok(Arc::new(certified)),
            Err(rustls::Error::InconsistentKeys(_)) => Err(CertificateError::Mismatch {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            }),
            Err(rustls::Error::InvalidCertificate(_)) => {
                Err(CertificateError::BadCertificate { file: self.certificate.clone() })
            }
            Err(_) => Err(CertificateError::BadKey { file: self.key.clone() }),
        }
    }
}

/// The certificates of authorities in a file.
pub(super) fn read_authorities(file: &Path) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        roots.add(certificate).map_err(|_| CertificateError::BadCertificate { file: file.to_owned() })?;
    }
    Ok(roots)
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bad = |file| CertificateError::BadCertificate { file };
    let read = |error| unreadable(file, error, bad);
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(file).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    if chain.is_empty() { Err(bad(file.to_owned())) } else { Ok(chain) }
}

/// A file that cannot be opened is one thing, a file without what is sought another.
fn unreadable(file: &Path, error: pem::Error, bad: fn(PathBuf) -> CertificateError) -> CertificateError {
    let file = file.to_owned();
    match error {
        pem::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            CertificateError::Unreadable { file, source }
        }
        _ => bad(file),
    }
}
