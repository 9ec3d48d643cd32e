// SPDX-License-Identifier: GPL-2.0

//! Traces the requests of programs to KFD, with BPF programs that count in the kernel.
//!
//! perf's kprobes attach the programs, whose data is in [`layout`]. They belong to file descriptors
//! of this process, so the kernel removes them however this process ends.

mod attach;
pub mod layout;
mod mapped;
mod unable;

use std::fs;
use std::os::linux::fs::MetadataExt as _;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::{Ebpf, EbpfLoader};
use nix::time::{clock_getres, ClockId};

use crate::root::Root;
use attach::{Attached, FUNCTIONS};
use layout::{Asked, FileVariable, Fine, Svm, KINDS};
use mapped::Mapped;
pub use unable::Unable;

/// The BPF programs. The macro aligns them.
static PROGRAM: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/requests.bpf.o"));

/// A file of KFD's topology. A read of it makes KFD call a function that has a probe.
const CHECK: &str = "/sys/class/kfd/kfd/topology/generation_id";

/// The driver. Its inode changes if the driver is loaded again.
const DRIVER: &str = "/sys/module/amdgpu";

/// The room for pairs of a process and a card: a power of two.
const ROOM: u32 = 4096;

/// The processes whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All processes.
    All,
    /// That process.
    Process(u32),
    /// The processes that the calling thread starts, and all their descendants.
    Started,
}

/// Whether new requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TracerState {
    /// KFD was made to call a function, and its probe saw the call.
    Armed,
    /// KFD called the function, but its probe did not see it: kprobes or ftrace are switched off.
    Blind,
    /// The probes are attached, but the check could not be made.
    Unchecked,
    /// amdgpu is no longer loaded.
    Gone,
}

/// One of KFD's ioctl handlers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Probe {
    /// The name of the ioctl.
    pub ioctl: &'static str,
    /// The function.
    pub function: &'static str,
    /// Why it is not traced; null if it is.
    pub unavailable: Option<String>,
    /// Requests that found no room or could not be read. They are counted nowhere else.
    pub lost: u64,
    /// Requests that the kernel did not pass on, because the CPU was running another BPF program.
    pub missed: u64,
}

/// How tracing went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Tracing {
    /// Whether new requests are counted.
    pub state: TracerState,
    /// Whether an earlier check was not seen, so that requests may be missing.
    pub was_blind: bool,
    /// How often amdgpu was unloaded meanwhile. Requests made after a reload, but before the probes
    /// were attached again, are missing.
    pub unloads: u64,
    /// Whether SVM attributes are counted: only if this amdgpu checks their number.
    pub svm_attributes: bool,
    /// The handlers.
    pub probes: Vec<Probe>,
}

impl Tracing {
    /// Whether every request was counted.
    pub fn is_complete(&self) -> bool {
        self.state == TracerState::Armed
            && !self.was_blind
            && self.unloads == 0
            && self
                .probes
                .iter()
                .all(|one| one.unavailable.is_none() && one.lost == 0 && one.missed == 0)
    }
}

/// All counts so far.
pub struct Counts {
    /// The requests by process and card.
    pub cards: Vec<Asked>,
    /// The requests by process.
    pub svm: Vec<Svm>,
    /// The number of fine-grained requests.
    pub fine: u64,
    /// The number of those that were not kept.
    pub left_out: u64,
    /// The last complete ones, each with its time in nanoseconds, the oldest first.
    pub last: Vec<(u64, Fine)>,
    /// The state of tracing.
    pub tracing: Tracing,
}

/// Traces as long as this value lives.
pub struct Tracer {
    root: Root,
    bpf: Ebpf,
    kept: Mapped<FileVariable>,
    cards: Mapped<Asked>,
    ranges: Mapped<Svm>,
    attached: Attached,
    driver: Option<u64>,
    state: TracerState,
    was_blind: bool,
    unloads: u64,
}

impl Tracer {
    /// Starts tracing. `room` limits the number of pairs of a process and a card.
    pub fn start(root: &Root, wanted: Wanted, room: Option<u32>) -> Result<Self, Unable> {
        let driver = inode(root);
        unable::check(root, wanted, driver.is_some())?;
        let begin = || -> Result<Self> {
            let mut bpf = load(root, wanted, room)?;
            if wanted == Wanted::Started {
                attach::follow(&mut bpf)?;
            }
            let attached = Attached::new(&mut bpf, is_module(root))?;
            let mut tracer = Self {
                root: root.clone(),
                kept: Mapped::new(&bpf, "kept")?,
                cards: Mapped::new(&bpf, "cards")?,
                ranges: Mapped::new(&bpf, "ranges")?,
                bpf,
                attached,
                driver,
                state: TracerState::Unchecked,
                was_blind: false,
                unloads: 0,
            };
            tracer.check()?;
            Ok(tracer)
        };
        begin().map_err(|error| unable::explain(root, &error))
    }

