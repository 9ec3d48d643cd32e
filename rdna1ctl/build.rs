// SPDX-License-Identifier: GPL-2.0

//! Compiles the BPF programs that count requests to KFD.

use std::env;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};

const PROGRAM: &str = "bpf/requests.bpf.c";

/// Debian keeps the processor's headers here, and clang does not search this folder for BPF.
const HEADERS: &str = "/usr/include/x86_64-linux-gnu";

fn main() -> Result<()> {
    for input in ["bpf", "build.rs"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rerun-if-env-changed=CLANG");
    let clang = env::var_os("CLANG").filter(|name| !name.is_empty());
    let clang = clang.unwrap_or_else(|| "clang".into());
    let kfd = env::var_os("DEP_KFD_UAPI_INCLUDE").context("kfd-uapi names no folder of headers")?;
    let out = env::var("OUT_DIR")?;
    let object = PathBuf::from(&out).join("requests.bpf.o");
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let mut command = Command::new(&clang);
    // -g emits BTF, which describes the maps. Atomic operations that return a value need v3.
    command
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g"])
        .args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"])
        // Keep the path of the build folder out of the object.
        .args([
            format!("-ffile-prefix-map={out}=out"),
            format!("-ffile-prefix-map={here}=rdna1ctl"),
        ])
        .arg("-I")
        .arg(kfd)
        .args(["-idirafter", HEADERS, "-c", PROGRAM, "-o"])
        .arg(&object);
    let name = clang.to_string_lossy();
    match command.status() {
        Ok(status) => ensure!(
            status.success(),
            "{name} could not compile rdna1ctl/{PROGRAM} for BPF ({status}); it needs clang 12 or \
             newer and the headers of linux-libc-dev"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "rdna1ctl/{PROGRAM} needs clang, and there is no {name}. Install it (Debian, Ubuntu: \
             apt install clang; Fedora: dnf install clang; Arch: pacman -S clang), or name it with \
             CLANG="
        ),
        Err(error) => bail!("cannot start {name}: {error}"),
    }
    Ok(())
}
