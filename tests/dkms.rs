// SPDX-License-Identifier: GPL-2.0

//! Tests of `scripts/dkms-metadata.sh` on fake systems: kernels without their source, and removed
//! kernels. `make test-packages` tests building the metadata itself.

mod tool;

use std::{
    fs,
    path::Path,
    process::Command, //
};

use tempfile::TempDir;

const OLD: &str = "7.2.12-fake";
const NEW: &str = "7.3.4-fake";
/// The exit status that makes DKMS skip a kernel.
const LEFT_OUT: i32 = 77;

/// A fake Debian system with two kernels, which runs a third one.
struct System(TempDir);

impl System {
    fn new() -> Self {
        let system = Self(tempfile::tempdir().expect("a folder"));
        for kernel in [OLD, NEW] {
            let build = format!("modules/{kernel}/build");
            system.put(&format!("{build}/Makefile"), "");
            system.put(
                &format!("{build}/include/config/kernel.release"),
                &format!("{kernel}\n"),
            );
            system.put(
                &format!("{build}/include/config/auto.conf"),
                "CONFIG_RUST=y\nCONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.1 (fake)\"\n",
            );
        }
        system.put(
            "installed",
            "linux-headers-7.2.12-fake 7.2.12-1\nlinux-headers-7.3.4-fake 7.3.4-1\n",
        );
        system.put("offered", "linux-source-7.3=7.3.4-1\n");
        system.put("state", "ii");
        system.put("os-release", "ID=debian\nVERSION_CODENAME=trixie\n");
        system.put("dkms-status", "");
        system.tool(
            "dpkg-query",
            "version=$(sed -n \"s/^$4 //p\" installed) && [ -n \"$version\" ] && echo \"$(cat state) $version\"",
        );
        system.tool("apt-get", "");
        system.tool(
            "apt-cache",
            "case $1 in show) grep -qx \"$2\" offered ;; esac",
        );
        system.tool("uname", "echo 6.12-other");
        system.tool(
            "dkms",
            "case $1 in status) grep -F \"$5\" dkms-status ;; *) echo \"$*\" >> asked ;; esac",
        );
        system
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn tool(&self, name: &str, script: &str) {
        tool::write(&self.0.path().join("bin").join(name), script);
    }

    /// Creates metadata as an earlier build left it.
    fn made(&self, kernel: &str, version: &str) {
        self.put(
            &format!("kept/{kernel}/.package-version"),
            &format!("{version}\n"),
        );
    }

    fn has(&self, name: &str) -> bool {
        self.0.path().join(name).exists()
    }

    /// Runs the script. Returns its exit status and its output.
    fn run(&self, words: &[&str]) -> (i32, String) {
        self.run_from("", words)
    }

    /// Runs the script from the maintainer script of `package`.
    fn run_from(&self, package: &str, words: &[&str]) -> (i32, String) {
        let here = self.0.path();
        let output =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dkms-metadata.sh"))
                .args(words)
                .current_dir(here)
                .env(
                    "PATH",
                    format!("{}:/usr/bin:/bin", here.join("bin").display()),
                )
                .env("DKMS_MODULES", here.join("modules"))
                .env("DKMS_METADATA", here.join("kept"))
                .env("OS_RELEASE", here.join("os-release"))
                .env("USR_SRC", here.join("src"))
                .env("DPKG_MAINTSCRIPT_PACKAGE", package)
                .output()
                .expect("a shell");
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&both).into_owned();
        (output.status.code().expect("an exit status"), text)
    }

    fn build(&self, kernel: &str) -> (i32, String) {
        self.build_from("", kernel)
    }

    fn build_from(&self, package: &str, kernel: &str) -> (i32, String) {
        let folder = self.0.path().join("modules").join(kernel).join("build");
        self.run_from(package, &["build", kernel, folder.to_str().expect("UTF-8")])
    }
}

#[test]
fn the_newest_kernel_without_its_source_fails_and_says_what_to_install() {
    let (status, said) = System::new().build(NEW);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("sudo apt install linux-source-7.3=7.3.4-1"),
        "{said}"
    );
}

#[test]
fn a_source_of_another_version_is_not_taken() {
    let system = System::new();
    system.put(
        "installed",
        "linux-headers-7.3.4-fake 7.3.4-1\nlinux-source-7.3 7.3.5-1\n",
    );
    system.put("offered", "linux-source-7.3=7.3.5-1\n");
    let (status, said) = system.build(NEW);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("linux-source-7.3 is 7.3.5-1"), "{said}");
    assert!(said.contains("all of one SUITE"), "{said}");
}

