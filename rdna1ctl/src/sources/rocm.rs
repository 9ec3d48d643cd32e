// SPDX-License-Identifier: GPL-2.0

//! User space's libraries: the installed ROCm, and whether it has code for a gfx1010.

use crate::root::Root;

use super::packages;

/// One installation of ROCm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Its folder or package.
    pub place: String,
    /// Its version, if it names one.
    pub version: Option<String>,
    /// Whether its rocBLAS has code for a gfx1010; `None` without a rocBLAS.
    pub rocblas: Option<bool>,
    /// Whether its MIOpen has results of searches on a gfx1010; `None` without a MIOpen.
    pub miopen: Option<bool>,
}

/// The installations of ROCm.
pub struct Rocm {
    /// The installations that were found.
    pub installs: Vec<Install>,
}

impl Rocm {
    /// Looks for AMD's packages below `/opt`, and for the distribution's.
    pub fn read(root: &Root) -> Self {
        let names = root.names("/opt").into_iter();
        let places = names.filter(|name| name.starts_with("rocm"));
        let mut installs: Vec<_> = places
            .map(|name| of_amd(root, format!("/opt/{name}")))
            .filter(|found| found.version.is_some() || found.rocblas.is_some())
            .collect();
        // /opt/rocm is a link to the installation in use.
        if installs.iter().any(|one| one.place == "/opt/rocm") {
            installs.retain(|one| one.place == "/opt/rocm");
        }
        installs.extend(of_distribution(root));
        Self { installs }
    }
}

fn of_amd(root: &Root, place: String) -> Install {
    Install {
        version: root.text(format!("{place}/.info/version")),
        rocblas: names_gfx1010(root, &format!("{place}/lib/rocblas/library")),
        miopen: names_gfx1010(root, &format!("{place}/share/miopen/db")),
        place,
    }
}

/// Debian's and Ubuntu's own packages.
fn of_distribution(root: &Root) -> Option<Install> {
    let version = |start: &str| packages::versions(root, start).pop();
    let (runtime, version) = version("libhsa-runtime64").or_else(|| version("librocblas"))?;
    let libraries = "/usr/lib/x86_64-linux-gnu/rocblas";
    let rocblas = root.names(libraries).into_iter().filter_map(|folder| {
        names_gfx1010(root, &format!("{libraries}/{folder}/library"))
            .or_else(|| names_gfx1010(root, &format!("{libraries}/{folder}")))
    });
    Some(Install {
        place: format!("package {runtime}"),
        version: Some(version),
        rocblas: rocblas.max(),
        miopen: names_gfx1010(root, "/usr/share/miopen/db"),
    })
}

/// Whether a file in that folder is for a gfx1010; `None` without such a folder.
fn names_gfx1010(root: &Root, folder: &str) -> Option<bool> {
    let found = || {
        root.names(folder)
            .iter()
            .any(|name| name.contains("gfx1010"))
    };
    root.has(folder).then(found)
}
