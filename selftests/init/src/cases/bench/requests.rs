// SPDX-License-Identifier: GPL-2.0

//! Measures how much a program slows down while its KFD ioctls are traced: not traced, by a tracefs
//! histogram, by bpftrace, and by `rdna1ctl requests`. Each tracer counts requests by kind and
//! card, and must have counted every call.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use kfd_uapi as uapi;
use modproof_guest::mounts::mount_at;
use modproof_guest::Ctx;
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::programs::need;
use crate::ask::{Asker, Last, Request};
use crate::ctl;
use crate::requests::{self, Numbers, Requests, Tracer, COMPLETE};

pub const TRACEFS: &str = "/sys/kernel/tracing";
/// KFD's handler of `AMDKFD_IOC_ALLOC_MEMORY_OF_GPU`.
pub const ALLOC: &str = "kfd_ioctl_alloc_memory_of_gpu";
pub const BPFTRACE: &str = "/usr/bin/bpftrace";
/// The structures of `kfd_ioctl.h` in plain C types: without kernel headers bpftrace knows no
/// others.
const PROGRAM: &str = "
struct kfd_alloc { unsigned long long address, size, handle, offset; unsigned int gpu_id, flags; }
struct kfd_svm { unsigned long long address, size; unsigned int op, count; }
struct kfd_attribute { unsigned int type, value; }
struct kfd_policy { unsigned long long base, size; unsigned int gpu_id, first, second; }
struct kfd_queue { unsigned long long ring, write, read, doorbell;
    unsigned int ring_size, gpu_id, type; }
fentry:amdgpu:kfd_ioctl_alloc_memory_of_gpu {
    $a = (struct kfd_alloc *)args.data;
    @alloc[$a->gpu_id, $a->flags] = count();
}
fentry:amdgpu:kfd_ioctl_svm {
    $a = (struct kfd_svm *)args.data;
    @svm[$a->op] = count();
    $i = (uint64)0;
    while ($i < $a->count && $i < 64) {
        $t = (struct kfd_attribute *)((uint64)args.data + 24 + $i * 8);
        @attribute[$a->op, $t->type, $t->value] = count();
        $i++;
    }
}
fentry:amdgpu:kfd_ioctl_set_memory_policy {
    $a = (struct kfd_policy *)args.data;
    @policy[$a->gpu_id, $a->first, $a->second] = count();
}
fentry:amdgpu:kfd_ioctl_create_queue {
    $a = (struct kfd_queue *)args.data;
    @queue[$a->gpu_id, $a->type] = count();
}";
const WATCHED: [&str; 4] = [
    ALLOC,
    "kfd_ioctl_svm",
    "kfd_ioctl_set_memory_policy",
    "kfd_ioctl_create_queue",
];
/// The file for bpftrace's stderr.
const COMPLAINT: &str = "/tmp/bpftrace.complaint";
/// The most waits until the tracer is ready; a waiting guest costs the host nothing.
const WAITS: usize = 3000;
const WAIT: Duration = Duration::from_millis(20);

/// The number of measured calls of each request.
const TIMES: u64 = 1001;
/// A gpu_id that no card has.
const NO_CARD: u32 = 0xdead;
/// More gpu_ids that no card has: many cards in one process.
const CROWD: std::ops::Range<u32> = 1..9;
/// In bytes; more than a virtual card has.
const SIZE: u64 = 4096;

/// The requests, each with the name of its figure; a request without a name is made once and not
/// measured. KFD refuses all but the first: a request without a size at once, the others when it
/// looks up the card or later, because the process has no render node of the card.
fn asked(gpu_id: u32) -> Vec<(Option<&'static str>, Request)> {
    const COARSE: u32 = uapi::KFD_IOC_ALLOC_MEM_FLAGS_VRAM;
    const FINE: u32 = COARSE | uapi::KFD_IOC_ALLOC_MEM_FLAGS_COHERENT;
    let alloc = |gpu_id, size, flags| Request::Alloc {
        gpu_id,
        flags,
        size,
    };
    let granularity = (
        uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_GRANULARITY,
        9,
    );
    let access = (
        uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_ACCESS,
        gpu_id,
    );
    let coherent = (
        uapi::kfd_ioctl_svm_attr_type_KFD_IOCTL_SVM_ATTR_SET_FLAGS,
        uapi::KFD_IOCTL_SVM_FLAG_COHERENT,
    );
    let svm = |attributes: &[_]| Request::Svm {
        op: uapi::kfd_ioctl_svm_op_KFD_IOCTL_SVM_OP_SET_ATTR,
        size: SIZE,
        attributes: attributes.to_vec(),
    };
    let counted = [
        ("version", Request::Version),
        ("empty", alloc(gpu_id, 0, FINE)),
        ("no-card", alloc(NO_CARD, SIZE, FINE)),
        ("card", alloc(gpu_id, SIZE, FINE)),
        ("coarse", alloc(gpu_id, SIZE, COARSE)),
        (
            "policy",
            Request::Policy {
                gpu_id,
                default: uapi::KFD_IOC_CACHE_POLICY_COHERENT,
                alternate: uapi::KFD_IOC_CACHE_POLICY_NONCOHERENT,
            },
        ),
        (
            "queue",
            Request::Queue {
                gpu_id,
                kind: uapi::KFD_IOC_QUEUE_TYPE_COMPUTE_AQL,
            },
        ),
        ("svm-1", svm(&[granularity])),
        ("svm-3", svm(&[access, coherent, granularity])),
    ];
    let counted = counted.map(|(name, request)| (Some(name), request));
    let crowd = CROWD.map(|gpu_id| (None, alloc(gpu_id, SIZE, COARSE)));
    let last = (Some("crowd"), alloc(CROWD.end, SIZE, FINE));
    counted.into_iter().chain(crowd).chain([last]).collect()
}

