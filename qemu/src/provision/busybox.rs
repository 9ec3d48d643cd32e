// SPDX-License-Identifier: GPL-2.0

//! Fetches busybox for the prompt of `modproof shell`. No test needs it.

use std::path::PathBuf;

use anyhow::Result;

use super::{root, Chroot, Provision, Ready};
use crate::cache::{Owner, Stage};

/// Downloads busybox from the root's own release. The shared package lists are those of the
/// kernel's suite, so this uses separate ones.
const FETCH: &str = "\
apt='apt-get -o Dir::State::Lists=/tmp/lists -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0'
mkdir -p /tmp/lists/partial
$apt --error-on=any update
cd /tmp
$apt download busybox-static
dpkg-deb -x busybox-static_*.deb unpacked
install -m 755 $(find unpacked -type f -path '*bin/busybox') /mnt/busybox/
";

/// Fetches the release's static busybox. Returns its path.
pub fn ensure(provision: &Provision, ready: &Ready) -> Result<PathBuf> {
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Root(&provision.kernels.root_of(provision.kernel)?.name),
        name: "busybox",
        about: "busybox for the guest",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("root", ready.root.id().to_owned()),
        ],
    };
    let built = stage.ensure(provision.ui, provision.privilege, |work| {
        Chroot::new(provision.privilege, ready.root.tree(), &work.busy)
            .writable(&work.tree, "busybox")
            .with_network()
            .sh(FETCH, &work.log, Some(work.activity))
            .or_else(|error| root::explain(&work.log.text(), error))?;
        Ok(String::new())
    })?;
    Ok(built.tree().join("busybox"))
}
