// SPDX-License-Identifier: GPL-2.0

//! `shell`: a prompt in a guest.

use std::fs::File;
use std::io::{stdin, stdout, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use modproof_formats::words;

use crate::accel::Accelerator;
use crate::context::Context;
use crate::options::Guests;
use crate::provision::busybox;
use crate::qemu::{Ending, Guest, Limits, Port, COMMAND_LINE};
use crate::terminal;
use crate::warm::handover;

/// The suite of the guest, which has no cases.
pub const SUITE: &str = "shell";

/// The bytes that end the guest at the end of the input. The line `exit` is necessary: the guest
/// loses a Ctrl-D that arrives while its shell changes the terminal's mode.
const END_OF_INPUT: &[u8] = b"\x04\nexit\n";

/// Starts a guest, and connects it with the terminal.
pub fn run(context: &Context, guests: &Guests) -> Result<ExitCode> {
    let kernel = context.kernel()?;
    let provision = context.provisioning(kernel);
    let ready = crate::provision::provision(&provision)?;
    let busybox = busybox::ensure(&provision, &ready)?;
    let suite = &kernel.suite(context.project.suites.find(SUITE)?);
    let builder = context.builder(&ready)?;
    let mut guest = match context
        .project
        .modules
        .first()
        .filter(|_| suite.with.is_empty())
    {
        Some(module) => builder.build_described(module)?,
        None => {
            builder
                .build(suite.with.iter().map(|part| &**part))?
                .expect_all()?
                .guest
        }
    };
    guest.add_program("bin/busybox", &busybox)?;
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    let pool = context.pool(&ready, &guest, &accelerator);
    let pool = pool.as_ref().filter(|_| !guests.cold);
    let asked = [&*suite.command_line, &guests.words].join(" ");
    let mut words = format!("{} {}", words::word(words::SHELL, "1"), asked.trim());
    if let Some((rows, columns)) = terminal::size() {
        let size = words::word(words::TERMINAL, &format!("{rows}x{columns}"));
        words.push_str(&format!(" {size}"));
    }

    let folder = context.cache.root().join("runs/shell");
    std::fs::create_dir_all(&folder)?;
    let scratch = tempfile::Builder::new()
        .prefix("run.")
        .tempdir_in(&folder)?;
    let _half_done = crate::interrupt::RemoveOnInterrupt::new(scratch.path());
    let mut console = File::create(folder.join("console.log"))?;
    let limit = guests.limit().unwrap_or(suite.limit());
    // Holds the snapshot while the guest runs.
    let mut _snapshot = None;
    let pool = match pool {
        Some(pool) if pool.can_start(suite)? => Some(pool),
        _ => None,
    };
    let running = match pool.zip(suite.warm.as_ref()) {
        Some((pool, load)) => {
            let resumed = pool.resume(load, &handover(&guest, suite, &words)?)?;
            _snapshot = Some(resumed.snapshot);
            resumed.running
        }
        None => {
            let initramfs = scratch.path().join("initramfs.cpio");
            guest.write_initramfs(&initramfs, suite)?;
            Guest {
                image: &ready.image,
                initramfs: Some(&initramfs),
                machine: suite.machine.clone(),
                command_line: format!("{COMMAND_LINE} {words}"),
                accelerator: accelerator.arguments(),
                limits: Limits::new(limit, limit),
            }
            .start()?
        }
    };
    context.ui.say("a prompt in the guest; `exit` ends it");
    let mut to_guest = Some(running.input().context("no way into the guest")?);
    let raw = terminal::Raw::enter()?;
    let mut last_words = String::new();
    let limits = Limits {
        // No limit: modproof keeps only the console of this guest.
        most: usize::MAX,
        ..Limits::new(limit, limit)
    };
    let ending = running.listen(limits, |port, bytes| {
        match port {
            Port::Output => {
                // Connect the input at the first output. Earlier input would be lost.
                if let Some(to_guest) = to_guest.take() {
                    std::thread::spawn(move || hand_in(to_guest));
                }
                let mut out = stdout();
                out.write_all(bytes).and_then(|()| out.flush())?;
            }
            Port::Console => console.write_all(bytes)?,
            Port::Ktap | Port::Qemu => last_words.push_str(&String::from_utf8_lossy(bytes)),
        }
        Ok(())
    })?;
    drop(raw);
    if !matches!(ending, Ending::Exited(status) if status.success()) || !last_words.is_empty() {
        let console = folder.join("console.log");
        let console = console.display();
        context
            .ui
            .say(format!("{ending}\n{last_words}console log: {console}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Passes standard input to the guest, and ends the guest at the end of the input.
fn hand_in(mut to_guest: UnixStream) {
    let mut buffer = [0; 256];
    while let Ok(length @ 1..) = stdin().read(&mut buffer) {
        if to_guest.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    let _ = to_guest.write_all(END_OF_INPUT);
}
