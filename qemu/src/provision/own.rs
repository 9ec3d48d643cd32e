// SPDX-License-Identifier: GPL-2.0

//! Builds a kernel with a configuration of the project or of modproof.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{bail, Context, Result};

use super::chroot::{quote, Chroot};
use super::metadata::Compilers;
use super::Provision;
use crate::cache::{Built, Owner, Stage};
use crate::kernels::{Source, Trouble};

/// The path of the image in the object folder.
pub const IMAGE: &str = "arch/x86/boot/bzImage";
const WANTED: &str = "wanted.config";

/// Builds the kernel. Keeps the files that builds of modules need.
pub fn ensure(provision: &Provision, source: &Source, root: &Built, tree: &Built) -> Result<Built> {
    let name = &provision.kernel.name;
    let wanted = &source.options;
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(name),
        name: "object",
        about: "kernel with our configuration (this takes many minutes)",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("root", root.id().to_owned()),
            ("source", tree.id().to_owned()),
            ("config", wanted.clone()),
            ("make", source.make.clone()),
        ],
    };
    let built = stage.ensure(provision.ui, provision.privilege, |work| {
        let chroot = Chroot::new(provision.privilege, root.tree(), &work.busy)
            .read_only(tree.tree(), "source")
            .writable(&work.tree, "object");
        std::fs::write(work.tree.join(WANTED), wanted)?;
        let make = format!(
            "make -C /mnt/source O=/mnt/object {} LOCALVERSION={}",
            source.make,
            quote(&format!("-{name}"))
        );
        chroot.sh(
            &format!("{make} KCONFIG_ALLCONFIG=/mnt/object/{WANTED} allnoconfig\n"),
            &work.log,
            Some(work.activity),
        )?;
        let config = std::fs::read_to_string(work.tree.join(".config"))?;
        compare(wanted, &config)?;
        let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
        chroot.sh(&build_script(&make, jobs), &work.log, Some(work.activity))?;
        let (abi, _) = release_and_compilers(&work.tree)?;
        Ok(abi)
    });
    built.context(Trouble::Build)
}

/// Deletes all files except those that a headers package has, and the signing key.
fn build_script(make: &str, jobs: usize) -> String {
    format!(
        "{make} -j{jobs} bzImage modules_prepare\n\
         cd /mnt/object\n\
         cp vmlinux.symvers Module.symvers\n\
         find . -path ./scripts -prune -o -path ./tools -prune -o -path ./rust -prune -o \
             \\( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name vmlinux.unstripped \\) \
             -type f -exec rm {{}} +\n\
         rm -f arch/x86/boot/compressed/vmlinux*\n\
         chmod -R a+rX .\n"
    )
}

/// The beginning of the line before an option that some kernels lack.
const MAY_BE_MISSING: &str = "#?";

/// Fails if an option differs from the wanted one. kconfig drops options silently, and a missing
/// sanitizer finds nothing.
fn compare(wanted: &str, config: &str) -> Result<()> {
    let got = options(config);
    let demanded = wanted
        .lines()
        .scan(false, |may_be_missing, line| {
            let demanded = !*may_be_missing;
            *may_be_missing = line.starts_with(MAY_BE_MISSING);
            Some(demanded.then_some(line))
        })
        .flatten()
        .collect::<Vec<_>>()
        .join("\n");
    let different: Vec<_> = options(&demanded)
        .into_iter()
        .map(|(key, value)| (key, value, got.get(key).copied().unwrap_or("n")))
        .filter(|(_, value, got)| value != got)
        .map(|(key, value, got)| format!("{key}={value} came out as {got}"))
        .collect();
    if !different.is_empty() {
        bail!(
            "this source cannot be configured as wanted (what an option depends on may have \
             changed):\n{}",
            different.join("\n")
        );
    }
    Ok(())
}

fn options(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('='))
        .collect()
}

/// The kernel's `uname -r`, and its compilers.
pub fn release_and_compilers(object: &Path) -> Result<(String, Compilers)> {
    let path = object.join("include/config/kernel.release");
    let release = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let compilers = Compilers::of_config(&object.join(".config"))?;
    Ok((release.trim().to_owned(), compilers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "# Sanitizers\nCONFIG_KASAN=y\nCONFIG_LSM=\"lockdown\"\nCONFIG_KUNIT=n\n";

    #[test]
    fn what_came_out_as_wanted_will_do() {
        let config = "CONFIG_64BIT=y\nCONFIG_KASAN=y\n# CONFIG_KUNIT is not set\n\
                      CONFIG_LSM=\"lockdown\"\n";
        assert!(compare(WANTED, config).is_ok());
    }

    #[test]
    fn a_sanitizer_that_was_left_out_is_named() {
        let config = "# CONFIG_KASAN is not set\nCONFIG_KUNIT=y\nCONFIG_LSM=\"lockdown\"\n";
        let error = compare(WANTED, config).unwrap_err().to_string();
        assert!(error.contains("\nCONFIG_KASAN=y came out as n"), "{error}");
        assert!(error.contains("\nCONFIG_KUNIT=n came out as y"), "{error}");
        assert!(!error.contains("LSM"), "{error}");
    }

    #[test]
    fn one_that_not_all_kernels_have_may_be_missing() {
        let wanted = "CONFIG_SYSCTL=y\n#? Once.\nCONFIG_PROC_SYSCTL=y\nCONFIG_KASAN=y\n";
        assert!(compare(wanted, "CONFIG_SYSCTL=y\nCONFIG_KASAN=y\n").is_ok());
        let error = compare(wanted, "CONFIG_SYSCTL=y\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("KASAN") && !error.contains("PROC"),
            "{error}"
        );
    }
}
