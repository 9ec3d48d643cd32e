// SPDX-License-Identifier: GPL-2.0

//! Runs commands inside a build root.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{self, Log, Privilege};
use crate::ui::Activity;

/// Mounts everything and enters the root. The mounts are in the private namespace of
/// [`Privilege::contained`], so they vanish with it. The root has only these five devices.
const ENTER: &str = r#"
root=$1 script=$2 network=$3
shift 3
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/mnt"
while [ $# -gt 0 ]; do
    mkdir -p "$root/mnt/$2"
    mount --bind "$1" "$root/mnt/$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$root/mnt/$2"
    shift 3
done
if [ "$network" = network ] && [ -e /etc/resolv.conf ]; then
    rm -f "$root/etc/resolv.conf"
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
fi
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    chroot "$root" /bin/sh -euc "$script"
"#;

/// A build root, with folders of the host mounted below its `/mnt`.
pub struct Chroot<'a> {
    privilege: &'a Privilege,
    root: PathBuf,
    busy: &'a Path,
    mounts: Vec<(PathBuf, String, &'static str)>,
    network: bool,
}

impl<'a> Chroot<'a> {
    /// `busy` is a lock file. Commands in the root hold its lock while they run.
    pub fn new(privilege: &'a Privilege, root: PathBuf, busy: &'a Path) -> Self {
        Self {
            privilege,
            root,
            busy,
            mounts: Vec::new(),
            network: false,
        }
    }

    /// Mounts `host` read-only as `/mnt/NAME`.
    pub fn read_only(mut self, host: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        self.mounts.push((host.into(), name.into(), "ro"));
        self
    }

    /// Mounts `host` writable as `/mnt/NAME`.
    pub fn writable(mut self, host: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        self.mounts.push((host.into(), name.into(), "rw"));
        self
    }

    /// Lets commands in the root resolve host names, as the host does.
    pub fn with_network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Runs a shell script in the root.
    pub fn sh(&self, script: &str, log: &Log, activity: Option<&Activity>) -> Result<()> {
        let mut command = self.privilege.contained(self.busy)?;
        command
            .args(["sh", "-euc", ENTER, "sh"])
            .arg(&self.root)
            .arg(script)
            .arg(if self.network { "network" } else { "-" });
        for (host, name, mode) in &self.mounts {
            command.arg(host).args([&**name, *mode]);
        }
        run::logged(&mut command, log, activity).context("in the build root")
    }
}

/// Quotes a word for the shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quoted_words_stay_one_word() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $(x)"), r"'it'\''s $(x)'");
    }
}
