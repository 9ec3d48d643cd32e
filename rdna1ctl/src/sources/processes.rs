// SPDX-License-Identifier: GPL-2.0

//! Programs that use KFD, and the variables of their environments that libraries read.

use std::collections::BTreeSet;
use std::fmt::Display;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{readlinkat, OFlag};
use nix::sys::stat::Mode;

use crate::root::Root;

use super::mapped::{self, Mapped};
use super::patience::{each, FOR_FILES};
use super::place::is_initial_pid_namespace;
use super::KFD;

/// A variable of an environment: its name and its value.
pub type Variable = (String, String);

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub command: String,
    /// The variables of its environment that libraries of ROCm or the linker read; `None` if its
    /// environment could not be read.
    pub environment: Option<Vec<Variable>>,
    /// Its VRAM in bytes, by KFD's id of the card.
    pub vram_bytes: Vec<(u64, u64)>,
    /// The systemd unit that started it, if one did.
    pub unit: Option<String>,
    /// Whether it is a system service or runs in a container: those read no login files.
    pub is_service: bool,
    /// The libraries that it has mapped; not read until [`Processes::look_at_libraries`].
    pub libraries: Mapped,
}

/// The variable that names rocBLAS's folder of kernels.
pub const KERNELS: &str = "ROCBLAS_TENSILE_LIBPATH";

/// The value of a variable.
pub fn value<'a>(variables: &'a [Variable], name: &str) -> Option<&'a str> {
    let mut variables = variables.iter();
    let found = variables.find(|(one, _)| one == name);
    found.map(|(_, value)| value.as_str())
}

/// Programs that use KFD.
pub struct Processes {
    /// The programs that were found, by their ids.
    pub list: Vec<Process>,
    /// Whether there may be others, because the open files of some programs could not be read.
    pub may_be_more: bool,
    /// The programs that do not use KFD now, but have such variables; empty until
    /// [`Processes::look_at_others`].
    pub others: Vec<Process>,
    /// The programs that did not answer in time: they are stuck in the kernel.
    pub stuck: Vec<u32>,
    /// The system service that rdna1ctl runs in, if it does.
    pub own_service: Option<String>,
    /// rdna1ctl's own environment, which the next program inherits.
    pub own: Vec<Variable>,
    /// The environment of the shell that called sudo or a similar program, which removes most
    /// variables; and the file that holds it.
    pub caller: Option<(String, Vec<Variable>)>,
    /// Libraries that are loaded into every program.
    pub preloaded_in_all: Option<String>,
}

/// KFD's own list of processes (`kfd_process.c`, from Linux 5.9 on).
const KFD_LIST: &str = "/sys/class/kfd/kfd/proc";

impl Processes {
    /// Finds the programs that use KFD.
    pub fn read(root: &Root) -> Self {
        let listed: BTreeSet<_> = root.numbers(KFD_LIST).into_iter().collect();
        let has_list = root.has(KFD_LIST);
        // In the initial pid namespace, KFD's list names every program that can use an open
        // /dev/kfd (`kfd_open()`), so nobody has to look at all open files. Elsewhere its ids are
        // different.
        let is_complete = has_list && is_initial_pid_namespace(root);
        let pids = root.numbers("/proc");
        let looked = each(pids.clone(), FOR_FILES, {
            let root = root.clone();
            move |&pid| match listed.contains(&pid) {
                false if is_complete => Look::Other,
                is_listed => look(&root, pid, is_listed),
            }
        });
        let mut list = Vec::new();
        let (mut stuck, mut may_be_more) = (Vec::new(), false);
        for (pid, looked) in pids.into_iter().zip(looked) {
            match looked {
                Some(Look::Uses(process)) => list.push(process),
                Some(Look::Other) => {}
                Some(Look::Hidden) => may_be_more |= !has_list,
                None => stuck.push(pid),
            }
        }
        Self {
            list,
            may_be_more,
            stuck,
            others: Vec::new(),
            own_service: {
                let groups = control_groups(root, "self");
                unit(&groups).filter(|_| is_service(&groups))
            },
            own: environment(root, "self").unwrap_or_default(),
            caller: caller(root),
            preloaded_in_all: root
                .text("/etc/ld.so.preload")
                .filter(|text| !text.trim().is_empty()),
        }
    }
}

/// The result of a look at a program.
enum Look {
    /// It uses KFD.
    Uses(Process),
    /// It does not use KFD, or has ended meanwhile.
    Other,
    /// This user may not see its open files.
    Hidden,
}

fn look(root: &Root, pid: u32, is_listed: bool) -> Look {
    if !is_listed {
        match has_open(root, pid) {
            Some(true) => {}
            Some(false) => return Look::Other,
            None => return Look::Hidden,
        }
    }
    let process = process(root, pid);
    match root.has(format!("/proc/{pid}")) {
        true => Look::Uses(process),
        false => Look::Other,
    }
}

/// Programs that run others as root, in a new environment.
pub(super) const FOR_ROOT: [&str; 3] = ["sudo", "doas", "pkexec"];

