//! The control plane's programs: how each is called.
//!
//! As much like production as a test can bear: RBAC decides, admission is the
//! default, clients prove themselves with certificates and tokens. What differs:
//! everything listens on loopback or on a socket in the cluster's folder, etcd
//! does not wait for the disk, and the API server keeps an audit of every write.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::assets::Assets;
use super::certs::Certs;
use super::process::Launch;

/// What the audit keeps: who wrote what, not the bodies. Reads are left out.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "verbs": ["get", "list", "watch"]},
    {"level": "Metadata"}
  ]
}"#;

/// One cluster's files and its API server's port.
pub struct Plan<'a> {
    /// The programs.
    pub assets: &'a Assets,
    /// Its folder.
    pub dir: &'a Path,
    /// Its keys, in that folder.
    pub certs: &'a Certs,
    /// The API server's port on 127.0.0.1.
    pub port: u16,
}

impl Plan<'_> {
    /// The API server's URL.
    pub fn url(&self) -> String {
        format!("https://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// etcd, on sockets in the folder: no port, and nobody else can enter.
    pub fn etcd(&self) -> Launch {
        let peers = format!("unix://{}", self.dir.join("etcd-peers.sock").display());
        // It has no peers and nobody asks it for clients' addresses, but it wants
        // to be told some, with a port.
        let told = "http://localhost:1";
        self.launch("etcd").args([
            "--name=stage",
            "--log-level=warn",
            "--unsafe-no-fsync",
            &format!("--data-dir={}", self.dir.join("etcd").display()),
            &format!("--listen-client-urls={}", self.etcd_url()),
            &format!("--advertise-client-urls={told}"),
            &format!("--listen-peer-urls={peers}"),
            &format!("--initial-advertise-peer-urls={told}"),
            &format!("--initial-cluster=stage={told}"),
        ])
    }

    /// kube-apiserver.
    pub fn api_server(&self) -> Result<Launch> {
        let policy = self.dir.join("audit-policy.json");
        std::fs::write(&policy, AUDIT_POLICY).with_context(|| format!("write {}", policy.display()))?;
        let Certs { authority, server, token_signer, token_checker, .. } = self.certs;
        Ok(self.launch("kube-apiserver").args([
            &format!("--etcd-servers={}", self.etcd_url()),
            "--bind-address=127.0.0.1",
            &format!("--secure-port={}", self.port),
            // Nothing runs in the cluster's network, so nobody needs to find the
            // API server there (and loopback is not a valid endpoint).
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            &format!("--tls-cert-file={}", server.cert.display()),
            &format!("--tls-private-key-file={}", server.key.display()),
            &format!("--client-ca-file={}", authority.display()),
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            &format!("--service-account-key-file={}", token_checker.display()),
            &format!("--service-account-signing-key-file={}", token_signer.display()),
            &format!("--audit-policy-file={}", policy.display()),
            &format!("--audit-log-path={}", self.dir.join(super::audit::FILE).display()),
            "--profiling=false",
        ]))
    }

    /// kube-controller-manager: all that runs without a cloud.
    pub fn controller_manager(&self, kubeconfig: &Path) -> Launch {
        let Certs { authority, token_signer, .. } = self.certs;
        self.launch("kube-controller-manager").args([
            &format!("--kubeconfig={}", kubeconfig.display()),
            "--controllers=*,-service-lb-controller,-node-route-controller,-cloud-node-lifecycle-controller",
            "--use-service-account-credentials=true",
            &format!("--service-account-private-key-file={}", token_signer.display()),
            &format!("--root-ca-file={}", authority.display()),
            // The default of 20 requests/s makes the start 4 s longer: each
            // controller asks for its token.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            // Autoscalers are looked at so often, by default each 15 s.
            "--horizontal-pod-autoscaler-sync-period=1s",
            // There is one, and it is dead when the test is.
            "--leader-elect=false",
            // Its figures are nobody's concern: it serves nothing.
            "--secure-port=0",
            "--profiling=false",
        ])
    }

    /// kube-scheduler: pods get onto nodes.
    pub fn scheduler(&self, kubeconfig: &Path) -> Launch {
        self.launch("kube-scheduler").args([
            &format!("--kubeconfig={}", kubeconfig.display()),
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        ])
    }

    fn etcd_url(&self) -> String {
        format!("unix://{}", self.dir.join("etcd.sock").display())
    }

    fn launch(&self, name: &str) -> Launch {
        Launch::new(self.assets.program(name), self.dir.join(format!("{name}.log")))
    }
}