    /// Checks that tracing still works. If amdgpu was loaded again, attaches the probes again.
    pub fn look(&mut self) -> Result<()> {
        let driver = inode(&self.root);
        if driver != self.driver {
            self.unloads = self.unloads.saturating_add(1);
            self.driver = driver;
            self.attach_again()?;
        }
        self.check()?;
        if self.state == TracerState::Blind {
            // A probe that is attached while kprobes are off stays off after they are turned on
            // again.
            self.attach_again()?;
            self.check()?;
        }
        Ok(())
    }

    fn attach_again(&mut self) -> Result<()> {
        self.attached.detach(&mut self.bpf)?;
        if self.driver.is_some() {
            self.attached = Attached::new(&mut self.bpf, is_module(&self.root))?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.state = if self.driver.is_none() {
            TracerState::Gone
        } else {
            let before = self.kept.get(0)?.checks;
            let read = self.root.bytes(CHECK).is_ok();
            if !read || !self.attached.has_check {
                TracerState::Unchecked
            } else if self.kept.get(0)?.checks == before {
                TracerState::Blind
            } else {
                TracerState::Armed
            }
        };
        self.was_blind |= self.state == TracerState::Blind;
        Ok(())
    }

    /// Copies the counts.
    pub fn read(&mut self) -> Result<Counts> {
        self.look()?;
        // An entry is complete if its seal did not change while it was copied.
        let (kept, later) = (self.kept.get(0)?, self.kept.get(0)?);
        let both = kept.ring.into_iter().zip(&later.ring);
        let whole = both.filter(|(fine, later)| fine.number().is_some() && fine.is_same(later));
        let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).context("no length of a tick")?;
        let tick = u64::try_from(Duration::from(tick).as_nanos())?;
        let whole = whole.map(|(fine, _)| (later.nanoseconds(&fine, tick), fine));
        let mut last: Vec<_> = whole.collect();
        last.sort_by_key(|(_, fine)| fine.number());
        let mut cards = rows(&self.cards, |row| row.key != 0)?;
        cards.sort_by_key(|row| row.key);
        let mut svm = rows(&self.ranges, |row| row.key != 0)?;
        svm.sort_by_key(|row| row.key);
        let probes = KINDS.iter().zip(FUNCTIONS).zip(later.lost).enumerate();
        let probes = probes.map(|(kind, ((ioctl, function), lost))| Probe {
            ioctl,
            function,
            unavailable: self.attached.unavailable.get(kind).cloned().flatten(),
            lost,
            missed: attach::missed(&self.bpf, ioctl),
        });
        Ok(Counts {
            cards,
            svm,
            fine: later.fine,
            left_out: later.left_out,
            last,
            tracing: Tracing {
                state: self.state,
                was_blind: self.was_blind,
                unloads: self.unloads,
                svm_attributes: self.attached.svm_is_checked,
                probes: probes.collect(),
            },
        })
    }
}

fn rows<T: aya::Pod>(rows: &Mapped<T>, is_taken: impl Fn(&T) -> bool) -> Result<Vec<T>> {
    let all = (0..rows.rows()).map(|row| rows.get(row));
    all.filter(|row| row.as_ref().map_or(true, &is_taken))
        .collect()
}

fn load(root: &Root, wanted: Wanted, room: Option<u32>) -> Result<Ebpf> {
    let (wanted, process) = match wanted {
        Wanted::All => (0_u32, 0),
        Wanted::Process(process) => (1, process),
        Wanted::Started => (2, 0),
    };
    let thread = u32::try_from(nix::unistd::gettid().as_raw())?;
    let space = fs::metadata(root.path("/proc/self/ns/pid"))
        .context("cannot tell the pid namespace (/proc/self/ns/pid)")?;
    let (device, inode) = (space.st_dev(), space.st_ino());
    let is_started = wanted == 2;
    let fork_child = attach::field(root, is_started, "sched_process_fork", "child_pid")?;
    let exec_old = attach::field(root, is_started, "sched_process_exec", "old_pid")?;
    let room = room.unwrap_or(ROOM).checked_next_power_of_two();
    let room = room.context("there is no such room")?;
    let last_row = room.saturating_sub(1);
    let mut loader = EbpfLoader::new();
    loader
        .set_global("WANTED", &wanted, true)
        .set_global("PROCESS", &process, true)
        .set_global("ROOT", &thread, true)
        .set_global("NAMESPACE_DEVICE", &device, true)
        .set_global("NAMESPACE_INODE", &inode, true)
        .set_global("FORK_CHILD", &fork_child, true)
        .set_global("EXEC_OLD", &exec_old, true)
        .set_global("LAST_ROW", &last_row, true)
        .set_max_entries("cards", room)
        .set_max_entries("ranges", room);
    loader.load(PROGRAM).context("cannot load the BPF program")
}

fn inode(root: &Root) -> Option<u64> {
    let metadata = fs::metadata(root.path(DRIVER)).ok()?;
    Some(metadata.st_ino())
}

/// Whether amdgpu is a module, rather than a part of the kernel.
fn is_module(root: &Root) -> bool {
    root.has(format!("{DRIVER}/initstate"))
}
