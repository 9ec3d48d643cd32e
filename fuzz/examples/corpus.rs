// SPDX-License-Identifier: GPL-2.0

//! Gives each file of a folder to the core once, without a fuzzer, to measure code coverage.

use std::{
    fs,
    io, //
};

use rdna1_kfd_guard_fuzz::{
    check,
    Machine, //
};

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: corpus FOLDER");
        std::process::exit(2);
    };
    let mut inputs = 0;
    for entry in fs::read_dir(folder)? {
        check(&Machine::parse(&fs::read(entry?.path())?));
        inputs += 1;
    }
    println!("{inputs} inputs");
    Ok(())
}
