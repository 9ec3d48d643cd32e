// SPDX-License-Identifier: GPL-2.0

//! Finds the Debian mirror that the host already uses.

use std::path::Path;
use std::process::Command;

use crate::run;

/// The Debian releases that a host or a build root can have.
const RELEASES: [&str; 10] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

/// The first Debian archive in the apt configuration in `etc_apt`, as apt itself reads it.
/// `None` without apt, or if apt knows no Debian archive.
pub fn of_apt(etc_apt: &Path) -> Option<String> {
    let mut apt = Command::new("apt-get");
    let folder = format!("Dir::Etc={}", etc_apt.display());
    // This prints the files that an update would fetch, and fetches nothing.
    apt.args(["-o", &folder, "--print-uris", "update"]);
    main_archive(&run::output(&mut apt).ok()?)
}

/// Parses lines such as `'http://MIRROR/debian/dists/trixie/main/binary-amd64/Packages.xz' …`.
fn main_archive(uris: &str) -> Option<String> {
    uris.lines().find_map(|line| {
        let (archive, rest) = line.strip_prefix('\'')?.split_once("/dists/")?;
        let (release, rest) = rest.split_once('/')?;
        let fetched = archive.starts_with("http://") || archive.starts_with("https://");
        // The archives of Ubuntu end in `ubuntu`.
        let is_debian = fetched
            && archive.ends_with("/debian")
            && RELEASES.contains(&release)
            && rest.starts_with("main/binary-");
        is_debian.then(|| archive.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_archive_of_a_release_is_taken() {
        let uris = "\
            'http://other.example/node/dists/nodistro/main/binary-amd64/Packages.xz' a 0\n\
            'http://mirror.example/debian-security/dists/trixie-security/main/binary-amd64/Packages.xz' b 0\n\
            'file:/srv/debian/dists/trixie/main/binary-amd64/Packages.xz' c 0\n\
            'https://mirror.example/debian/dists/trixie/InRelease' d 0\n\
            'https://mirror.example/debian/dists/trixie/main/binary-amd64/Packages.xz' e 0\n";
        assert_eq!(
            main_archive(uris).as_deref(),
            Some("https://mirror.example/debian")
        );
    }

    #[test]
    fn anything_else_is_no_mirror() {
        for uris in [
            "",
            "'",
            "'http://a/debian'",
            "http://a/debian/dists/sid/main/binary-amd64/Packages",
            "'http://archive.example/ubuntu/dists/noble/main/binary-amd64/Packages.xz' a 0",
            "'http://a.example/debian/dists/trixie/contrib/binary-amd64/Packages.xz' a 0",
        ] {
            assert_eq!(main_archive(uris), None, "{uris}");
        }
    }

    /// apt reads both formats of its source files.
    #[test]
    fn apt_is_asked() {
        if !Path::new("/usr/bin/apt-get").exists() {
            return;
        }
        for (name, text) in [
            (
                "sources.list",
                "deb [arch=amd64] http://mirror.example/debian trixie main\n",
            ),
            (
                "sources.list.d/debian.sources",
                "Types: deb\nURIs: http://mirror.example/debian/\nSuites: trixie\nComponents: main\n",
            ),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(folder.path().join("sources.list.d")).expect("a folder");
            std::fs::write(folder.path().join(name), text).expect("a file");
            let mirror = of_apt(folder.path());
            assert_eq!(mirror.as_deref(), Some("http://mirror.example/debian"), "{name}");
        }
    }
}
