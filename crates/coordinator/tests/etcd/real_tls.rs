//! An etcd that asks for certificates.

use std::sync::Arc;

use coordinator::etcd::{Endpoint, EtcdCoordinator, EtcdSettings};
use coordinator::{Coordinator, CoordinatorError, Prefix};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use crate::fixture::{Etcd, block_on, change, put};

#[test]
fn etcd_is_asked_over_mutual_tls() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let issue = || {
            let key = KeyPair::generate().unwrap();
            let subject = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            (subject.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = issue();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let options = vec![
            "--client-cert-auth".to_owned(),
            format!("--trusted-ca-file={}", file("ca.pem", authority_certificate.pem())),
            format!("--cert-file={}", file("server.pem", server.pem())),
            format!("--key-file={}", file("server.key", server_key.serialize_pem())),
        ];
        let etcd = Etcd::launch("https", options);

        let mut roots = RootCertStore::empty();
        roots.add(authority_certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let (ours, our_key) = issue();
        let our_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(our_key.serialize_der()));
        let with = builder.clone().with_client_auth_cert(vec![ours.der().clone()], our_key).unwrap();
        let client = |tls: ClientConfig| {
            let endpoints = vec![Endpoint::new(&format!("https://{}", etcd.clients)).unwrap()];
            let prefix = Prefix::new("mailmedic/").unwrap();
            EtcdCoordinator::new(EtcdSettings::new(endpoints, prefix, Some(Arc::new(tls))))
        };
        let trusted = client(with);
        etcd.ready(&trusted).await;
        change(&trusted, vec![put("a", "one")]).await.unwrap();
        assert_eq!(trusted.read(&Prefix::everything()).await.unwrap().entries.len(), 1);
        let stranger = client(builder.with_no_client_auth());
        let refused = stranger.epoch().await;
        assert!(matches!(refused, Err(CoordinatorError::Unavailable { .. })), "{refused:?}");
    });
}
