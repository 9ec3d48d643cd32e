// SPDX-License-Identifier: GPL-2.0

//! Choosing a kernel from a suite's list of packages.

use std::collections::BTreeMap;

use anyhow::{bail, Result};
use serde::{Deserialize, Serialize};

/// A kernel as the suite has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Choice {
    /// What `uname -r` says in it.
    pub abi: String,
    /// The version that all its packages have.
    pub version: String,
    /// Its packages.
    pub packages: Vec<Package>,
}

/// A package to be downloaded.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its checksum, from the signed package list.
    pub sha256: String,
}

/// One package of a `Packages` list.
pub type Stanza<'a> = BTreeMap<&'a str, &'a str>;

/// Reads a `Packages` list.
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

/// The metapackage names the kernel; all else must be of that very version.
pub fn choose(list: &[Stanza], flavour: &str) -> Result<Choice> {
    let meta_name = format!("linux-image-{flavour}");
    let metas: Vec<_> = list.iter().filter(|s| s["Package"] == meta_name).collect();
    if metas.is_empty() {
        bail!("the suite has no package {meta_name}");
    }
    // A suite keeps superseded versions for a while; the newest whole set wins.
    let mut metas = metas;
    metas.sort_by_key(|s| version_key(s.get("Version").copied().unwrap_or_default()));
    let mut missing = Vec::new();
    for meta in metas.iter().rev() {
        let version = meta.get("Version").copied().unwrap_or_default();
        let depends = meta.get("Depends").copied().unwrap_or_default();
        let Some(abi) = named_abi(depends, flavour) else {
            missing.push(format!(
                "{meta_name} {version} depends on no kernel image: {depends}"
            ));
            continue;
        };
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
    bail!(
        "the suite has no complete kernel at this moment (this happens while a new one is \
         being published; try again later):\n{}",
        missing.join("\n")
    );
}

/// The kernel that the metapackage depends on.
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
    // Each kind by its possible names, the preferred one first.
    let wanted = [
        vec![format!("linux-headers-{abi}")],
        vec![
            format!("linux-binary-{abi}"),
            // The same image, while Debian has not signed it yet.
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

/// Orders versions: numbers by value, the rest as text.
fn version_key(version: &str) -> Vec<(u64, String)> {
    let mut key = Vec::new();
    let mut rest = version;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let other = tail.len() - tail.trim_start_matches(|c: char| !c.is_ascii_digit()).len();
        let (text, tail) = tail.split_at(other);
        key.push((number.parse().unwrap_or(0), text.to_owned()));
        rest = tail;
    }
    key
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
        let choice = choose(&parse_packages(&text), "amd64").expect("a whole set");
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
        let choice = choose(&parse_packages(&text), "amd64").expect("a whole set");
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
        let error = choose(&parse_packages(&text), "amd64")
            .expect_err("incomplete")
            .to_string();
        assert!(
            error.contains("no linux-headers-7.2.12+deb13-amd64 of version 7.2.12-1"),
            "{error}"
        );
    }

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(version_key("7.2.9-1~bpo13+1") < version_key("7.2.12-1~bpo13+1"));
        assert!(version_key("6.19.14-1") < version_key("7.0.4-1"));
    }
}