fn times(name: Option<&str>) -> u64 {
    name.map_or(1, |_| TIMES)
}

/// How often the requests that match `of` are made.
fn count(asked: &[(Option<&str>, Request)], of: impl Fn(&Request) -> bool) -> u64 {
    let asked = asked.iter().filter(|(_, request)| of(request));
    asked.map(|(name, _)| times(*name)).sum()
}

fn is_alloc(request: &Request) -> bool {
    matches!(request, Request::Alloc { .. })
}

/// Makes the requests in a new process and notes the cost of each.
fn ask(ctx: &mut Ctx, watcher: &str, asked: &[(Option<&str>, Request)]) -> Result<()> {
    let mut asker = Asker::start()?;
    ask_by(ctx, &mut asker, watcher, asked)?;
    asker.end()
}

fn ask_by(
    ctx: &mut Ctx,
    asker: &mut Asker,
    watcher: &str,
    asked: &[(Option<&str>, Request)],
) -> Result<()> {
    for (name, request) in asked {
        let counts = asker.count(request, times(*name))?;
        if let Some(name) = name {
            ctx.note(counts.line(&format!("request.{watcher}.{name}")));
        }
    }
    Ok(())
}

/// Nobody traces.
pub fn unwatched(ctx: &mut Ctx, gpu_id: u32) -> Result<()> {
    ask(ctx, "none", &asked(gpu_id))
}

/// A kprobe event with a histogram, only for memory requests: it cannot follow a list of
/// attributes.
pub fn by_tracefs(ctx: &mut Ctx, gpu_id: u32) -> Result<()> {
    need_tracefs()?;
    let events = Path::new(TRACEFS).join("kprobe_events");
    let event = Path::new(TRACEFS).join("events/kfd/alloc");
    let probe = format!("p:kfd/alloc amdgpu:{ALLOC} gpu=+32($arg3):x32 flags=+36($arg3):x32");
    let histogram = "hist:keys=gpu.hex,flags.hex";
    let asked: Vec<_> = asked(gpu_id)
        .into_iter()
        .filter(|(_, request)| is_alloc(request) || *request == Request::Version)
        .collect();
    write(&events, &probe)?;
    write(&event.join("trigger"), histogram)?;
    ask(ctx, "tracefs", &asked)?;
    let text = fs::read_to_string(event.join("hist")).context("read the histogram")?;
    write(&event.join("trigger"), &format!("!{histogram}"))?;
    write(&events, "-:kfd/alloc")?;
    let seen = hits(&text).with_context(|| format!("a histogram without hits:\n{text}"))?;
    let expected = count(&asked, is_alloc);
    ensure!(
        seen == expected,
        "tracefs: expected {expected} calls, seen {seen}"
    );
    Ok(())
}

/// bpftrace with fentry, its cheapest kind of probe.
pub fn by_bpftrace(ctx: &mut Ctx, gpu_id: u32) -> Result<()> {
    need(BPFTRACE)?;
    need_tracefs()?;
    let asked = asked(gpu_id);
    let mut bpftrace = Command::new(BPFTRACE);
    let text = while_it_watches(bpftrace.args(["-e", PROGRAM]), &WATCHED, || {
        ask(ctx, "bpftrace", &asked)
    })?;
    let attributes = asked.iter().map(|(_, request)| match request {
        Request::Svm { attributes, .. } => attributes.len() as u64,
        _ => 0,
    });
    for (map, expected) in [
        ("alloc", count(&asked, is_alloc)),
        ("svm", count(&asked, |r| matches!(r, Request::Svm { .. }))),
        ("attribute", attributes.sum::<u64>() * TIMES),
        (
            "policy",
            count(&asked, |r| matches!(r, Request::Policy { .. })),
        ),
        (
            "queue",
            count(&asked, |r| matches!(r, Request::Queue { .. })),
        ),
    ] {
        let seen: u64 = text.lines().filter_map(|line| counted(line, map)).sum();
        ensure!(
            seen == expected,
            "bpftrace: expected {expected} in @{map}, seen {seen}:\n{text}"
        );
    }
    Ok(())
}

