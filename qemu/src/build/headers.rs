// SPDX-License-Identifier: GPL-2.0

//! The module, built in headers laid out as another distribution does it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::done::Done;
use super::module::{self, GUARD};
use super::sync::{Endings, Sources};
use super::{read, Builder, Guest};
use crate::kernels::Trouble;
use crate::provision::Chroot;
use crate::run::Log;

/// The folder of scripts that lay headers out. Its `common.sh` describes how they are run.
const SCRIPTS: &str = "selftests/headers";

/// The files that the repository's Makefile needs to build the module, and the scripts.
const SOURCES: Sources = Sources {
    paths: &[
        "Makefile",
        "Kbuild",
        "dkms.conf",
        "scripts",
        "src",
        "rust-bindings",
        SCRIPTS,
    ],
    endings: Endings::Of(&["rs", "h", "bindgen", "sh", "txt"]),
    made: &["rust-bindings/kfd_uapi.rs"],
    prefix: "",
};

impl Builder<'_> {
    /// Gives the guest the module as built in headers that the script of that name lays out.
    pub fn build_in_headers(&self, name: &str, guest: &Guest) -> Result<Guest> {
        let _lock = self.begin()?;
        let product = GUARD.products.first().context("no product")?;
        let folder = self.folder().join("headers").join(name);
        let built = folder.join(product);
        let stripped = folder.join(format!("{product}.stripped"));
        let products = [built.clone(), stripped.clone()];
        let made_from = [
            self.ready.object_id().to_owned(),
            SOURCES.digest(self.repo)?,
        ];
        let done = Done::new(self.folder().join("headers").join(format!("{name}.done")));
        if !done.is(&made_from, &products) {
            done.forget()?;
            self.privilege.remove_tree(&folder)?;
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            self.run_in_headers(name, &folder)?;
            module::strip(&built, &stripped)?;
            done.write(&made_from, &products)?;
        }
        let mut guest = guest.clone();
        guest.replace_module(product, read(&stripped)?);
        Ok(guest)
    }

    fn run_in_headers(&self, name: &str, folder: &PathBuf) -> Result<()> {
        let activity = self.ui.begin(format!("build: headers as in {name}"));
        let log = Log::create(self.log_path(&format!("headers-{name}")))?;
        let mut chroot = Chroot::new(self.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.source(), "source")
            .read_only(self.ready.object(), "object")
            .read_only(self.folder().join(GUARD.name), "built")
            .read_only(self.repo, "repo")
            .writable(folder, "module");
        if let Some(stock) = &self.ready.stock_headers {
            chroot = chroot.read_only(stock, "stock");
        }
        let script = format!("sh /mnt/repo/{SCRIPTS}/{name}.sh\nchmod -R a+rX /mnt/module\n");
        let result = chroot.sh(&script, &log, Some(&activity));
        activity.done("");
        result
            .with_context(|| format!("building in the headers of {SCRIPTS}/{name}.sh"))
            .context(Trouble::Build)
    }
}
