// SPDX-License-Identifier: GPL-2.0

//! Writes stub tools for tests.

use std::{
    io::Write,
    path::Path,
    process::{
        Command,
        Stdio, //
    },
};

/// Writes an executable shell script, with `install`: the kernel refuses to execute a file that a
/// child of another thread inherited open for writing (ETXTBSY).
pub fn write(path: &Path, script: &str) {
    let mut install = Command::new("install")
        .args(["-D", "-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("install");
    let mut input = install.stdin.take().expect("a pipe");
    write!(input, "#!/bin/sh\n{script}\n").expect("a tool");
    drop(input);
    assert!(install.wait().expect("install").success());
}
