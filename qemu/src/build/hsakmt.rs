// SPDX-License-Identifier: GPL-2.0

//! The program that asks libhsakmt, and all that it needs to run in a guest
//! which has no libraries of its own.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::guest::program;
use super::sync::{Endings, Sources};
use super::{Builder, GuestFile};
use crate::provision::{quote, Chroot};
use crate::run::Log;

const SOURCES: Sources = Sources {
    paths: &["selftests/hsakmt"],
    endings: Endings::Of(&["c", "h"]),
    made: &[],
    prefix: "selftests/hsakmt",
};

/// Where the guest looks for it, and for the reason why there is none.
const IN_GUEST: &str = "hsakmt";

impl Builder<'_> {
    /// The program, its libraries and their loader; or, where the kernel's
    /// release has no libhsakmt, a word about that.
    pub fn hsakmt_files(&self) -> Result<Vec<Arc<GuestFile>>> {
        let Some(package) = &self.ready.hsakmt else {
            let why = format!("the release of {} has no libhsakmt\n", self.kernel);
            return Ok(vec![Arc::new(GuestFile {
                path: format!("{IN_GUEST}/none"),
                data: why.into_bytes(),
                is_program: false,
            })]);
        };
        let folder = self.folder().join("hsakmt");
        let made_with = self.folder().join("hsakmt.made-with");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let changed = SOURCES.sync(self.repo, &folder)?;
        let id = self.ready.object_id();
        if changed || !fs::read_to_string(&made_with).is_ok_and(|with| with == id) {
            // Gone until all is made: a killed run is begun anew.
            fs::write(&made_with, "")?;
            self.make_hsakmt(package)?;
            fs::write(&made_with, id)?;
        }
        let list = fs::read_to_string(folder.join("list"))?;
        let files = list
            .lines()
            .map(|path| program(path, &folder.join("guest").join(path)));
        files.collect()
    }

    fn make_hsakmt(&self, package: &str) -> Result<()> {
        let activity = self.ui.begin("build: hsakmt");
        let log = Log::create(self.log_path("hsakmt"))?;
        // The libraries go where the loader looks without a configuration.
        let script = format!(
            "cd /mnt/hsakmt\n\
             {cc} -std=gnu11 -O2 -Wall -Wextra -Werror -o topology *.c -lhsakmt\n\
             rm -rf guest\n\
             install -D topology guest/{IN_GUEST}/topology\n\
             for library in $(ldd topology | grep -o '/[^ ]*'); do\n\
                 install -D \"$library\" \"guest$library\"\n\
             done\n\
             dpkg-query -W -f '${{Version}}\\n' {package} >guest/{IN_GUEST}/version\n\
             find guest -type f -printf '%P\\n' | sort >list\n\
             chmod -R a+rX .\n",
            cc = quote(&self.ready.compilers.cc),
            package = quote(package),
        );
        let folder = self.folder().join("hsakmt");
        Chroot::new(self.privilege, self.ready.root(), &self.busy)
            .writable(folder, "hsakmt")
            .sh(&script, &log, Some(&activity))
            .context("building the program that asks libhsakmt")?;
        activity.done("");
        Ok(())
    }
}
