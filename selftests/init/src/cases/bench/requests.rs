// SPDX-License-Identifier: GPL-2.0

//! What watching KFD's ioctls costs the program that is watched: not at all, by what a kernel has
//! without more (a histogram in tracefs), by bpftrace, and by the module. Each answers the same
//! question: how often was memory asked for, of which card, with which flags?

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::programs::need;
use crate::ctx::Ctx;
use crate::guard;
use crate::kfd_caller;
use crate::modinfo::ModInfo;
use crate::modules::own_path;
use crate::mounts::mount_at;

const TRACEFS: &str = "/sys/kernel/tracing";
/// What is watched.
const WATCHED: &str = "kfd_ioctl_alloc_memory_of_gpu";
const BPFTRACE: &str = "/usr/bin/bpftrace";
/// The argument is a `struct kfd_ioctl_alloc_memory_of_gpu_args`. Its types are C's own: without a
/// kernel's headers bpftrace knows no others.
const PROGRAM: &str = "struct kfd_request { unsigned long long address, size, handle, offset; \
     unsigned int gpu_id, flags; } \
     fentry:amdgpu:kfd_ioctl_alloc_memory_of_gpu \
     { $a = (struct kfd_request *)args.data; @[$a->gpu_id, $a->flags] = count(); }";
/// How long the watchers may take, in waits that cost the host nothing.
const WAITS: usize = 3000;
const WAIT: Duration = Duration::from_millis(20);

/// Nobody watches.
pub fn unwatched(ctx: &mut Ctx, gpu_id: &str) -> Result<()> {
    call(ctx, "none", gpu_id).map(drop)
}

/// A kprobe event with a histogram.
pub fn by_tracefs(ctx: &mut Ctx, gpu_id: &str) -> Result<()> {
    need_tracefs()?;
    let events = Path::new(TRACEFS).join("kprobe_events");
    let event = Path::new(TRACEFS).join("events/kfd/alloc");
    let probe = format!("p:kfd/alloc amdgpu:{WATCHED} gpu=+32($arg3):x32 flags=+36($arg3):x32");
    let histogram = "hist:keys=gpu.hex,flags.hex";
    write(&events, &probe)?;
    write(&event.join("trigger"), histogram)?;
    let calls = call(ctx, "tracefs", gpu_id)?;
    let text = fs::read_to_string(event.join("hist")).context("read the histogram")?;
    write(&event.join("trigger"), &format!("!{histogram}"))?;
    write(&events, "-:kfd/alloc")?;
    let seen = hits(&text).with_context(|| format!("a histogram without hits:\n{text}"))?;
    ensure!(
        seen == calls,
        "tracefs: expected {calls} calls, seen {seen}"
    );
    Ok(())
}

/// bpftrace, by its cheapest kind of probe.
pub fn by_bpftrace(ctx: &mut Ctx, gpu_id: &str) -> Result<()> {
    need(BPFTRACE)?;
    need_tracefs()?;
    let said = Path::new("/tmp/bpftrace");
    let mut watcher = Command::new(BPFTRACE)
        .args(["-e", PROGRAM])
        .env_clear()
        .env("PATH", "/usr/bin")
        .stdin(Stdio::null())
        .stdout(File::create(said)?)
        .stderr(File::create("/tmp/bpftrace.complaint")?)
        .spawn()
        .context("start bpftrace")?;
    let watched = wait_until_watched(&mut watcher).and_then(|()| call(ctx, "bpftrace", gpu_id));
    // Also where that has failed: it must not watch what comes next.
    let _ = kill(Pid::from_raw(i32::try_from(watcher.id())?), Signal::SIGINT);
    watcher.wait().context("wait for bpftrace")?;
    let calls = watched?;
    let text = fs::read_to_string(said).context("read what bpftrace said")?;
    let seen: u64 = text.lines().filter_map(counted).sum();
    ensure!(
        seen == calls,
        "bpftrace: expected {calls} calls, seen {seen}:\n{text}"
    );
    Ok(())
}

/// The module, if it can.
pub fn by_module(ctx: &mut Ctx, gpu_id: &str) -> Result<()> {
    let parameters = ModInfo::read(&own_path(guard::NAME))?;
    if !parameters
        .all("parm")
        .any(|parm| parm.starts_with("requests:"))
    {
        ctx.note("the module has no parameter `requests`");
        return Ok(());
    }
    ctx.modules.load_own(guard::NAME, "requests=1")?;
    let calls = call(ctx, "ours", gpu_id)?;
    let text = guard::text("requests")?;
    ensure!(
        text.split(|c: char| !c.is_ascii_digit())
            .any(|word| word == calls.to_string()),
        "requests: expected {calls} calls, seen\n{text}"
    );
    guard::unload()
}

/// Has a program call KFD, and hands on what it has counted. Gives how often it asked for memory.
fn call(ctx: &mut Ctx, watcher: &str, gpu_id: &str) -> Result<u64> {
    let output = Command::new("/proc/self/exe")
        .args([kfd_caller::VERB, watcher, gpu_id])
        .output()
        .context("start the program that calls KFD")?;
    ensure!(
        output.status.success(),
        "the program that calls KFD: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    ctx.note(String::from_utf8(output.stdout)?);
    Ok(kfd_caller::CALLS)
}

fn need_tracefs() -> Result<()> {
    mount_at("tracefs", TRACEFS, "").map_err(|error| anyhow::anyhow!(error))
}

/// Waits until the function calls something at its entry.
fn wait_until_watched(watcher: &mut Child) -> Result<()> {
    let path = Path::new(TRACEFS).join("enabled_functions");
    for _ in 0..WAITS {
        let text = fs::read_to_string(&path).context("read what is traced")?;
        if text.lines().any(|line| line.starts_with(WATCHED)) {
            return Ok(());
        }
        if let Some(status) = watcher.try_wait()? {
            let why = fs::read_to_string("/tmp/bpftrace.complaint").unwrap_or_default();
            bail!("bpftrace ended with {status}: {}", why.trim());
        }
        thread::sleep(WAIT);
    }
    bail!("bpftrace does not watch {WATCHED}");
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = File::options().append(true).open(path);
    let written = file
        .as_mut()
        .map(|file| std::io::Write::write_all(file, text.as_bytes()));
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error).with_context(|| format!("write {text} to {}", path.display())),
        Err(_) => Err(file.unwrap_err()).with_context(|| format!("open {}", path.display())),
    }
}

/// `    Hits: 12` at the end of a histogram.
fn hits(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Hits:"))?;
    line.trim().parse().ok()
}

/// `@[1, 2]: 12` of bpftrace.
fn counted(line: &str) -> Option<u64> {
    line.strip_prefix("@[")?.rsplit_once("]: ")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_others_are_read() {
        let text = "# event histogram\n\n{ gpu: 17, flags: 4 } hitcount:  7\n\nTotals:\n    \
                    Hits: 9\n    Entries: 2\n    Dropped: 0\n";
        assert_eq!(hits(text), Some(9));
        assert_eq!(hits("Totals:\n"), None);
        assert_eq!(counted("@[48879, 67108866]: 10000"), Some(10000));
        assert_eq!(counted("Attaching 1 probe..."), None);
    }
}
