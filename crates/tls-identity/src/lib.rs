//! Whom a client trusts, and what it shows: the files of a [`TlsIdentity`] as TLS for a client.
//!
//! For clients of the API and of etcd, which verify a peer by files that an operator names. Files are read once, when the
//! client is made.
//!
//! Not for the leg between the tiers nor for agents among themselves: their certificates are renewed while they run, and
//! `net` follows that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The files that say whom a client trusts and who it is.
#[derive(Debug, Clone)]
pub struct TlsIdentity {
    /// Certificates of the authorities that may have made the certificate of the peer, PEM.
    pub authority: PathBuf,
    /// The client's own certificate and key, PEM; without them it shows none.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be used. Whoever wrote the files must act: trying again helps only then.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or holds something else.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// What the files hold does not work.
    #[error("these certificates cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl TlsIdentity {
    /// Reads the files.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.authority)? {
            roots.add(certificate)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        Ok(Arc::new(match &self.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
                builder.with_client_auth_cert(certificates(certificate)?, key)?
            }
        }))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(wrong(path, &pem::Error::NoItemsFound)),
        found => found.map_err(|error| wrong(path, &error)),
    }
}

fn wrong(path: &Path, error: &pem::Error) -> TlsError {
    let why = match error {
        pem::Error::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        pem::Error::NoItemsFound => "it holds nothing of what is needed, in PEM form".to_owned(),
        other => other.to_string(),
    };
    TlsError::File { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let missing = TlsIdentity { authority: folder.path().join("ca.pem"), own: None };
        assert!(missing.config().unwrap_err().to_string().ends_with("ca.pem: there is no such file"));
        std::fs::write(&missing.authority, "nothing").unwrap();
        let told = missing.config().unwrap_err().to_string();
        assert!(told.ends_with("it holds nothing of what is needed, in PEM form"), "{told}");
    }

    #[test]
    fn a_key_that_does_not_belong_to_the_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pair = |name: &str| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let (pem, key) =
                (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
            std::fs::write(&pem, made.cert.pem()).unwrap();
            std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            (pem, key)
        };
        let ((one, its), (_, another)) = (pair("one"), pair("two"));
        let own = |key: PathBuf| TlsIdentity { authority: one.clone(), own: Some((one.clone(), key)) };
        assert!(own(its).config().is_ok());
        assert!(matches!(own(another).config(), Err(TlsError::Unusable(_))));
    }
}
