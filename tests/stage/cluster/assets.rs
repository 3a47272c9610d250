//! Where the control plane's programs come from.
//!
//! `KUBEBUILDER_ASSETS` (the envtest convention) if set, else what
//! `tests/controlplane/build` makes and caches: seconds after the first time,
//! minutes the first time, with its progress on standard error. KWOK is built
//! unless `KUBEBUILDER_ASSETS` has it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// The build script, from the package's folder.
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/controlplane/build");

/// A folder with the control plane's programs.
#[derive(Clone, Debug)]
pub struct Assets {
    dir: PathBuf,
}

impl Assets {
    /// Finds or builds them; with `controllers`, kube-controller-manager and kube-scheduler too.
    pub async fn find(controllers: bool) -> Result<Self> {
        let assets = match env::var_os("KUBEBUILDER_ASSETS") {
            Some(dir) => Self { dir: dir.into() },
            None => Self { dir: build(if controllers { "full" } else { "demo" }).await? },
        };
        let needed = ["etcd", "kube-apiserver", "kubectl"];
        let more: &[&str] = if controllers { &["kube-controller-manager", "kube-scheduler"] } else { &[] };
        for name in needed.iter().chain(more) {
            ensure!(
                assets.program(name).is_file(),
                "{} has no {name}: unset KUBEBUILDER_ASSETS to have it built, \
                 or point it at a folder that has all of the control plane",
                assets.dir.display()
            );
        }
        Ok(assets)
    }

    /// The path of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// KWOK, found or built.
pub async fn kwok() -> Result<PathBuf> {
    Ok(build("kwok").await?.join("kwok"))
}

/// kubectl for a cluster that is not ours: the assets' if given, else `PATH`'s.
pub fn kubectl() -> PathBuf {
    env::var_os("KUBEBUILDER_ASSETS")
        .map(|dir| Path::new(&dir).join("kubectl"))
        .filter(|path| path.is_file())
        .unwrap_or_else(|| "kubectl".into())
}

async fn build(flavour: &str) -> Result<PathBuf> {
    let output = Command::new(BUILD)
        .arg(flavour)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("run {BUILD}"))?;
    ensure!(output.status.success(), "{BUILD} {flavour} failed ({})", output.status);
    let dir = String::from_utf8(output.stdout).context("read the build script's answer")?;
    Ok(dir.trim_end().into())
}