pub(super) fn parent(root: &Root, pid: &str) -> Option<u32> {
    let stat = root.text(format!("/proc/{pid}/stat"))?;
    // pid (command) state parent: the command may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// The environment of the program that called us, if it runs others as root.
fn caller(root: &Root) -> Option<(String, Vec<Variable>)> {
    let parent = parent(root, "self")?;
    let is_one = FOR_ROOT.contains(&command(root, parent).as_str());
    is_one.then_some(())?;
    let variables = environments(root, vec![parent]).pop()??;
    Some((format!("/proc/{parent}/environ"), variables))
}

impl Processes {
    /// Reads which libraries the programs have mapped. This may take seconds: libraries are large.
    pub fn look_at_libraries(&mut self, root: &Root) {
        let programs = self.list.iter().map(|process| {
            let own = process.environment.as_ref();
            let kernels = own.and_then(|own| value(own, KERNELS));
            (process.pid, kernels.map(str::to_owned))
        });
        let found = mapped::libraries(root, programs.collect());
        for (process, found) in self.list.iter_mut().zip(found) {
            process.libraries = found;
        }
    }

    /// Looks at the programs that do not use KFD now: a daemon may open it for the next request.
    pub fn look_at_others(&mut self, root: &Root) {
        let mut known: BTreeSet<_> = self.list.iter().map(|one| one.pid).collect();
        known.extend(&self.stuck);
        let own = std::fs::read_link(root.path("/proc/self")).ok();
        known.extend(own.and_then(|own| own.to_str()?.parse::<u32>().ok()));
        let mut pids = root.numbers("/proc");
        pids.retain(|pid| !known.contains(pid));
        let looked = each(pids.clone(), FOR_FILES, {
            let root = root.clone();
            move |&pid| {
                let variables = environment(&root, &pid.to_string())?;
                let is_read_by_rocm = !variables.is_empty();
                is_read_by_rocm.then(|| of_process(&root, pid, Some(variables)))
            }
        });
        for (pid, process) in pids.into_iter().zip(looked) {
            match process {
                Some(process) => self.others.extend(process),
                None => self.stuck.push(pid),
            }
        }
    }
}

/// Whether a process has `/dev/kfd` open; `None` if this user may not know. It reads links and
/// opens nothing, because an open render node would wake its card.
fn has_open(root: &Root, pid: u32) -> Option<bool> {
    let folder = root.path(format!("/proc/{pid}/fd"));
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut folder = match Dir::open(&folder, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::EACCES | Errno::EPERM) => return None,
        // The process has ended meanwhile.
        Err(_) => return Some(false),
    };
    let entries: Vec<_> = folder.iter().flatten().collect();
    // Relative to the folder: a walk from the root takes twice as long, and there are many files.
    Some(entries.iter().any(|entry| {
        let target = readlinkat(&folder, entry.file_name());
        target.is_ok_and(|target| target == KFD)
    }))
}

fn process(root: &Root, pid: u32) -> Process {
    let folder = format!("{KFD_LIST}/{pid}");
    let names = root.names(&folder).into_iter();
    let vram_bytes = names.filter_map(|name| {
        let gpu = name.strip_prefix("vram_")?.parse().ok()?;
        let bytes = root.text(format!("{folder}/{name}"))?.parse().ok()?;
        Some((gpu, bytes))
    });
    Process {
        vram_bytes: vram_bytes.collect(),
        ..of_process(root, pid, environment(root, &pid.to_string()))
    }
}

fn of_process(root: &Root, pid: u32, environment: Option<Vec<Variable>>) -> Process {
    let groups = control_groups(root, pid);
    Process {
        pid,
        command: command(root, pid),
        environment,
        vram_bytes: Vec::new(),
        unit: unit(&groups),
        is_service: is_service(&groups),
        libraries: Mapped::NotRead,
    }
}

/// The paths of a program's control groups: `0::/system.slice/ollama.service`.
fn control_groups(root: &Root, pid: impl Display) -> String {
    root.text(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

fn unit(groups: &str) -> Option<String> {
    let mut words = groups.lines().flat_map(|line| line.rsplit('/'));
    words
        .find(|word| word.ends_with(".service"))
        .map(str::to_owned)
}

/// Whether control groups are those of a system service, or of a container.
fn is_service(groups: &str) -> bool {
    let of_system = groups.contains("/system.slice/") && !groups.contains("/user.slice/");
    of_system
        || ["docker", "libpod", "/lxc"]
            .iter()
            .any(|word| groups.contains(word))
}

/// The name of a program in one line. The kernel keeps only `TASK_COMM_LEN` bytes of it.
fn command(root: &Root, pid: u32) -> String {
    let text = root.text(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = text.chars().take_while(|c| *c != '\n').take(64).collect();
    if name.is_empty() {
        "?".to_owned()
    } else {
        name
    }
}

/// Prefixes of the variables that libraries of ROCm or the linker read.
const HEEDED: [&str; 11] = [
    "AMD_", "CUDA_", "GPU_", "HIP_", "HSA_", "LD_", "MIOPEN_", "PYTORCH_", "ROC_", "ROCBLAS_",
    "ROCR_",
];

/// The variables of a program's environment; `None` if they cannot be read.
pub fn environment(root: &Root, pid: &str) -> Option<Vec<Variable>> {
    Some(variables(&root.bytes(format!("/proc/{pid}/environ")).ok()?))
}

/// The variables of several programs; also `None` for a program that did not answer in time.
pub fn environments(root: &Root, pids: Vec<u32>) -> Vec<Option<Vec<Variable>>> {
    let root = root.clone();
    let found = each(pids, FOR_FILES, move |pid| {
        environment(&root, &pid.to_string())
    });
    found.into_iter().map(Option::flatten).collect()
}

/// Parses an environment: `NAME=value`, each ended by a zero byte.
pub fn variables(bytes: &[u8]) -> Vec<Variable> {
    let words = bytes.split(|&byte| byte == 0).filter_map(|word| {
        let word = String::from_utf8_lossy(word);
        let (name, value) = word.split_once('=')?;
        is_read_by_rocm(name).then(|| (name.to_owned(), value.to_owned()))
    });
    words.collect()
}

/// Whether libraries of ROCm, or the linker, read variables of such a name.
pub fn is_read_by_rocm(name: &str) -> bool {
    HEEDED.iter().any(|start| name.starts_with(start))
}
