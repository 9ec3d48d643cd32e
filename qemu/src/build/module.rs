// SPDX-License-Identifier: GPL-2.0

//! Builds kernel modules inside the build root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::builder::Builder;
use super::done::Done;
use crate::kernels::Trouble;
use crate::parts::ModulePart;
use crate::run::{self, Log};

/// A folder of kernel modules to build.
pub struct ModuleBuild<'a> {
    /// The folder of the build, below the kernel's build folder; also the name of its log.
    pub folder: &'a str,
    /// The part of the project that describes the modules.
    pub build: &'a ModulePart,
}

/// The folder of signed copies, inside the build folder. No source has a hidden name.
const SIGNED: &str = ".signed";

/// The signing key. Only a kernel that modproof built has one, beside the program that signs.
const KEY: &str = "certs/signing_key.pem";

/// The modules of a finished build.
pub struct BuiltModules {
    /// The modules as the kernel's build made them.
    pub whole: Vec<PathBuf>,
    /// Copies without debug information, which is nearly all of their size.
    pub stripped: Vec<PathBuf>,
    /// Signed copies with debug information, if the kernel's build left a key.
    pub signed: Vec<PathBuf>,
}

impl BuiltModules {
    fn all(&self) -> Vec<PathBuf> {
        [&self.whole[..], &self.stripped, &self.signed].concat()
    }
}

impl ModuleBuild<'_> {
    /// The commands that sign copies of the products, if the kernel's build left a key.
    fn sign_script(&self) -> String {
        let mut script = format!(
            "rm -rf /mnt/module/{SIGNED}\n\
             if [ -e /mnt/object/{KEY} ]; then\n\
                 cd /mnt/object\n\
                 mkdir /mnt/module/{SIGNED}\n\
                 hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH=\"\\(.*\\)\"/\\1/p' .config)\n"
        );
        for product in &self.build.products {
            script.push_str(&format!(
                "scripts/sign-file \"$hash\" {KEY} certs/signing_key.x509 \
                 /mnt/module/{product} /mnt/module/{SIGNED}/{product}\n"
            ));
        }
        script + "fi\n"
    }

    /// The signed copies that exist.
    fn signed(&self, builder: &Builder) -> Vec<PathBuf> {
        let folder = builder.folder().join(self.folder).join(SIGNED);
        let products = self
            .build
            .products
            .iter()
            .map(|product| folder.join(product));
        products.filter(|product| product.exists()).collect()
    }

    /// Brings the modules up to date.
    pub fn build(&self, builder: &Builder) -> Result<BuiltModules> {
        let folder = builder.folder().join(self.folder);
        let unfinished = builder.folder().join(format!("{}.unfinished", self.folder));
        let made_with = builder.folder().join(format!("{}.made-with", self.folder));
        // make trusts existing files. Remove files that a killed run may have left incomplete, and
        // files that were built with other metadata at the same path.
        let same =
            std::fs::read_to_string(&made_with).is_ok_and(|id| id == builder.ready.object_id());
        if unfinished.exists() || !same {
            builder.provision.privilege.remove_tree(&folder)?;
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let for_guest = builder.folder().join("guest").join(self.folder);
        std::fs::create_dir_all(&for_guest)?;
        self.build.sources.sync(&folder)?;

        let mut built = BuiltModules {
            whole: self.build.products.iter().map(|p| folder.join(p)).collect(),
            stripped: self
                .build
                .products
                .iter()
                .map(|p| for_guest.join(p))
                .collect(),
            signed: self.signed(builder),
        };
        let compile = format!(
            "make -C /mnt/object M=/mnt/module {} {} -j$(nproc) modules\n\
             {}chmod -R a+rX /mnt/module\n",
            builder.ready.make,
            self.build.make,
            self.sign_script(),
        );
        let made_from = [
            builder.ready.object_id().to_owned(),
            compile.clone(),
            self.build.sources.digest()?,
        ];
        let done = Done::new(builder.folder().join(format!("{}.done", self.folder)));
        if !unfinished.exists() && done.is(&made_from, &built.all()) {
            return Ok(built);
        }

        done.forget()?;
        builder.provision.privilege.obtain()?;
        let activity = builder
            .provision
            .ui
            .begin(format!("build: {}", self.folder));
        let log = Log::create(builder.log_path(self.folder))?;
        std::fs::write(&unfinished, "")?;
        std::fs::write(&made_with, builder.ready.object_id())?;
        let result = builder.chroot(&folder).sh(&compile, &log, Some(&activity));
        // make itself removes incomplete files when a build fails.
        std::fs::remove_file(&unfinished)?;
        result
            .with_context(|| format!("building {}", self.folder))
            .context(Trouble::Build)?;
        report_warnings(&log, self.folder);

        for (whole, stripped) in built.whole.iter().zip(&built.stripped) {
            let size = std::fs::metadata(whole)
                .with_context(|| missing_product_error(whole, &folder))?
                .len();
            log.note(&format!("{}: {size} bytes", whole.display()));
            strip(whole, stripped)?;
        }
        built.signed = self.signed(builder);
        done.write(&made_from, &built.all())?;
        activity.done("");
        Ok(built)
    }
}

/// Copies a module without debug information.
pub fn strip(whole: &Path, stripped: &Path) -> Result<()> {
    let mut strip = Command::new("objcopy");
    run::output(strip.arg("--strip-debug").arg(whole).arg(stripped))
        .context("objcopy is needed (Debian: binutils)")
        .map(drop)
}

/// The error for a build that succeeded without making a product.
fn missing_product_error(missing: &Path, folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut made: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".ko"))
        .collect();
    made.sort();
    let name = missing.file_name().unwrap_or_default().to_string_lossy();
    format!("the build made no {name}, but: {}", made.join(" "))
}

fn report_warnings(log: &Log, name: &str) {
    let text = log.text();
    let warnings = text
        .lines()
        .filter(|l| !l.starts_with('$') && l.to_ascii_lowercase().contains("warning:"))
        .count();
    if warnings > 0 {
        eprintln!("build: {name}: {warnings} compiler warnings, see the log");
    }
}
