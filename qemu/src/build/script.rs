// SPDX-License-Identifier: GPL-2.0

//! Runs a project's scripts in the build root. Some make files for guests, and some are checks.
//!
//! A script finds these folders below `/mnt`: the kernel's `source`; its build folder, `object`;
//! Debian's headers of a stock kernel, `stock`; the script's own folder, `from`; and each part that
//! it names, `built/NAME`. A check also finds the kernel's unpacked packages, `packages`. The
//! variable `cc` is the kernel's C compiler, and `abi` is the kernel's `uname -r`. Only the files
//! in `/mnt/made` are kept.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};

use super::builder::{parts_folder, Builder};
use super::done::Done;
use super::guest::tree;
use super::GuestFile;
use crate::kernels::Trouble;
use crate::parts::{CheckPart, ScriptPart};
use crate::provision::{quote, Chroot};
use crate::run::Log;

impl Builder<'_> {
    /// Runs a script. Returns the files that it makes for guests.
    pub(super) fn run_script(
        &self,
        name: &str,
        script: &ScriptPart,
    ) -> Result<Vec<Arc<GuestFile>>> {
        let home = self.folder().join("scripts");
        let folder = home.join(name);
        let mut made_from = vec![
            self.ready.object_id().to_owned(),
            format!("{script:?}"),
            script.sources.digest()?,
        ];
        for build in script
            .builds
            .iter()
            .filter_map(|part| self.parts.builds.get(part))
        {
            made_from.push(format!("{build:?} {}", build.sources.digest()?));
        }
        let done = Done::new(home.join(format!("{name}.done")));
        let of_guest = folder.join("guest");
        if !done.is(&made_from, std::slice::from_ref(&of_guest)) {
            done.forget()?;
            self.provision.privilege.remove_tree(&folder)?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let run = self.in_root(&script.sources.folder, &script.builds);
            let run = run.writable(&folder, "made");
            let lines = format!(
                "{}chmod -R a+rX /mnt/made\n",
                self.call(Path::new(&script.script))
            );
            self.run_logged(run, &lines, name).context(Trouble::Build)?;
            ensure!(
                of_guest.is_dir(),
                "{} has put nothing into /mnt/made/guest",
                script.script
            );
            done.write(&made_from, std::slice::from_ref(&of_guest))?;
        }
        tree(&of_guest)
    }

    /// Runs a check. Returns the last line that it prints.
    pub fn check(&self, name: &str, check: &CheckPart) -> Result<String> {
        let run = self.in_root(&check.folder, &check.builds);
        let run = run.read_only(self.ready.packages(), "packages");
        let said = self.run_logged(run, &self.call(&check.script), name)?;
        Ok(said.lines().last().unwrap_or_default().to_owned())
    }

    fn in_root(&self, from: &Path, builds: &[String]) -> Chroot<'_> {
        let mut chroot = Chroot::new(self.provision.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.source(), "source")
            .read_only(self.ready.object(), "object")
            .read_only(from, "from");
        for name in builds {
            chroot = chroot.read_only(
                self.folder().join(parts_folder(name)),
                format!("built/{name}"),
            );
        }
        if let Some(stock) = &self.ready.stock_headers {
            chroot = chroot.read_only(stock, "stock");
        }
        chroot
    }

    fn call(&self, script: &Path) -> String {
        format!(
            "export cc={} abi={}\nsh {}\n",
            quote(&self.ready.compilers.cc),
            quote(&self.ready.choice.abi),
            quote(&Path::new("/mnt/from").join(script).to_string_lossy()),
        )
    }

    fn run_logged(&self, chroot: Chroot<'_>, lines: &str, name: &str) -> Result<String> {
        let log = Log::create(self.log_path(name))?;
        let activity = self.provision.ui.begin(format!("build: {name}"));
        let result = chroot.sh(lines, &log, Some(&activity));
        activity.done("");
        result.with_context(|| format!("running the script of {name}"))?;
        Ok(log.text())
    }
}
