// SPDX-License-Identifier: GPL-2.0

//! Fetches programs from Debian that build roots lack, for guests and for the host.

use std::path::Path;

use anyhow::{Context, Result};

use super::{quote, root, Chroot, Provision, Ready};
use crate::cache::{Built, Owner, Stage};
use crate::parts::ToolsPart;

/// The folder for the libraries.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";
/// The path of the loader that each program names.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Fetches missing packages, and gathers the programs with their libraries. The libraries go to
/// the folder that the loader searches by default.
const GATHER: &str = "\
apt='apt-get -o Dir::State::Lists=/tmp/lists -o Dir::Cache=/tmp/cache -o APT::Sandbox::User=root \
     -o Dpkg::Use-Pty=0 -o Acquire::Check-Valid-Until='$check
mkdir -p /tmp/lists/partial /tmp/cache/archives/partial
$apt --error-on=any update
$apt --yes --no-install-recommends --download-only install $packages
unpacked=/mnt/tools/unpacked
mkdir $unpacked
for deb in /tmp/cache/archives/*.deb; do [ -e \"$deb\" ] || continue; dpkg-deb -x \"$deb\" $unpacked; done
own=$(find $unpacked -name '*.so.*' -printf '%h\\n' | sort -u | tr '\\n' ':')
for program in $programs; do
    from=$unpacked$program
    [ -e \"$from\" ] || from=$program
    install -D \"$from\" /mnt/tools/guest$program
    needed=$(LD_LIBRARY_PATH=$own ldd \"$from\")
    case $needed in *'not found'*) echo \"$program: $needed\"; exit 1 ;; esac
    for library in $(echo \"$needed\" | grep -o '/[^ ]*'); do
        case $library in
        /lib64/*) install -D \"$library\" /mnt/tools/guest$library ;;
        *) install -D \"$library\" /mnt/tools/guest$libraries/${library##*/} ;;
        esac
    done
done
mkdir -p /mnt/tools/guest/packages
for package in $packages; do
    deb=$(echo /tmp/cache/archives/${package}_*.deb)
    if [ -e \"$deb\" ]; then
        dpkg-deb -f \"$deb\" Version
    else
        dpkg-query -W -f '${Version}\\n' $package
    fi > /mnt/tools/guest/packages/$package
done
rm -r $unpacked
chmod -R a+rX /mnt/tools
";

/// The command that runs a program on the host with its own loader and libraries.
pub fn on_host(tools: &Built, program: &str) -> String {
    let root = tools.tree().join("guest");
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let [loader, libraries, program] = [LOADER, LIBRARIES, program].map(below);
    let shown = Path::display;
    format!(
        "{} --library-path {} {}",
        shown(&loader),
        shown(&libraries),
        shown(&program)
    )
}

/// Gathers the programs. The folder `guest` in the tree belongs at the guest's root.
pub fn ensure(
    provision: &Provision,
    ready: &Ready,
    name: &str,
    tools: &ToolsPart,
) -> Result<Built> {
    let of_kernel = provision.kernels.root_of(provision.kernel)?;
    let other = match tools.release.as_deref() {
        Some(release) if release != of_kernel.release => {
            let provision = Provision {
                allow_expired: provision.allow_expired || tools.expired_release,
                ..*provision
            };
            Some(root::ensure_release(&provision, release, "tools-root")?)
        }
        _ => None,
    };
    let root = other.as_ref().unwrap_or(&ready.root);
    let about = format!("programs of {name}");
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Root(&of_kernel.name),
        name: &format!("tools-{name}"),
        about: &about,
        inputs: vec![
            ("layout", "2".to_owned()),
            ("root", root.id().to_owned()),
            ("packages", tools.packages.join(" ")),
            ("programs", tools.programs.join(" ")),
        ],
    };
    let variables = format!(
        "packages={}\nprograms={}\nlibraries={LIBRARIES}\ncheck={}\n",
        quote(&tools.packages.join(" ")),
        quote(&tools.programs.join(" ")),
        !(provision.allow_expired || tools.expired_release)
    );
    stage
        .ensure(provision.ui, provision.privilege, |work| {
            Chroot::new(provision.privilege, root.tree(), &work.busy)
                .writable(&work.tree, "tools")
                .with_network()
                .sh(
                    &format!("{variables}{GATHER}"),
                    &work.log,
                    Some(work.activity),
                )
                .or_else(|error| root::explain(&work.log.text(), error))?;
            Ok(tools.packages.join(" "))
        })
        .with_context(|| format!("part.tools.{name}"))
}
