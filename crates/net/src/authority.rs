//! A certificate authority of our own, and the certificates it issues: P-256, in PEM files.
//!
//! A data directory has two: one for what clients see, one for the cluster's inner leg; neither trusts the other. What
//! an operator brings instead is never touched here. One process at a time may work on a folder: the caller holds the
//! data directory's lock.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::DnsName;

use crate::tls::{CertificateError, CertificateFiles, Leaf, PeerIdentity, Role, is_server_name};

/// The file stem of an authority itself.
const AUTHORITY: &str = "ca";
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";

/// The life of an authority's certificate.
pub const AUTHORITY_LIFE: Duration = Duration::from_hours(10 * 365 * 24);

/// The life of an issued certificate. It is renewed when less than a third of it remains.
pub const CERTIFICATE_LIFE: Duration = Duration::from_hours(90 * 24);

/// How long before now a new certificate is valid already, for those whose clocks are slow.
const CLOCK_SLACK: Duration = Duration::from_hours(1);

/// An authority's files cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or folder cannot be read or written.
    #[error("cannot {operation} {path}", path = path.display())]
    Files {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The authority's certificate is there without its key, so nothing can be issued. Put the key back; a new
    /// authority would not be trusted by anybody who trusts this one.
    #[error("{path} is missing, and without it nothing can be issued", path = path.display())]
    KeyMissing {
        /// The missing file.
        path: PathBuf,
    },
    /// The authority's files do not hold what they should, or do not belong together.
    #[error("the authority cannot be used")]
    Unusable(#[source] CertificateError),
    /// A name that can stand in no certificate.
    #[error("{name:?} cannot stand in a certificate")]
    Name {
        /// The name.
        name: String,
    },
    /// Making a certificate failed.
    #[error("cannot make a certificate")]
    Issue(#[source] rcgen::Error),
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A service that clients connect to.
    Service {
        /// The host names they use; the first is also the common name.
        names: Vec<String>,
        /// The addresses they use.
        addresses: Vec<IpAddr>,
    },
    /// A server of the cluster, on the inner leg. Verified by its name, as client and as server.
    Node {
        /// The server's name.
        server: String,
        /// What it is for.
        roles: BTreeSet<Role>,
        /// The host names and addresses by which people reach its API.
        names: Vec<String>,
    },
}

/// An authority, ready to issue.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// The identifier of its key, which every certificate it issues carries.
    key: Option<Vec<u8>>,
    not_after: SystemTime,
}

/// What [`Authority::ensure`] found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// The certificate there is good.
    Kept,
    /// There was none, or none that could be used.
    Issued,
    /// Too little of its life remained, or it was for others, or from another authority.
    Renewed,
}

impl Authority {
    /// Loads the authority of a folder (`ca.pem`, `ca.key`), or makes one and calls it `name`.
    pub fn load_or_create(folder: &Path, name: &str, now: SystemTime) -> Result<Self, AuthorityError> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if !exists(&certificate)? {
            // The certificate is written last: without it nobody has ever trusted this key.
            create(folder, name, now)?;
        } else if !exists(&key)? {
            return Err(AuthorityError::KeyMissing { path: key });
        }
        Self::load(folder)
    }

    fn load(folder: &Path) -> Result<Self, AuthorityError> {
        let files = files_in(folder, AUTHORITY);
        let pair = files.load().map_err(AuthorityError::Unusable)?;
        let unusable =
            || AuthorityError::Unusable(CertificateError::BadCertificate { file: files.certificate.clone() });
        let certificate = pair.end_entity_cert().map_err(|_| unusable())?;
        let leaf = Leaf::parse(certificate).ok_or_else(unusable)?;
        let key = KeyPair::from_pem(&read(&files.key)?)
            .map_err(|_| AuthorityError::Unusable(CertificateError::BadKey { file: files.key.clone() }))?;
        let issuer = Issuer::from_ca_cert_der(certificate, key).map_err(|_| unusable())?;
        Ok(Self { folder: folder.to_owned(), issuer, key: leaf.key, not_after: leaf.not_after })
    }

    /// The file to give to those who are to trust this authority.
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// When the authority's own life ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Where a certificate called `stem` is: `<stem>.pem` and `<stem>.key` in the authority's folder.
    pub fn files(&self, stem: &str) -> CertificateFiles {
        files_in(&self.folder, stem)
    }

    /// Sees to it that the certificate called `stem` is for `subject`, from this authority, with at least a third of its
    /// life before it. To be called at every start and now and then; services notice new files by themselves.
    pub fn ensure(&self, stem: &str, subject: &Subject, now: SystemTime) -> Result<Ensured, AuthorityError> {
        let usable = self.files(stem).load().ok();
        let leaf = usable.and_then(|pair| Leaf::parse(pair.end_entity_cert().ok()?));
        let ensured = match leaf {
            Some(leaf) if self.is_good(&leaf, subject, now) => return Ok(Ensured::Kept),
            Some(_) => Ensured::Renewed,
            None => Ensured::Issued,
        };
        self.issue(stem, subject, now - CLOCK_SLACK..now + CERTIFICATE_LIFE)?;
        Ok(ensured)
    }

    fn is_good(&self, leaf: &Leaf, subject: &Subject, now: SystemTime) -> bool {
        let life = leaf.not_after.duration_since(leaf.not_before).unwrap_or_default();
        let remaining = leaf.not_after.duration_since(now).unwrap_or_default();
        let same = |have: &[String], want: &[String]| BTreeSet::from_iter(have) == BTreeSet::from_iter(want);
        leaf.authority_key == self.key
            && remaining >= life / 3
            && same(&leaf.names, &subject.names())
            && same(&leaf.uris, &subject.uris())
    }

    /// Issues a certificate called `stem`, with a new key, in place of any earlier one.
    pub fn issue(
        &self,
        stem: &str,
        subject: &Subject,
        life: Range<SystemTime>,
    ) -> Result<CertificateFiles, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
        let certificate =
            subject.parameters(life)?.signed_by(&key, &self.issuer).map_err(AuthorityError::Issue)?;
        let files = self.files(stem);
        // Whoever reads between the two writes finds a pair that does not fit, keeps the old, and reads again later.
        write(&files.key, &key.serialize_pem(), 0o600)?;
        write(&files.certificate, &certificate.pem(), 0o644)?;
        Ok(files)
    }
}

