// SPDX-License-Identifier: GPL-2.0

//! Tracing ends with the tracer, never blocks an unload of amdgpu, and reports incomplete counts.

use std::fs;
use std::os::unix::process::CommandExt as _;

use anyhow::{ensure, Context, Result};
use modproof_guest::modules::is_loaded;
use modproof_guest::Ctx;
use nix::errno::Errno;
use serde_json::json;

use super::readers::wait_for;
use super::requests::{expect_patched, gpu_id, load};
use super::requests_kinds::alloc;
use super::stock::{amdgpu_references, need_amdgpu};
use crate::ask::Asker;
use crate::ctl;
use crate::fixture::STOCK;
use crate::requests::{add, refused, Numbers, Requests, Tracer, COMPLETE, INCOMPLETE};

const AMDGPU: &str = "amdgpu";
const COHERENT: u32 = 1 << 26;
/// Longer than the tracer's interval between two checks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(2500);

/// Demands that the kernel keeps no probe, no event and no patched function of a tracer.
fn expect_nothing_left() -> Result<()> {
    // The kernel closes a process's descriptors after it has reported the process's end.
    wait_for("the end of the probes", || Ok(expect_patched(0).is_ok()))?;
    let events = "/sys/kernel/debug/tracing/kprobe_events";
    let text = fs::read_to_string(events).with_context(|| format!("read {events}"))?;
    ensure!(text.is_empty(), "{events}: expected none, seen {text}");
    Ok(())
}

/// Starts a tracer, makes a request, and demands that the tracer counts it.
fn expect_counted(gpu_id: u32) -> Result<Requests> {
    let tracer = Tracer::start(&[])?;
    let mut asker = Asker::start()?;
    let request = alloc(gpu_id, 1 | COHERENT);
    asker.ask(&request, 7, 1)?;
    let mut expected = Numbers::new();
    add(&mut expected, asker.id(), &request, 7)?;
    asker.end()?;
    let seen = tracer.end(COMPLETE)?;
    seen.expect_numbers(&expected)?;
    Ok(seen)
}

/// After SIGKILL, the kernel removes the probes and amdgpu can be unloaded.
pub fn killed(ctx: &mut Ctx) -> Result<()> {
    load(ctx)?;
    let before = amdgpu_references()?;
    for arguments in [&[][..], &["--pid", "1"]] {
        let tracer = Tracer::start(arguments)?;
        expect_patched(5)?;
        ensure!(
            amdgpu_references()? == before,
            "amdgpu's references while it is traced: expected {before}, seen {}",
            amdgpu_references()?
        );
        tracer.murder()?;
        expect_nothing_left()?;
    }
    // A tracer that follows a command also has tracepoints; the command outlives the tracer.
    let mut command = ctl::command(&["requests", "--", super::requests_whose::ASKER])?;
    let asker = Asker::start_by(&mut command)?;
    expect_patched(5)?;
    asker.murder()?;
    expect_nothing_left()?;
    wait_for(
        "the end of the asker",
        || Ok(amdgpu_references()? == before),
    )?;
    STOCK.unload()?;
    ensure!(amdgpu_references()? == 0, "amdgpu is held");
    ctx.modules.unload(AMDGPU)
}

/// SIGKILL while eight threads make requests without pause; the next tracer counts again.
pub fn killed_in_a_storm(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let mut asker = Asker::start()?;
    asker.begin_storm(&alloc(id, 1 | COHERENT), 8)?;
    for _ in 0..ctx.share_of(4) {
        let tracer = Tracer::start(&[])?;
        expect_patched(5)?;
        tracer.murder()?;
        expect_nothing_left()?;
    }
    ensure!(asker.end_storm()? > 0, "nothing was asked");
    asker.end()?;
    expect_counted(id).map(drop)
}

/// Without amdgpu there is nothing to trace, so the tracer fails instead of reporting zeros.
pub fn without_amdgpu(ctx: &mut Ctx) -> Result<()> {
    if is_loaded(AMDGPU) {
        ctx.modules.unload(AMDGPU)?;
    }
    for (arguments, status) in [
        (&["requests", "--json"][..], 2),
        (&["requests", "--", "/init", "nothing"], 125),
    ] {
        let said = refused(&mut ctl::command(arguments)?, status)?;
        ensure!(
            said.contains("amdgpu is not loaded") && said.contains("modprobe amdgpu"),
            "it said {said}"
        );
    }
    need_amdgpu(ctx)
}

