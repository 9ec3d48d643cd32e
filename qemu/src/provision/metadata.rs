// SPDX-License-Identifier: GPL-2.0

//! Makes the Rust metadata that Debian's headers package lacks.

use std::path::Path;

use anyhow::{bail, Context, Result};

use super::choose::Choice;
use super::chroot::{quote, Chroot};
use super::{symbols, Fetched, Provision};
use crate::cache::{Built, Owner, Stage};
use crate::kernels::Trouble;
use crate::run::Log;

/// The compilers that built a kernel.
#[derive(Clone, Debug)]
pub struct Compilers {
    /// The command of the C compiler.
    pub cc: String,
    /// `CONFIG_CC_VERSION_TEXT`.
    pub cc_text: String,
    /// `CONFIG_RUSTC_VERSION_TEXT`.
    pub rustc_text: String,
    /// `CONFIG_BINDGEN_VERSION_TEXT`.
    pub bindgen_text: String,
}

impl Compilers {
    /// The compilers in the stock kernel's configuration.
    pub fn of_stock(packages: &Path, choice: &Choice) -> Result<Self> {
        Self::of_config(&headers(packages, choice).join(".config"))
    }

    /// The compilers in a kernel's configuration.
    pub fn of_config(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let value = |key: &str| -> Result<String> {
            text.lines()
                .find_map(|l| l.strip_prefix(key)?.strip_prefix("=\"")?.strip_suffix('"'))
                .map(str::to_owned)
                .with_context(|| format!("{} has no {key}; is it one with Rust?", path.display()))
        };
        let cc_text = value("CONFIG_CC_VERSION_TEXT")?;
        // gcc's text begins with the command. clang's text may begin with the distribution.
        let mut words = cc_text.split_whitespace();
        let cc = words.clone().find(|w| *w == "clang").or(words.next());
        Ok(Self {
            cc: cc.unwrap_or_default().to_owned(),
            cc_text,
            rustc_text: value("CONFIG_RUSTC_VERSION_TEXT")?,
            bindgen_text: value("CONFIG_BINDGEN_VERSION_TEXT").unwrap_or_default(),
        })
    }
}

/// The folder of the unpacked headers package.
pub fn headers(packages: &Path, choice: &Choice) -> std::path::PathBuf {
    packages.join(format!("usr/src/linux-headers-{}", choice.abi))
}

/// Makes the object folder, which builds of modules need.
pub fn ensure(provision: &Provision, fetched: &Fetched) -> Result<Built> {
    let Fetched {
        choice,
        compilers,
        root,
        packages,
        source,
        ..
    } = fetched;
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&provision.kernel.name),
        name: "object",
        about: "Rust metadata (modules_prepare)",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("root", root.id().to_owned()),
            ("packages", packages.id().to_owned()),
            ("source", source.id().to_owned()),
        ],
    };
    let made = stage.ensure(provision.ui, provision.privilege, |work| {
        let stock = headers(&packages.tree(), choice);
        let chroot = Chroot::new(provision.privilege, root.tree(), &work.busy)
            .read_only(source.tree(), "source")
            .read_only(&stock, "stock")
            .writable(&work.tree, "object");
        let jobs = std::thread::available_parallelism().map_or(1, |n| n.get());
        let script = prepare_script(&choice.abi, compilers, jobs);
        chroot.sh(&script, &work.log, Some(work.activity))?;
        compare_compilers(&work.log, compilers)?;
        compare_release(&work.tree, &choice.abi)?;
        let counted = symbols::check(&stock, &work.tree)?;
        Ok(counted.to_string())
    });
    made.context(Trouble::Build)
}

/// Compares the compilers first, as a wrong one fails late and with an obscure error.
fn prepare_script(abi: &str, compilers: &Compilers, jobs: usize) -> String {
    let (abi, cc) = (quote(abi), quote(&compilers.cc));
    let rustc = quote(&compilers.rustc_text);
    format!(
        "abi={abi} cc={cc}\n\
         rustc=$(rustc --version)\n\
         if [ \"$rustc\" != {rustc} ]; then\n\
             echo \"the kernel was built with \"{rustc}\", the release has $rustc\"\n\
             exit 1\n\
         fi\n\
         command -v \"$cc\" >/dev/null || {{ echo \"the release has no compiler $cc\"; exit 1; }}\n\
         echo \"cc: $(\"$cc\" --version | head -n 1)\"\n\
         version=$(make -s -C /mnt/source kernelversion)\n\
         case $abi in\n\
             \"$version\"*) ;;\n\
             *) echo \"the source is of $version, the kernel is $abi\"; exit 1 ;;\n\
         esac\n\
         cp /mnt/stock/.config /mnt/object/.config\n\
         make -C /mnt/source O=/mnt/object CC=\"$cc\" LOCALVERSION=\"${{abi#\"$version\"}}\" \
             -j{jobs} olddefconfig modules_prepare\n\
         cp /mnt/stock/Module.symvers /mnt/object/Module.symvers\n\
         chmod -R a+rX /mnt/object\n"
    )
}

/// Notes a different version of the C compiler, but does not refuse it: it may well work.
fn compare_compilers(log: &Log, compilers: &Compilers) -> Result<()> {
    let text = log.text();
    let found = text
        .lines()
        .find_map(|l| l.strip_prefix("cc: "))
        .context("the C compiler did not say its version")?;
    if found != compilers.cc_text {
        eprintln!(
            "note: the kernel was built with {}, the release has {found}",
            compilers.cc_text
        );
    }
    Ok(())
}

fn compare_release(object: &Path, abi: &str) -> Result<()> {
    let path = object.join("include/generated/utsrelease.h");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let made = text
        .lines()
        .find_map(|l| l.strip_prefix("#define UTS_RELEASE "))
        .map(|v| v.trim().trim_matches('"'))
        .unwrap_or_default();
    if made != abi {
        bail!(
            "the prepared source calls itself {made:?}, the stock kernel is {abi:?}: \
             modules built with it would not load"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_release_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let generated = dir.path().join("include/generated");
        std::fs::create_dir_all(&generated).expect("a folder");
        std::fs::write(
            generated.join("utsrelease.h"),
            "#define UTS_RELEASE \"7.2.12\"\n",
        )
        .expect("a file");
        assert!(compare_release(dir.path(), "7.2.12").is_ok());
        let error = compare_release(dir.path(), "7.2.12+deb13-amd64").expect_err("they differ");
        assert!(error.to_string().contains("would not load"));
    }
}
