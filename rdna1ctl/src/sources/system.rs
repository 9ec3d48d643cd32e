// SPDX-License-Identifier: GPL-2.0

//! The distribution and its kernel, with its remedies for missing things.

use crate::root::Root;

/// The remedies for each missing thing, by system. `scripts/preflight.sh` reads the same file.
const REMEDIES: &str = include_str!("../../../scripts/remedies.txt");

/// The system, identified by os-release and by its kernel.
pub struct System {
    /// The names under which [`REMEDIES`] lists it, the most specific first. `know_distribution`
    /// and `kinds_of_kernel` in `scripts/remedies.sh` produce the same names.
    kinds: Vec<String>,
    /// The replacements of the words in braces.
    words: Vec<(&'static str, String)>,
    /// Whether it is Debian, or says so of itself: its kernel packages then contain no Rust
    /// metadata.
    pub is_debian: bool,
}

impl System {
    /// Reads its facts.
    pub fn read(root: &Root, release: &str) -> Self {
        let files = ["/etc/os-release", "/usr/lib/os-release"];
        let about = files
            .iter()
            .find_map(|file| root.text(file))
            .unwrap_or_default();
        let value = |name| value(&about, name);
        let id = value("ID");
        let codename = match value("DEBIAN_CODENAME") {
            "" => value("VERSION_CODENAME"),
            codename => codename,
        };
        let likes: Vec<_> = value("ID_LIKE").split_whitespace().collect();
        let families = ["debian", "ubuntu", "fedora", "arch", "suse"];
        let mut names = [id].into_iter().chain(likes.iter().copied());
        let family = names
            .find(|name| families.contains(name))
            .unwrap_or_default();
        let package = root.text(format!("/lib/modules/{release}/pkgbase"));
        let package = package.as_deref().map_or("linux", str::trim);
        let mut kinds = Vec::new();
        if release.ends_with("-pve") {
            kinds.push("proxmox".to_owned());
        }
        if family == "arch" {
            kinds.push(format!("arch-{package}"));
        }
        kinds.extend([
            format!("{id}-{codename}"),
            format!("{id}-{}", value("VERSION_ID")),
        ]);
        kinds.extend([
            id.to_owned(),
            format!("ubuntu-{}", value("UBUNTU_CODENAME")),
        ]);
        kinds.extend(likes.into_iter().chain(["other"]).map(str::to_owned));
        let codename = if codename.is_empty() {
            "trixie"
        } else {
            codename
        };
        let local = release.find('-').map_or("", |at| release.split_at(at).1);
        Self {
            is_debian: family == "debian",
            kinds,
            words: vec![
                ("{release}", release.to_owned()),
                ("{local version}", local.to_owned()),
                ("{kernel}", package.to_owned()),
                ("{codename}", codename.to_owned()),
                ("{floor}", floor().to_owned()),
                ("{for kernel}", String::new()),
            ],
        }
    }

    /// The remedy for a missing thing, by its name in [`REMEDIES`].
    pub fn remedy(&self, what: &str) -> String {
        let find = |kind: &String| {
            REMEDIES.lines().find_map(|line| {
                let (name, rest) = line.split_once('\t')?;
                let (kinds, text) = rest.split_once('\t')?;
                (name == what && kinds.split(',').any(|one| one == kind)).then_some(text)
            })
        };
        let mut text = self
            .kinds
            .iter()
            .find_map(find)
            .unwrap_or_default()
            .to_owned();
        // A remedy can contain another one.
        for other in ["newer kernel", "kernel headers"] {
            let word = format!("{{{other}}}");
            if text.contains(&word) {
                text = text.replace(&word, &self.remedy(other));
            }
        }
        let words = self.words.iter();
        words.fold(text, |text, (word, value)| text.replace(word, value))
    }
}

fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let found = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key == name).then(|| value.trim_matches(['"', '\'']))
    });
    found.unwrap_or_default()
}

/// The oldest kernel that the module can be built for, from `dkms.conf`, which DKMS reads.
pub fn floor() -> &'static str {
    let config = include_str!("../../../dkms.conf");
    let value = config
        .lines()
        .find_map(|line| line.strip_prefix("BUILD_EXCLUSIVE_KERNEL_MIN="));
    value.unwrap_or_default().trim_matches('"')
}
