// SPDX-License-Identifier: GPL-2.0

//! Tests that all files name the same version and the same maintainer of the packages, and that
//! `scripts/set-version.sh` and `scripts/set-maintainer.sh` update all of them.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    },
    process::Command, //
};

/// The files that contain the version, with the text before and after it.
const PLACES: [(&str, &str, &str); 5] = [
    ("dkms.conf", "PACKAGE_VERSION=\"", "\""),
    ("src/rdna1_kfd_guard.rs", "*b\"version=", "\\0\";"),
    ("debian/changelog", "rdna1-kfd-guard (", "-"),
    ("packaging/rpm/rdna1-kfd-guard.spec", "Version:", "\n"),
    ("packaging/arch/PKGBUILD", "pkgver=", "\n"),
];

/// The files of `folder` whose version differs from `wanted`.
fn differing(folder: &Path, wanted: &str) -> Vec<String> {
    let places = PLACES.iter().filter_map(|(file, before, after)| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let found = text.split_once(before).and_then(|(_, rest)| {
            let (version, _) = rest.split_once(after)?;
            Some(version.trim().to_owned())
        });
        let found = found.unwrap_or_else(|| "none".to_owned());
        (found != wanted).then(|| format!("{file} says {found}, Cargo.toml {wanted}"))
    });
    places.collect()
}

fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Copies files of the repository, with `cp`: the kernel refuses to execute a file that a child of
/// another thread inherited open for writing (ETXTBSY).
fn copy_to<'a>(folder: &Path, files: impl Iterator<Item = &'a str>) {
    let mut copy = Command::new("cp");
    copy.arg("--parents").args(files).arg(folder);
    assert!(copy.current_dir(repo()).status().expect("cp").success());
}

#[test]
fn the_version_is_the_same_everywhere() {
    let differing = differing(&repo(), env!("CARGO_PKG_VERSION"));
    assert!(
        differing.is_empty(),
        "{}\nscripts/set-version.sh writes it everywhere",
        differing.join("\n")
    );
}

/// The new version has another length, because the module stores it in an array.
#[test]
fn a_new_version_is_written_everywhere() {
    let copy = tempfile::tempdir().expect("a folder");
    let here = copy.path();
    let others = ["Cargo.toml", "Cargo.lock", "debian/control"];
    let scripts = ["scripts/set-version.sh", "scripts/stage.sh"];
    let places = PLACES.iter().map(|(file, _, _)| *file);
    copy_to(here, places.chain(others).chain(scripts));
    let said = Command::new(here.join("scripts/set-version.sh"))
        .arg("0.12.345")
        .output()
        .expect("a shell");
    assert!(said.status.success(), "{said:?}");
    assert_eq!(differing(here, "0.12.345"), [""; 0]);
    assert_eq!(differing(here, "0.1.0").len(), PLACES.len());
    let read = |file| fs::read_to_string(here.join(file)).expect("a file");
    assert!(read("src/rdna1_kfd_guard.rs").contains("[u8; 17] = *b\"version=0.12.345\\0\""));
    assert!(read("Cargo.toml").contains("\nversion = \"0.12.345\"\n"));
    // Only the workspace's own crates change.
    let lock = read("Cargo.lock");
    let ours = lock
        .split("\n\n")
        .filter(|block| block.contains("version = \"0.12.345\""));
    let ours: Vec<_> = ours.collect();
    assert!(ours.iter().all(|block| !block.contains("source = ")));
    assert!(ours.len() >= 5, "{ours:?}");
}

/// The files that name the maintainer, the text before it, and the number of words of a date in
/// between. If a file has several, the first is the newest.
const MAINTAINERS: [(&str, &str, usize); 4] = [
    ("debian/control", "\nMaintainer: ", 0),
    ("debian/changelog", "\n -- ", 0),
    ("packaging/rpm/rdna1-kfd-guard.spec", "\n%changelog\n* ", 4),
    ("packaging/arch/PKGBUILD", "# Maintainer: ", 0),
];

fn maintainers(folder: &Path) -> Vec<String> {
    let found = MAINTAINERS.iter().map(|(file, before, date)| {
        let text = fs::read_to_string(folder.join(file)).expect("a file");
        let (_, rest) = text.split_once(before).unwrap_or_default();
        let (name, _) = rest.split_once('>').unwrap_or_default();
        let name = name.splitn(date + 1, ' ').last().unwrap_or_default();
        format!("{name}>")
    });
    found.collect()
}

#[test]
fn the_maintainer_is_the_same_everywhere() {
    let found = maintainers(&repo());
    assert!(found[0].contains(" <"), "{found:?}");
    assert!(
        found.iter().all(|name| *name == found[0]),
        "{found:?}\nscripts/set-maintainer.sh writes it everywhere"
    );
}

#[test]
fn a_new_maintainer_is_written_everywhere() {
    let copy = tempfile::tempdir().expect("a folder");
    let here = copy.path();
    let places = MAINTAINERS.iter().map(|(file, ..)| *file);
    copy_to(here, places.chain(["scripts/set-maintainer.sh"]));
    let set = |to: &str| {
        let mut command = Command::new(here.join("scripts/set-maintainer.sh"));
        command.arg(to).output().expect("a shell").status.code()
    };
    let new = "A. N. Other & Co. <other@example.org>";
    assert_eq!(set("nobody"), Some(2));
    assert_eq!(maintainers(here), maintainers(&repo()));
    assert_eq!(set(new), Some(0));
    assert_eq!(maintainers(here), [new; 4]);
}

#[test]
fn the_documents_name_the_oldest_kernel() {
    let read = |file: &str| fs::read_to_string(repo().join(file)).unwrap();
    let config = read("dkms.conf");
    let (_, rest) = config
        .split_once("BUILD_EXCLUSIVE_KERNEL_MIN=\"")
        .expect("the oldest kernel");
    let (floor, _) = rest.split_once('"').expect("its end");
    for (file, words) in [
        ("README.md", format!("Linux {floor} to ")),
        ("docs/install.md", format!("Kernels before {floor}, ")),
    ] {
        assert!(
            read(file).contains(&words),
            "{file}: {words:?} is not there"
        );
    }
}
