//! The keys and certificates of one throwaway cluster.
//!
//! A certificate authority that lives for the length of a run; what it signs
//! says who a client is: the common name is the user, the organisation the
//! group. Written as PEM files into the cluster's folder, which only the user
//! who runs the tests can enter.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Everything that a cluster's parts prove themselves with.
#[derive(Clone, Debug)]
pub struct Certs {
    /// The authority's certificate: who a client trusts.
    pub authority: PathBuf,
    /// What the API server serves with.
    pub server: Identity,
    /// A cluster administrator.
    pub admin: Identity,
    /// kube-controller-manager, by the name that the built-in roles know.
    pub controllers: Identity,
    /// kube-scheduler, by the name that the built-in roles know.
    pub scheduler: Identity,
    /// The private key that service account tokens are signed with.
    pub token_signer: PathBuf,
    /// The public key that they are checked with.
    pub token_checker: PathBuf,
}

impl Certs {
    /// Makes all of them in `dir`, which exists.
    pub fn create(dir: &Path) -> Result<Self> {
        let authority = authority()?;
        let file = |name: &str, pem: &str| {
            let path = dir.join(name);
            fs::write(&path, pem).with_context(|| format!("write {}", path.display()))?;
            Ok::<_, anyhow::Error>(path)
        };
        let identity = |name: &str, params: &CertificateParams| {
            let key = KeyPair::generate()?;
            let cert = params.signed_by(&key, &authority)?;
            Ok::<_, anyhow::Error>(Identity {
                cert: file(&format!("{name}.crt"), &cert.pem())?,
                key: file(&format!("{name}.key"), &key.serialize_pem())?,
            })
        };
        let tokens = KeyPair::generate()?;
        Ok(Self {
            authority: file("ca.crt", &authority.pem())?,
            server: identity("apiserver", &server()?)?,
            admin: identity("admin", &client("admin", Some("system:masters")))?,
            controllers: identity("controllers", &client("system:kube-controller-manager", None))?,
            scheduler: identity("scheduler", &client("system:kube-scheduler", None))?,
            token_signer: file("tokens.key", &tokens.serialize_pem())?,
            token_checker: file("tokens.pub", &tokens.public_key_pem())?,
        })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "crossfade test cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn server() -> Result<CertificateParams> {
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
    let mut params = CertificateParams::new(names.map(String::from))?;
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client(user: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}
