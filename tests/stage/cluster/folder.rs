//! A folder that goes when the process does, however that ends.
//!
//! A temporary folder that only a `Drop` removes stays behind when a test is
//! killed, and when a static owns it, as with a cluster that a test binary's
//! tests share. Here a shell holds the other end of a pipe, and removes the
//! folder when this process has let go of it.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// What the shell does: wait for the end of its input, then remove its argument.
/// A program that is being killed may still write: up to 5 s long it tries again.
const REMOVE: &str = r#"
    read -r _
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        rm -rf -- "$1" && exit
        sleep 0.5
    done
"#;

/// A folder of this process's own, which nobody but its user can enter.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    remover: Child,
}

impl Folder {
    /// Creates one for temporary files, its name beginning with `prefix`.
    pub fn create(prefix: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().context("create a folder")?;
        let remover = Command::new("sh")
            .args(["-c", REMOVE, "remove-folder"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0) // Ctrl-C is not for it
            .spawn()
            .context("start the shell that removes the folder")?;
        Ok(Self { path: folder.keep(), remover })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        // Can fail only if it was waited for already.
        drop(self.remover.wait());
    }
}