/// amdgpu can be unloaded and reloaded during a trace. The tracer keeps its counts, counts on, and
/// reports that some requests may be missing.
pub fn reloaded(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    let request = alloc(id, 1 | COHERENT);
    let mut expected = Numbers::new();
    let mut ask = |times| -> Result<()> {
        let mut asker = Asker::start()?;
        asker.ask(&request, times, 1)?;
        add(&mut expected, asker.id(), &request, times)?;
        asker.end()
    };
    let tracer = Tracer::start(&[])?;
    ask(3)?;
    STOCK.unload()?;
    ctx.modules.unload(AMDGPU)?;
    std::thread::sleep(LOOK);
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    ensure!(gpu_id(&STOCK.card(0)?)? == id, "the card has another id");
    std::thread::sleep(LOOK);
    ask(4)?;
    let seen = tracer.end(INCOMPLETE)?;
    seen.expect_numbers(&expected)?;
    seen.expect("/tracing/state", &json!("armed"))?;
    ensure!(seen.number("/tracing/unloads")? >= 1, "no unload was seen");
    expect_nothing_left()?;

    let tracer = Tracer::start(&[])?;
    STOCK.unload()?;
    ctx.modules.unload(AMDGPU)?;
    let seen = tracer.end(INCOMPLETE)?;
    seen.expect("/tracing/state", &json!("gone"))?;
    need_amdgpu(ctx)
}

/// Without root, `requests` fails with the reason, while `run` still runs its program.
pub fn not_root(ctx: &mut Ctx) -> Result<()> {
    load(ctx)?;
    let mut command = ctl::command(&["requests", "--json"])?;
    let said = refused(command.uid(65534).gid(65534), 2)?;
    ensure!(
        said.contains("needs root") && said.contains("sudo"),
        "it said {said}"
    );
    let mut command = ctl::command(&["run", "--no-env", "--", "/init", "nothing"])?;
    let output = command.uid(65534).gid(65534).output()?;
    let said = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    // Status 2 proves that /init ran: it is its status for unknown arguments.
    ensure!(
        output.status.code() == Some(2) && said.contains("needs root"),
        "run: seen {}\n{said}",
        output.status
    );
    Ok(())
}

/// Somebody turns off all kprobes.
pub fn blind_without_kprobes(ctx: &mut Ctx) -> Result<()> {
    blind(ctx, "/sys/kernel/debug/kprobes/enabled")
}

/// Somebody turns off ftrace. From Linux 7.3 on the kernel refuses that, and nothing is lost.
pub fn blind_without_ftrace(ctx: &mut Ctx) -> Result<()> {
    const SWITCH: &str = "/proc/sys/kernel/ftrace_enabled";
    match fs::write(SWITCH, "0") {
        Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {
            ctx.note("the kernel refuses to turn ftrace off");
            let (_, id) = load(ctx)?;
            expect_counted(id).map(drop)
        }
        written => {
            written.with_context(|| format!("turn {SWITCH} off"))?;
            fs::write(SWITCH, "1").with_context(|| format!("turn {SWITCH} on"))?;
            blind(ctx, SWITCH)
        }
    }
}

/// Turns a switch off, and on again when dropped, so that a failed case does not leave it off.
struct Off(&'static str);

impl Off {
    fn turn(switch: &'static str) -> Result<Self> {
        fs::write(switch, "0").with_context(|| format!("turn {switch} off"))?;
        Ok(Self(switch))
    }

    fn on(self) -> Result<()> {
        fs::write(self.0, "1").with_context(|| format!("turn {} on", self.0))
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        let _ = fs::write(self.0, "1");
    }
}

/// The probes are attached, but the kernel does not call them. The tracer must report that, also
/// after it has ended. The switch is already off when the tracer starts.
fn blind(ctx: &mut Ctx, switch: &'static str) -> Result<()> {
    let (_, id) = load(ctx)?;
    expect_counted(id)?;
    let mut asker = Asker::start()?;
    let (missing, counted) = (alloc(id, 1), alloc(id, 2));

    let off = Off::turn(switch)?;
    let tracer = Tracer::start(&[])?;
    asker.ask(&missing, 5, 1)?;
    let seen = tracer.end(INCOMPLETE)?;
    seen.expect("/tracing/state", &json!("blind"))?;
    // A count of zero would be wrong here, hence the state `blind`.
    seen.expect_numbers(&Numbers::new())?;

    let tracer = Tracer::start(&[])?;
    off.on()?;
    // The kernel does not turn these probes on again; the tracer attaches new ones.
    std::thread::sleep(LOOK);
    asker.ask(&counted, 3, 1)?;
    let mut expected = Numbers::new();
    add(&mut expected, asker.id(), &counted, 3)?;
    let seen = tracer.end(INCOMPLETE)?;
    seen.expect("/tracing/state", &json!("armed"))?;
    seen.expect("/tracing/was_blind", &json!(true))?;
    seen.expect_numbers(&expected)?;
    asker.end()?;
    expect_counted(id).map(drop)
}
