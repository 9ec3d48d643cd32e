// SPDX-License-Identifier: GPL-2.0

//! Tools that tests make up.

use std::{
    io::Write,
    path::Path,
    process::{
        Command,
        Stdio, //
    },
};

/// Writes a shell script that can be run.
///
/// Another program writes it: a thread that starts one meanwhile would hand down what we have open, and
/// what is open for writing cannot be run (ETXTBSY).
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