/// While apt sets up a kernel, its headers and its source may be unpacked but not configured.
#[test]
fn what_is_unpacked_is_there() {
    let system = System::new();
    system.put(
        "installed",
        "linux-headers-7.3.4-fake 7.3.4-1\nlinux-source-7.3 7.3.4-1\n",
    );
    for (state, there) in [("iU", true), ("iF", true), ("ii", true), ("rc", false)] {
        system.put("state", state);
        let (status, said) = system.build(NEW);
        assert_eq!(status, 1, "{said}");
        let without = said.contains("no linux-headers-7.3.4-fake is installed");
        assert_eq!(without, !there, "{state}: {said}");
        assert!(!said.contains("not installed"), "{state}: {said}");
    }
}

#[test]
fn a_kernel_that_apt_sets_up_does_not_fail() {
    let system = System::new();
    for package in ["linux-image-7.3.4-fake", "linux-headers-7.3.4-fake"] {
        let (status, said) = system.build_from(package, NEW);
        assert_eq!(status, LEFT_OUT, "{said}");
        assert!(said.contains("built when what is missing comes"), "{said}");
    }
    assert_eq!(system.build_from("rdna1-kfd-guard-dkms", NEW).0, 1);
}

#[test]
fn an_older_kernel_without_its_source_is_left_out() {
    let system = System::new();
    let (status, said) = system.build(OLD);
    assert_eq!(status, LEFT_OUT, "{said}");
    // The running kernel must fail instead.
    system.tool("uname", &format!("echo {OLD}"));
    assert_eq!(system.build(OLD).0, 1);
}

#[test]
fn what_was_made_before_needs_no_source() {
    let system = System::new();
    system.made(OLD, "7.2.12-1");
    let (status, said) = system.build(OLD);
    assert_eq!(status, 0, "{said}");
    // Metadata for another version of the kernel's package does not count.
    system.made(NEW, "7.3.3-1");
    assert_eq!(system.build(NEW).0, 1);
}

#[test]
fn headers_that_have_the_metadata_are_left_alone() {
    let system = System::new();
    system.put(&format!("modules/{NEW}/build/rust/libkernel.rmeta"), "");
    assert_eq!(system.build(NEW), (0, String::new()));
    assert!(!system.has("kept"));
}

/// Ubuntu has a package with the metadata, so the script builds none.
#[test]
fn elsewhere_the_package_is_named_and_taken() {
    let system = System::new();
    system.put("os-release", "ID=ubuntu\nID_LIKE=debian\n");
    let (status, said) = system.build(NEW);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("sudo apt install linux-lib-rust-7.3.4-fake"),
        "{said}"
    );
    assert_eq!(system.build(OLD).0, LEFT_OUT);
    assert!(!system.has("kept"));

    // apt may install that package after the headers. Its trigger then runs `renew`.
    system.put("src/linux-lib-rust-7.3.4-fake/rust/libcore.rmeta", "");
    assert_eq!(system.build(NEW), (0, String::new()));
    let (status, said) = system.run(&["renew"]);
    assert_eq!(status, 0, "{said}");
    let asked = fs::read_to_string(system.0.path().join("asked")).expect("a build");
    assert!(
        asked.starts_with("install ") && asked.contains(NEW) && !asked.contains(OLD),
        "{asked}"
    );
}

#[test]
fn a_kernel_of_no_package_is_told_so() {
    let system = System::new();
    system.put("installed", "");
    let (status, said) = system.build(NEW);
    assert_eq!(status, 1);
    assert!(
        said.contains("no linux-headers-7.3.4-fake is installed"),
        "{said}"
    );
}

#[test]
fn when_something_came_what_can_be_built_is_built() {
    let system = System::new();
    system.made(OLD, "7.2.12-1");
    system.made(NEW, "7.3.4-1");
    system.put(
        "dkms-status",
        &format!("rdna1_kfd_guard/0.1.0, {OLD}, x86_64: installed\n"),
    );
    let (status, said) = system.run(&["renew"]);
    assert_eq!(status, 0, "{said}");
    let asked = fs::read_to_string(system.0.path().join("asked")).expect("a build");
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(
        asked.starts_with("install ") && asked.contains(NEW),
        "{asked}"
    );
}

#[test]
fn when_something_went_its_metadata_goes() {
    let system = System::new();
    system.made(OLD, "7.2.12-1");
    system.put(&format!("kept/{OLD}.log"), "");
    system.put(&format!("kept/{OLD}.lock"), "");
    system.made("7.1.1-gone", "7.1.1-1");
    for name in ["7.1.1-gone.log", "7.1.1-gone.lock", "7.1.1-gone.partial/x"] {
        system.put(&format!("kept/{name}"), "");
    }
    let (status, said) = system.run(&["renew"]);
    assert_eq!(status, 0, "{said}");
    let left = fs::read_dir(system.0.path().join("kept")).expect("a folder");
    let mut left: Vec<_> = left
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| !name.starts_with(NEW))
        .collect();
    left.sort();
    assert_eq!(
        left,
        [OLD.to_owned(), format!("{OLD}.lock"), format!("{OLD}.log")]
    );
}
