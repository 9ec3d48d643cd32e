// SPDX-License-Identifier: GPL-2.0

//! Boots a guest cold, and keeps the files and the script to boot it again by hand.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::accel::Accelerator;
use crate::build;
use crate::provision::quote;
use crate::qemu::{Ending, Guest, Limits, Port};
use crate::suites::Suite;

const INITRAMFS: &str = "initramfs.cpio";
/// The name of the copy of the kernel, since the cache may replace its own.
const IMAGE: &str = "vmlinuz";
/// The name of the script that boots the guest again.
pub const SCRIPT: &str = "again.sh";

/// A cold boot whose files are all in one folder.
pub struct ColdBoot<'a> {
    /// The kernel image.
    pub image: &'a Path,
    /// The files for the guest.
    pub guest: &'a build::Guest,
    /// The suite that the guest runs.
    pub suite: &'a Suite,
    /// The accelerator that runs the guest.
    pub accelerator: &'a Accelerator,
    /// The kernel's command line, except for the console.
    pub command_line: String,
    /// The folder for the files of this boot.
    pub folder: &'a Path,
    /// The limits that end a guest that hangs.
    pub limits: Limits,
}

impl ColdBoot<'_> {
    /// The path of the guest's initramfs.
    pub fn initramfs(&self) -> PathBuf {
        self.folder.join(INITRAMFS)
    }

    /// Writes the guest's initramfs.
    pub fn write_initramfs(&self) -> Result<()> {
        self.guest.write_initramfs(&self.initramfs(), self.suite)
    }

    /// Boots the guest. Call [`Self::write_initramfs`] first.
    pub fn run(&self, said: impl FnMut(Port, &[u8])) -> Result<Ending> {
        self.guest(self.image, &self.initramfs()).run(said)
    }

    fn guest<'g>(&'g self, image: &'g Path, initramfs: &'g Path) -> Guest<'g> {
        Guest {
            image,
            initramfs: Some(initramfs),
            machine: self.suite.machine.clone(),
            command_line: self.command_line.clone(),
            accelerator: self.accelerator.arguments_on(&self.suite.machine),
            limits: self.limits,
        }
    }

    /// If `wanted`, keeps a script that boots the same guest with its console on the terminal.
    /// Otherwise removes the script and its files.
    pub fn keep_if(&self, wanted: bool) -> Result<()> {
        let script = self.folder.join(SCRIPT);
        let image = self.folder.join(IMAGE);
        remove_file(&image)?;
        if !wanted {
            remove_file(&self.initramfs())?;
            return remove_file(&script);
        }
        // A guest that was restored from a snapshot has no initramfs yet.
        if !self.initramfs().exists() {
            self.write_initramfs()?;
        }
        // Links to the real image, as `self.image` may itself be a symlink. Copies the image if the
        // folder is on another file system, or if another user owns the image.
        std::fs::canonicalize(self.image)
            .and_then(|from| {
                std::fs::hard_link(&from, &image)
                    .or_else(|_| std::fs::copy(&from, &image).map(drop))
            })
            .with_context(|| format!("cannot keep {}", self.image.display()))?;
        let words = self.guest(Path::new(IMAGE), Path::new(INITRAMFS)).by_hand();
        let words: Vec<_> = words.iter().map(|w| word(&w.to_string_lossy())).collect();
        let text = format!(
            "#!/bin/sh\n\
             # Boots the guest again, from power-on. Ctrl-A X ends QEMU.\n\
             cd \"$(dirname \"$0\")\" || exit\n\
             exec {}\n",
            words.join(" ")
        );
        std::fs::write(&script, text)
            .and_then(|()| {
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))
            })
            .with_context(|| format!("cannot write {}", script.display()))
    }
}

/// Quotes a word only if the shell would otherwise split or expand it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// Removes a file, if it exists.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_folder_has_all_that_the_script_needs() {
        let cache = tempfile::tempdir().expect("a folder");
        let runs = tempfile::tempdir().expect("a folder");
        let image = cache.path().join("image");
        std::fs::write(&image, "a kernel").expect("an image");
        let suite = "name='s'\nabout='b'\nlimit_seconds=60\nsilence_seconds=60";
        let suite: Suite = toml::from_str(suite).expect("a suite");
        let limit = Duration::from_secs(60);
        let again = ColdBoot {
            image: &image,
            guest: &build::Guest::empty(),
            suite: &suite,
            accelerator: &Accelerator::emulation(),
            command_line: String::new(),
            folder: runs.path(),
            limits: Limits::new(limit, limit),
        };
        // The second call finds the files of the first.
        for _ in 0..2 {
            again.keep_if(true).expect("kept");
        }
        drop(cache);
        let read = |name| std::fs::read_to_string(runs.path().join(name)).expect("a file");
        let script = read(SCRIPT);
        assert_eq!(read(IMAGE), "a kernel");
        assert!(runs.path().join(INITRAMFS).is_file());
        let words: Vec<_> = script.split_whitespace().collect();
        for (option, file) in [("-kernel", IMAGE), ("-initrd", INITRAMFS)] {
            assert!(
                words.windows(2).any(|two| two == [option, file]),
                "{script}"
            );
        }

        again.keep_if(false).expect("removed");
        let mut left = std::fs::read_dir(runs.path()).expect("the folder");
        assert!(left.next().is_none());
    }
}
