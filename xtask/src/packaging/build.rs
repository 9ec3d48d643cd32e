// SPDX-License-Identifier: GPL-2.0

//! Builds the Debian packages and the portable archive from the last commit, in a root folder of
//! the Debian release.

use std::process::Command;

use anyhow::{Context as _, Result};

use modproof::cache::{Built, Owner, Stage};
use modproof::provision::{root, Chroot, Provision};
use modproof::run;
use modproof::Context;

use crate::repo;

/// The folder of the packages in the stage's tree.
pub const DEBS: &str = "debs";
/// The folder of the same packages with a higher version, for the test of an upgrade.
pub const HIGHER: &str = "higher";

/// The folder of the archive of rdna1ctl and its manual, for systems without a package.
pub const PORTABLE: &str = "portable";

/// The script that builds and lints. A warning of lintian or of another distribution's linter
/// fails. It repacks rdna1ctl for the higher version, as a build takes minutes.
const MAKE: &str = r#"
cd /mnt/made/source/rdna1-kfd-guard-*/
export SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
version=$(scripts/stage.sh version)
packaging/lint.sh
export DEB_BUILD_OPTIONS='nocheck noautodbgsym'
dpkg-buildpackage -us -uc
lintian --allow-root --fail-on error,warning --info --tag-display-limit 0 ../*.changes
mkdir /mnt/made/debs /mnt/made/higher
mv ../*.deb /mnt/made/debs
scripts/set-version.sh "$version.1"
dpkg-buildpackage -us -uc -A
mv ../*.deb /mnt/made/higher
unpacked=$(mktemp -d)
dpkg-deb -R /mnt/made/debs/rdna1ctl_*.deb "$unpacked"
sed -i "s/^Version: .*/Version: $version.1-1/" "$unpacked/DEBIAN/control"
dpkg-deb --root-owner-group -b "$unpacked" /mnt/made/higher
portable=rdna1ctl-$version-x86_64-linux
mkdir /mnt/made/portable
dpkg-deb --fsys-tarfile /mnt/made/debs/rdna1ctl_*.deb | tar -x -C "$unpacked" ./usr
tar -C "$unpacked/usr" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --transform "s,^,$portable/," -czf "/mnt/made/portable/$portable.tar.gz" bin share
cd /mnt/made
rm -r source/rdna1-kfd-guard-*/
chmod -R a+rX .
"#;

/// The files and folders of the repository that no package is built from.
const NOT_PACKAGED: [&str; 6] = [".ci", "fuzz", "qemu", "selftests", "tests", "xtask"];

/// The lines of `git ls-tree` (with hashes) for all that packages are built from.
fn packaged(tree: &str) -> String {
    let lines = tree.lines().filter(|line| {
        let (_, name) = line.split_once('\t').unwrap_or_default();
        !NOT_PACKAGED.contains(&name)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Builds the packages, unless the cache has those of the same sources.
pub fn ensure(context: &Context, provision: &Provision) -> Result<Built> {
    let repo = repo(context)?;
    let description = provision.kernels.root_of(provision.kernel)?;
    let packaging = context.project.parts.tools.get("packaging");
    let packaging = packaging.context("selftests/modproof.toml has no part.tools.packaging")?;
    let about = "root that packages are made in";
    let made_in = root::ensure_other(provision, "packaging", about, &packaging.packages)?;
    let git = |words: &[&str]| {
        run::output(Command::new("git").arg("-C").arg(repo).args(words))
            .context("packages are made from a commit")
    };
    if !git(&["status", "--porcelain"])?.is_empty() {
        let note =
            "note: packages are made from the last commit; what is not committed is left out";
        context.ui.say(note);
    }
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Root(&description.name),
        name: "debs",
        about: "packages",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("root", made_in.id().to_owned()),
            ("sources", packaged(&git(&["ls-tree", "HEAD"])?)),
            ("script", MAKE.to_owned()),
        ],
    };
    stage.ensure(provision.ui, provision.privilege, |work| {
        let mut source = context.cargo.script("packaging/source.sh");
        source.arg(work.tree.join("source"));
        run::logged(&mut source, &work.log, Some(work.activity))?;
        Chroot::new(provision.privilege, made_in.tree(), &work.busy)
            .writable(&work.tree, "made")
            .sh(MAKE, &work.log, Some(work.activity))?;
        Ok("made; lintian has no error and no warning".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::packaged;

    #[test]
    fn unpackaged_files_trigger_no_rebuild() {
        let tree = "100644 blob aa\tdkms.conf\n040000 tree bb\tqemu\n040000 tree cc\tsrc";
        let other = tree.replace("bb", "dd");
        assert_eq!(packaged(tree), packaged(&other));
        assert_ne!(packaged(tree), packaged(&tree.replace("cc", "dd")));
    }
}
