// SPDX-License-Identifier: GPL-2.0

//! Chooses a kernel from a suite's list of packages.

use std::collections::BTreeMap;

use anyhow::{anyhow, Result};
use deb_version::compare_versions;
use serde::{Deserialize, Serialize};

use crate::kernels::{Pick, Trouble};

/// A kernel that the suite has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Choice {
    /// The kernel's `uname -r`.
    pub abi: String,
    /// The version of all packages of the kernel.
    pub version: String,
    /// The packages of the kernel.
    pub packages: Vec<Package>,
}

/// A package to download.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Package {
    /// The name of the package.
    pub name: String,
    /// Its checksum, from the signed package list.
    pub sha256: String,
}

/// The fields of one package in a `Packages` list.
pub type Stanza<'a> = BTreeMap<&'a str, &'a str>;

/// Parses a `Packages` list.
pub fn parse_packages(text: &str) -> Vec<Stanza<'_>> {
    text.split("\n\n")
        .map(|stanza| {
            stanza
                .lines()
                .filter(|l| !l.starts_with(' '))
                .filter_map(|l| l.split_once(':'))
                .map(|(key, value)| (key, value.trim()))
                .collect::<Stanza>()
        })
        .filter(|s| s.contains_key("Package"))
        .collect()
}

/// A kernel whose packages may all be there.
struct Candidate<'a> {
    abi: &'a str,
    version: &'a str,
}

/// Chooses a kernel. All its packages must have the same version.
pub fn choose(list: &[Stanza], pick: Pick, flavour: &str) -> Result<Choice> {
    let mut missing = Vec::new();
    let mut candidates = match pick {
        Pick::Released => released(list, flavour, &mut missing),
        Pick::Newest => with_headers(list, flavour),
    };
    // A suite keeps superseded versions for a while. Take the newest complete set.
    candidates.sort_by(|a, b| compare_versions(a.version, b.version));
    for Candidate { abi, version } in candidates.into_iter().rev() {
        match whole_set(list, abi, version) {
            Ok(packages) => {
                return Ok(Choice {
                    abi: abi.to_owned(),
                    version: version.to_owned(),
                    packages,
                })
            }
            Err(lacking) => missing.push(lacking),
        }
    }
    if missing.is_empty() {
        missing.push(format!("there is none of flavour {flavour}"));
    }
    let more = anyhow!(
        "this happens while a new one is being published; try again later:\n{}",
        missing.join("\n")
    );
    Err(more.context(Trouble::NoKernel))
}

/// The kernels that the metapackage names.
fn released<'a>(
    list: &[Stanza<'a>],
    flavour: &str,
    missing: &mut Vec<String>,
) -> Vec<Candidate<'a>> {
    let meta_name = format!("linux-image-{flavour}");
    let mut candidates = Vec::new();
    for meta in list.iter().filter(|s| s["Package"] == meta_name) {
        let version = meta.get("Version").copied().unwrap_or_default();
        let depends = meta.get("Depends").copied().unwrap_or_default();
        match named_abi(depends, flavour) {
            Some(abi) => candidates.push(Candidate { abi, version }),
            None => missing.push(format!(
                "{meta_name} {version} depends on no kernel image: {depends}"
            )),
        }
    }
    candidates
}

/// All kernels that have a headers package.
fn with_headers<'a>(list: &[Stanza<'a>], flavour: &str) -> Vec<Candidate<'a>> {
    let end = format!("-{flavour}");
    let candidates = list.iter().filter_map(|stanza| {
        let abi = stanza["Package"].strip_prefix("linux-headers-")?;
        // The flavour `rt-amd64` also ends in `-amd64`: the check for `-` below excludes it.
        let release = abi.strip_suffix(&end)?;
        let sound = release.starts_with(|c: char| c.is_ascii_digit()) && !release.contains('-');
        let version = stanza.get("Version").copied()?;
        sound.then_some(Candidate { abi, version })
    });
    candidates.collect()
}

/// The kernel on which the metapackage depends.
fn named_abi<'a>(depends: &'a str, flavour: &str) -> Option<&'a str> {
    depends
        .split(',')
        .filter_map(|d| d.split_whitespace().next())
        .filter_map(|d| d.strip_prefix("linux-image-"))
        .find(|abi| {
            abi.starts_with(|c: char| c.is_ascii_digit()) && abi.ends_with(&format!("-{flavour}"))
        })
}

