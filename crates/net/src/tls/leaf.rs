//! What the certificate of an end entity says. The only place where certificates are taken apart.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// What a certificate says, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The host names and addresses it is for.
    pub names: Vec<String>,
    /// Who made it.
    pub issuer: String,
    /// When its life begins.
    pub not_before: SystemTime,
    /// When its life ends.
    pub not_after: SystemTime,
}

impl CertificateFacts {
    /// Reads a certificate, DER; `None` if it cannot be parsed.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let leaf = Leaf::parse(&CertificateDer::from(certificate))?;
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let Leaf { names, not_before, not_after, .. } = leaf;
        Some(Self { names, issuer: parsed.issuer().to_string(), not_before, not_after })
    }
}

/// What a certificate says about its holder, its life and its authority.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// Host names, in lower case, and addresses.
    pub(crate) names: Vec<String>,
    /// URIs.
    pub(crate) uris: Vec<String>,
    /// When its life begins.
    pub(crate) not_before: SystemTime,
    /// When its life ends.
    pub(crate) not_after: SystemTime,
    /// The identifier of its own key (RFC 5280 §4.2.1.2).
    pub(crate) key: Option<Vec<u8>>,
    /// The identifier of the authority's key (RFC 5280 §4.2.1.1).
    pub(crate) authority_key: Option<Vec<u8>>,
}

impl Leaf {
    /// Takes a certificate apart; `None` if it cannot be parsed.
    pub(crate) fn parse(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let mut leaf = Self {
            names: Vec::new(),
            uris: Vec::new(),
            not_before: wall(parsed.validity().not_before.timestamp()),
            not_after: wall(parsed.validity().not_after.timestamp()),
            key: None,
            authority_key: None,
        };
        let names = parsed.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => leaf.names.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => {
                    leaf.names.extend(address_of(bytes).map(|ip| ip.to_string()));
                }
                GeneralName::URI(uri) => leaf.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(key) => leaf.key = Some(key.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    leaf.authority_key = authority.key_identifier.as_ref().map(|key| key.0.to_vec());
                }
                _ => {}
            }
        }
        Some(leaf)
    }
}

/// Addresses in certificates are bytes.
fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Unix seconds as wall time. Nothing of interest happened before 1970.
fn wall(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
