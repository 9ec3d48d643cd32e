// SPDX-License-Identifier: GPL-2.0

//! Fetches a kernel's packages and unpacks its source.

use anyhow::{Context, Result};

use super::choose::Choice;
use super::chroot::{quote, Chroot};
use super::resolve::APT_OPTIONS;
use super::{root, Provision};
use crate::cache::{Built, Owner, Stage};

/// Downloads the packages and unpacks them, without installing any.
pub fn ensure(
    provision: &Provision,
    root: &Built,
    resolved: &Built,
    choice: &Choice,
) -> Result<Built> {
    let wanted: Vec<_> = choice
        .packages
        .iter()
        .map(|p| format!("{}={}", p.name, choice.version))
        .collect();
    // Compare checksums, so that `--update` repeats nothing if the suite has no new kernel.
    let checksums: Vec<_> = choice.packages.iter().map(|p| p.sha256.as_str()).collect();
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&provision.kernel.name),
        name: "packages",
        about: "stock kernel packages",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("packages", wanted.join(" ")),
            ("checksums", checksums.join(" ")),
        ],
    };
    stage.ensure(provision.ui, provision.privilege, |work| {
        let quoted: Vec<_> = wanted.iter().map(|w| quote(w)).collect();
        // depmod reads lib/modules, but the packages have usr/lib/modules. An unsigned image has
        // another name.
        let script = format!(
            "mkdir /mnt/packages/debs\n\
             cd /mnt/packages/debs\n\
             apt-get {APT_OPTIONS} download {}\n\
             for deb in *.deb; do dpkg-deb -x \"$deb\" /mnt/packages; rm \"$deb\"; done\n\
             cd ..\n\
             rmdir debs\n\
             [ -e lib ] || ln -s usr/lib lib\n\
             abi={}\n\
             cd lib/modules/$abi\n\
             [ -e vmlinuz ] || [ ! -e vmlinuz.unsigned ] || ln -s vmlinuz.unsigned vmlinuz\n\
             depmod -b /mnt/packages $abi\n\
             chmod -R a+rX /mnt/packages\n",
            quoted.join(" "),
            quote(&choice.abi)
        );
        Chroot::new(provision.privilege, root.tree(), &work.busy)
            .read_only(resolved.tree(), "lists")
            .writable(&work.tree, "packages")
            .with_network()
            .sh(&script, &work.log, Some(work.activity))
            .or_else(|error| root::explain(&work.log.text(), error))?;
        let image = work
            .tree
            .join(format!("usr/lib/modules/{}/vmlinuz", choice.abi));
        std::fs::metadata(&image)
            .with_context(|| format!("the packages hold no kernel image {}", image.display()))?;
        Ok(format!("{} packages", wanted.len()))
    })
}

/// Unpacks the source.
pub fn ensure_source(provision: &Provision, root: &Built, packages: &Built) -> Result<Built> {
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&provision.kernel.name),
        name: "source",
        about: "kernel source",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("packages", packages.id().to_owned()),
        ],
    };
    stage.ensure(provision.ui, provision.privilege, |work| {
        Chroot::new(provision.privilege, root.tree(), &work.busy)
            .read_only(packages.tree(), "packages")
            .writable(&work.tree, "source")
            .sh(
                "tar -C /mnt/source --strip-components=1 --no-same-owner \
                 -xf /mnt/packages/usr/src/linux-source-*.tar.xz\n",
                &work.log,
                Some(work.activity),
            )?;
        Ok("unpacked".to_owned())
    })
}
