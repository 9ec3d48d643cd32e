// SPDX-License-Identifier: GPL-2.0

//! The cold boot of a guest, and what is left to boot it again by hand.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::accel::Accelerator;
use crate::build;
use crate::provision::quote;
use crate::qemu::{Ending, Guest, Limits, Port};
use crate::suites::Suite;

const INITRAMFS: &str = "initramfs.cpio";
/// The kernel, beside it: that in the cache may be replaced.
const IMAGE: &str = "vmlinuz";
/// The script that boots it again.
pub const SCRIPT: &str = "again.sh";

/// A cold boot, with all it needs in its folder.
pub struct Again<'a> {
    /// The kernel.
    pub image: &'a Path,
    /// What the guest is given.
    pub guest: &'a build::Guest,
    /// For which suite.
    pub suite: &'a Suite,
    /// What runs it.
    pub accelerator: &'a Accelerator,
    /// The kernel's command line, but for the console.
    pub command_line: String,
    /// Where it is run.
    pub folder: &'a Path,
    /// What ends it if it hangs.
    pub limits: Limits,
}

impl Again<'_> {
    /// What the guest is booted with.
    pub fn initramfs(&self) -> PathBuf {
        self.folder.join(INITRAMFS)
    }

    /// Writes it.
    pub fn write_initramfs(&self) -> Result<()> {
        self.guest.write_initramfs(&self.initramfs(), self.suite)
    }

    /// Boots it, the initramfs being written.
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

    /// Leaves a script that boots the same guest with the console on the
    /// terminal; or nothing of that.
    pub fn keep_if(&self, wanted: bool) -> Result<()> {
        let script = self.folder.join(SCRIPT);
        let image = self.folder.join(IMAGE);
        remove_file(&image)?;
        if !wanted {
            remove_file(&self.initramfs())?;
            return remove_file(&script);
        }
        // A guest that was restored had none.
        if !self.initramfs().exists() {
            self.write_initramfs()?;
        }
        // A link to what the image's own path may be a link to; or a copy, if
        // the folder is elsewhere, or the image somebody else's.
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

/// Quoted only where the shell would take it for something else.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// Removes a file, if there is one.
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
        let again = Again {
            image: &image,
            guest: &build::Guest::empty(),
            suite: &suite,
            accelerator: &Accelerator::emulation(),
            command_line: String::new(),
            folder: runs.path(),
            limits: Limits::new(limit, limit),
        };
        // A second time, it is there already.
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
