//! An authority of somebody else: certificates that mailmedic did not make.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    SanType, date_time_ymd,
};

/// An authority, and the folder where its certificates are.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// For as long as anybody cares.
    Valid,
    /// It was, in 2020.
    Expired,
}

impl Authority {
    /// A new one, with its certificate in `ca.pem`.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An organisation's own CA");
        let issuer = CertifiedIssuer::self_signed(params, key()).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { folder: folder.to_owned(), issuer }
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Makes a certificate for localhost and `address`, and its key, in place of those of that name, if there are any.
    pub fn issue(&self, name: &str, address: impl Into<IpAddr>, validity: Validity) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress(address.into()));
        params.distinguished_name.push(DnType::CommonName, name);
        (params.not_before, params.not_after) = match validity {
            Validity::Valid => (date_time_ymd(2020, 1, 1), date_time_ymd(2100, 1, 1)),
            Validity::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
        };
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (pem_file, key_file) = (self.file(name, "pem"), self.file(name, "key"));
        // Nobody ever sees one without the other: that is how careful administrators do it.
        replace(&key_file, &key.serialize_pem());
        replace(&pem_file, &certificate.pem());
        (pem_file, key_file)
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.join(name).with_extension(extension)
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn replace(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, file).unwrap();
}
