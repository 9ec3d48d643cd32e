// SPDX-License-Identifier: GPL-2.0

//! Tests the exit status of the program modproof: 0 for pass, 1 for fail, 2 for could not run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn modproof(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_modproof"))
        .args(words)
        .output()
        .expect("modproof runs")
}

/// Makes a folder as a boot leaves it below `runs`, from the golden logs of these names.
fn boot(console: &str, ktap: &str) -> tempfile::TempDir {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/judge/golden");
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |from: PathBuf, to: &str| {
        std::fs::copy(from, folder.path().join(to)).expect("copied");
    };
    copy(golden.join(format!("{console}.console")), "console.log");
    copy(golden.join(format!("{ktap}.ktap")), "ktap.log");
    std::fs::write(folder.path().join("qemu.log"), "").expect("a file");
    std::fs::write(folder.path().join("ending"), "status 0").expect("a file");
    std::fs::write(folder.path().join("cases"), "*").expect("a file");
    folder
}

fn judged(folder: &Path) -> Output {
    modproof(&["judge", folder.to_str().expect("UTF-8")])
}

#[test]
fn a_boot_that_passed_is_0() {
    let output = judged(boot("pass", "pass").path());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_boot_that_failed_is_1_and_says_why() {
    let output = judged(boot("oops", "oops").path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("oops: "), "{said}");
}

#[test]
fn logs_are_not_copied_onto_themselves_and_nothing_is_run() {
    let cache = tempfile::tempdir().expect("a folder");
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hello");
    let output = Command::new(env!("CARGO_BIN_EXE_modproof"))
        .env("MODPROOF_CACHE", cache.path())
        .arg("--project")
        .arg(project)
        .args(["test", "--filter", "no-such-group", "--report"])
        .arg(cache.path().join("runs/latest"))
        .output()
        .expect("modproof runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("name another folder"), "{said}");
    assert!(!cache.path().join("runs/latest/report.json").exists());
}

#[test]
fn what_cannot_be_run_is_2_and_says_why() {
    let folder = boot("pass", "pass");
    std::fs::remove_file(folder.path().join("console.log")).expect("removed");
    let no_project = folder.path().to_str().expect("UTF-8");
    for (output, why) in [
        (judged(folder.path()), "console.log"),
        (
            modproof(&["--project", no_project, "test"]),
            "modproof.toml",
        ),
        (modproof(&["test", "--no-such-option"]), "--no-such-option"),
        (modproof(&[]), "Usage"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
}