fn whole_set(list: &[Stanza], abi: &str, version: &str) -> Result<Vec<Package>, String> {
    let mut numbers = abi.split(['.', '+', '-', '~']);
    let series = format!(
        "{}.{}",
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default()
    );
    // Each entry lists possible package names, the preferred one first.
    let wanted = [
        vec![format!("linux-headers-{abi}")],
        vec![
            format!("linux-binary-{abi}"),
            // The image has this name until Debian signs it.
            format!("linux-binary-unsigned-{abi}"),
        ],
        vec![format!("linux-modules-{abi}")],
        vec![format!("linux-source-{series}")],
    ];
    wanted
        .iter()
        .map(|names| {
            names
                .iter()
                .find_map(|name| {
                    let stanza = list.iter().find(|s| {
                        s["Package"] == name.as_str() && s.get("Version") == Some(&version)
                    })?;
                    Some(Package {
                        name: name.clone(),
                        sha256: (*stanza.get("SHA256")?).to_owned(),
                    })
                })
                .ok_or_else(|| format!("{abi}: no {} of version {version}", names.join(" or ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(stanzas: &[(&str, &str, &str)]) -> String {
        stanzas
            .iter()
            .map(|(name, version, depends)| {
                format!(
                    "Package: {name}\nVersion: {version}\nDepends: {depends}\n\
                     Description: x\n more: text\nSHA256: sum-of-{name}-{version}\n\n"
                )
            })
            .collect()
    }

    const ABI: &str = "7.2.12+deb13-amd64";
    const DEPENDS: &str =
        "linux-base-amd64 (= 7.2.12-1), linux-image-7.2.12+deb13-amd64 (= 7.2.12-1)";

    #[test]
    fn the_source_of_the_same_version_is_taken_not_the_newest() {
        let text = suite(&[
            ("linux-image-amd64", "7.2.12-1", DEPENDS),
            (&format!("linux-headers-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-binary-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-binary-unsigned-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-modules-{ABI}"), "7.2.12-1", ""),
            ("linux-source-7.2", "7.2.13-1", ""),
            ("linux-source-7.2", "7.2.12-1", ""),
            ("linux-source-7.3", "7.3.4-1", ""),
        ]);
        let choice = choose(&parse_packages(&text), Pick::Released, "amd64").expect("a whole set");
        assert_eq!(choice.abi, ABI);
        let names: Vec<_> = choice.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "linux-headers-7.2.12+deb13-amd64",
                "linux-binary-7.2.12+deb13-amd64",
                "linux-modules-7.2.12+deb13-amd64",
                "linux-source-7.2"
            ]
        );
        assert_eq!(
            choice.packages[3].sha256,
            "sum-of-linux-source-7.2-7.2.12-1"
        );
    }

    #[test]
    fn an_unsigned_image_will_do() {
        let text = suite(&[
            ("linux-image-amd64", "7.2.12-1", DEPENDS),
            (&format!("linux-headers-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-binary-unsigned-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-modules-{ABI}"), "7.2.12-1", ""),
            ("linux-source-7.2", "7.2.12-1", ""),
        ]);
        let choice = choose(&parse_packages(&text), Pick::Released, "amd64").expect("a whole set");
        assert_eq!(
            choice.packages[1].name,
            format!("linux-binary-unsigned-{ABI}")
        );
    }

    #[test]
    fn a_missing_package_is_named() {
        let text = suite(&[
            ("linux-image-amd64", "7.2.12-1", DEPENDS),
            (&format!("linux-headers-{ABI}"), "7.2.11-1", ""),
        ]);
        let error =
            choose(&parse_packages(&text), Pick::Released, "amd64").expect_err("incomplete");
        assert_eq!(error.downcast_ref(), Some(&Trouble::NoKernel));
        let error = format!("{error:#}");
        assert!(
            error.contains("no linux-headers-7.2.12+deb13-amd64 of version 7.2.12-1"),
            "{error}"
        );
    }

    #[test]
    fn the_newest_is_taken_before_the_metapackage_names_it() {
        let newest = "7.3.4+deb13-amd64";
        let text = suite(&[
            ("linux-image-amd64", "7.2.12-1", DEPENDS),
            (&format!("linux-headers-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-binary-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-modules-{ABI}"), "7.2.12-1", ""),
            ("linux-source-7.2", "7.2.12-1", ""),
            // This one is newer, but of another flavour.
            ("linux-headers-7.4.1+deb13-rt-amd64", "7.4.1-1", ""),
            (&format!("linux-headers-{newest}"), "7.3.4-1", ""),
            (&format!("linux-binary-unsigned-{newest}"), "7.3.4-1", ""),
            (&format!("linux-modules-{newest}"), "7.3.4-1", ""),
            ("linux-source-7.3", "7.3.4-1", ""),
        ]);
        let list = parse_packages(&text);
        let abi = |pick| choose(&list, pick, "amd64").expect("a whole set").abi;
        assert_eq!(abi(Pick::Newest), newest);
        assert_eq!(abi(Pick::Released), ABI);
    }

    #[test]
    fn a_newest_that_is_not_whole_is_passed_over() {
        let text = suite(&[
            ("linux-headers-7.3.4+deb13-amd64", "7.3.4-1", ""),
            (&format!("linux-headers-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-binary-{ABI}"), "7.2.12-1", ""),
            (&format!("linux-modules-{ABI}"), "7.2.12-1", ""),
            ("linux-source-7.2", "7.2.12-1", ""),
        ]);
        let choice = choose(&parse_packages(&text), Pick::Newest, "amd64").expect("a whole set");
        assert_eq!(choice.abi, ABI);
    }
}
