// SPDX-License-Identifier: GPL-2.0

//! Does the fixture lay out amdgpu's structures as the stock amdgpu.ko does?
//! It hands them over, so on any difference nothing it shows can be trusted.

use anyhow::{bail, Result};

use super::module::STOCK_FIXTURE;
use super::Builder;
use crate::provision::{quote, Chroot};
use crate::run::Log;

impl Builder<'_> {
    /// Compares the layouts with the fixture's own script; gives a summary.
    pub fn check_layout(&self) -> Result<String> {
        let log = Log::create(self.log_path("layout"))?;
        let activity = self.ui.begin("layout of amdgpu's structures");
        let script = format!(
            "modules=/mnt/packages/usr/lib/modules/{}\n\
             file=$(find $modules/kernel -name 'amdgpu.ko*')\n\
             case $file in\n\
                 *.xz) xz -dc $file ;;\n\
                 *.zst) zstd -dcq $file ;;\n\
                 *.gz) gzip -dc $file ;;\n\
                 *) cat $file ;;\n\
             esac >/tmp/amdgpu.ko\n\
             cd /mnt/fixture\n\
             sh ./check-layout.sh $modules/vmlinuz /tmp/amdgpu.ko navi10_stock.ko\n",
            quote(&self.ready.choice.abi)
        );
        let folder = self.folder().join(STOCK_FIXTURE.name);
        let result = Chroot::new(self.privilege, self.ready.root(), &self.busy)
            .read_only(self.ready.packages(), "packages")
            .read_only(folder, "fixture")
            .sh(&script, &log, Some(&activity));
        activity.done("");
        result?;
        let text = log.text();
        let same = text.lines().filter(|l| l.starts_with("struct ")).count();
        if same == 0 {
            bail!("the fixture's check-layout.sh compared nothing");
        }
        Ok(format!("{same} structures the same"))
    }
}