/// Runs `work` once bpftrace traces these functions; `command` is bpftrace or executes it. Returns
/// its output.
pub fn while_it_watches(
    command: &mut Command,
    watched: &[&str],
    work: impl FnOnce() -> Result<()>,
) -> Result<String> {
    let said = Path::new("/tmp/bpftrace");
    let mut watcher = command
        .env_clear()
        .env("PATH", "/usr/bin")
        .stdin(Stdio::null())
        .stdout(File::create(said)?)
        .stderr(File::create(COMPLAINT)?)
        .spawn()
        .context("start bpftrace")?;
    let done = wait_until_watched(&mut watcher, watched).and_then(|()| work());
    // Even if `work` failed: bpftrace must not trace the next case.
    let _ = kill(Pid::from_raw(i32::try_from(watcher.id())?), Signal::SIGINT);
    watcher.wait().context("wait for bpftrace")?;
    done?;
    fs::read_to_string(said).context("read what bpftrace said")
}

/// `rdna1ctl requests` for all processes, for one process, and for a command and its children.
/// After it ends, requests cost as little as without a tracer.
pub fn by_rdna1ctl(ctx: &mut Ctx, gpu_id: u32) -> Result<()> {
    let asked = asked(gpu_id);
    let tracer = Tracer::start(&[])?;
    let mut asker = Asker::start()?;
    ask_by(ctx, &mut asker, "ours", &asked)?;
    expect(&tracer.end(COMPLETE)?, asker.id(), &asked)?;

    let tracer = Tracer::start(&["--pid", &asker.id().to_string()])?;
    ask_by(ctx, &mut asker, "process", &asked)?;
    expect(&tracer.end(COMPLETE)?, asker.id(), &asked)?;
    ask_by(ctx, &mut asker, "after", &asked)?;
    asker.end()?;

    let mut command = ctl::command(&["requests", "--json", "--", "/init"])?;
    let mut asker = Asker::start_heard_by_stderr(&mut command)?;
    ask_by(ctx, &mut asker, "command", &asked)?;
    let mut other = Asker::start()?;
    ask_by(ctx, &mut other, "others", &asked)?;
    other.end()?;
    let (_, said) = asker.output(Last::End)?;
    let seen = Requests::parse(said)?;
    expect(
        &seen,
        u32::try_from(seen.number("/processes/0/pid")?)?,
        &asked,
    )
}

/// Demands that the tracer counted exactly these requests, of that process.
fn expect(seen: &Requests, pid: u32, asked: &[(Option<&str>, Request)]) -> Result<()> {
    let mut expected = Numbers::new();
    for (name, request) in asked.iter().filter(|(_, one)| *one != Request::Version) {
        requests::add(&mut expected, pid, request, times(*name))?;
    }
    seen.expect_numbers(&expected)
}

pub fn need_tracefs() -> Result<()> {
    mount_at("tracefs", TRACEFS, "").map_err(|error| anyhow::anyhow!(error))
}

/// Waits until the kernel traces these functions, as `enabled_functions` shows.
fn wait_until_watched(watcher: &mut Child, watched: &[&str]) -> Result<()> {
    let path = Path::new(TRACEFS).join("enabled_functions");
    for _ in 0..WAITS {
        let text = fs::read_to_string(&path).context("read what is traced")?;
        let is_watched = |name: &&str| {
            text.lines()
                .any(|line| line.split(' ').next() == Some(*name))
        };
        if watched.iter().all(is_watched) {
            return Ok(());
        }
        if let Some(status) = watcher.try_wait()? {
            let why = fs::read_to_string(COMPLAINT).unwrap_or_default();
            bail!("bpftrace ended with {status}: {}", why.trim());
        }
        thread::sleep(WAIT);
    }
    bail!("bpftrace does not watch all of {watched:?}");
}

fn write(path: &Path, text: &str) -> Result<()> {
    let file = File::options().append(true).open(path);
    let mut file = file.with_context(|| format!("open {}", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .with_context(|| format!("write {text} to {}", path.display()))
}

/// The number in the line `    Hits: 12` at the end of a histogram.
pub fn hits(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Hits:"))?;
    line.trim().parse().ok()
}

/// The number in bpftrace's line `@map[1, 2]: 12`.
pub fn counted(line: &str, map: &str) -> Option<u64> {
    let keys = line
        .strip_prefix('@')?
        .strip_prefix(map)?
        .strip_prefix('[')?;
    keys.rsplit_once("]: ")?.1.parse().ok()
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
        let line = "@svm[48879, 67108866]: 10000";
        assert_eq!(counted(line, "svm"), Some(10000));
        assert_eq!(counted(line, "sv"), None);
        assert_eq!(counted(line, "alloc"), None);
        assert_eq!(counted("Attaching 4 probes...", "svm"), None);
    }
}