impl Subject {
    /// The host names and addresses, as a certificate shows them.
    fn names(&self) -> Vec<String> {
        // An address among the names is an address in the certificate, in its one notation.
        let address = |name: &str| name.parse::<IpAddr>().map(|address| address.to_string());
        let written = |name: &String| address(name).unwrap_or_else(|_| name.to_ascii_lowercase());
        match self {
            Self::Service { names, addresses } => {
                names.iter().map(written).chain(addresses.iter().map(IpAddr::to_string)).collect()
            }
            Self::Node { server, names, .. } => {
                let others = names.iter().map(written).filter(|name| name != server);
                std::iter::once(server.clone()).chain(others).collect()
            }
        }
    }

    fn uris(&self) -> Vec<String> {
        match self {
            Self::Service { .. } => Vec::new(),
            Self::Node { server, roles, .. } => {
                PeerIdentity { server: server.clone(), roles: roles.clone() }.uris().collect()
            }
        }
    }

    fn parameters(&self, life: Range<SystemTime>) -> Result<CertificateParams, AuthorityError> {
        let impossible = |name: &str| AuthorityError::Name { name: name.to_owned() };
        let names = self.names();
        let first = names.first().ok_or_else(|| impossible(""))?;
        if let Some(bad) = names.iter().find(|name| !self.can_name(name)) {
            return Err(impossible(bad));
        }
        // Names that are addresses become addresses in the certificate.
        let mut params = CertificateParams::new(names.clone()).map_err(|_| impossible(first))?;
        for uri in self.uris() {
            params
                .subject_alt_names
                .push(SanType::URI(uri.as_str().try_into().map_err(|_| impossible(&uri))?));
        }
        params.distinguished_name = called(first);
        (params.not_before, params.not_after) = (life.start.into(), life.end.into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self {
            Self::Service { .. } => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Node { .. } => {
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]
            }
        };
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }

    fn can_name(&self, name: &str) -> bool {
        match self {
            Self::Node { server, .. } if server == name => is_server_name(name),
            Self::Node { .. } | Self::Service { .. } => {
                name.parse::<IpAddr>().is_ok()
                    || DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
            }
        }
    }
}

fn create(folder: &Path, name: &str, now: SystemTime) -> Result<(), AuthorityError> {
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Issue)?;
    let mut params = CertificateParams::default();
    // Part of the key stands in the name: two authorities are never mistaken for one another.
    let identifier =
        params.key_identifier(&key).into_iter().take(4).fold(0, |bits, byte| bits << 8 | u32::from(byte));
    params.distinguished_name = called(&format!("{name} {identifier:08x}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = ((now - CLOCK_SLACK).into(), (now + AUTHORITY_LIFE).into());
    let certificate = params.self_signed(&key).map_err(AuthorityError::Issue)?;
    write(&folder.join(KEY), &key.serialize_pem(), 0o600)?;
    write(&folder.join(CERTIFICATE), &certificate.pem(), 0o644)
}

/// A subject with nothing but a common name, if it fits into one (64 characters; X.520).
fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    if name.len() <= 64 {
        called.push(DnType::CommonName, name);
    }
    called
}

fn files_in(folder: &Path, stem: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
    }
}

fn exists(path: &Path) -> Result<bool, AuthorityError> {
    path.try_exists().map_err(failed("look for", path))
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(failed("read", path))
}

/// Writes a file so that it is there as a whole or not at all, and never readable by more than `mode` allows.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let unfinished = path.with_extension("unfinished");
    let attempt = || {
        // Left behind by a process that died here.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    attempt().map_err(failed("write", path))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::Files { operation, path, source }
}
