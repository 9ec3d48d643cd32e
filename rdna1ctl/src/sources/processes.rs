// SPDX-License-Identifier: GPL-2.0

//! Programs that use KFD, and the variables of their environment that libraries read.

use crate::root::Root;

use super::mapped::{self, Mapped};

/// A variable of an environment: its name and its value.
pub type Variable = (String, String);

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub command: String,
    /// The variables of its environment that libraries of ROCm or the linker read; `None` if the
    /// environment could not be read.
    pub environment: Option<Vec<Variable>>,
    /// Its VRAM in bytes, by KFD's id of the card.
    pub vram_bytes: Vec<(u64, u64)>,
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
    /// Whether there may be others: the open files of some programs could not be read.
    pub may_be_more: bool,
    /// This program's own environment, which the next program inherits.
    pub own: Vec<Variable>,
    /// The environment of the shell that called sudo or a similar program, which removes most of it;
    /// and the file that holds it.
    pub caller: Option<(String, Vec<Variable>)>,
    /// Libraries that are loaded into every program.
    pub preloaded_in_all: Option<String>,
}

/// KFD's own list (`kfd_process.c`, from Linux 5.9 on).
const KFD_LIST: &str = "/sys/class/kfd/kfd/proc";

impl Processes {
    /// Looks for them.
    pub fn read(root: &Root) -> Self {
        let listed = root.numbers(KFD_LIST);
        let mut may_be_more = false;
        let mut list = Vec::new();
        for pid in root.numbers("/proc") {
            let uses = listed.contains(&pid)
                || has_open(root, pid).unwrap_or_else(|| {
                    may_be_more |= !root.has(KFD_LIST);
                    false
                });
            let process = uses.then(|| process(root, pid));
            // Leave out a program that has ended meanwhile.
            list.extend(process.filter(|_| root.has(format!("/proc/{pid}"))));
        }
        Self {
            list,
            may_be_more,
            own: environment(root, "self").unwrap_or_default(),
            caller: caller(root),
            preloaded_in_all: root
                .text("/etc/ld.so.preload")
                .filter(|text| !text.trim().is_empty()),
        }
    }
}

impl Processes {
    /// Reads which libraries they have mapped. That may take seconds: libraries are large, and a stuck
    /// process does not answer.
    pub fn look_at_libraries(&mut self, root: &Root) {
        for process in &mut self.list {
            let kernels = process.environment.as_ref();
            let kernels = kernels.and_then(|own| value(own, KERNELS));
            let kernels = kernels.map(str::to_owned);
            process.libraries = mapped::libraries(root, process.pid, kernels);
        }
    }
}

/// Programs that run others as root, in a new environment.
const FOR_ROOT: [&str; 3] = ["sudo", "doas", "pkexec"];

/// The environment that such a program, our parent, was called with.
fn caller(root: &Root) -> Option<(String, Vec<Variable>)> {
    let stat = root.text("/proc/self/stat")?;
    // pid (command) state parent: the command may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
    let is_one = FOR_ROOT.contains(&command(root, parent).as_str());
    is_one.then_some(())?;
    let variables = environment(root, &parent.to_string())?;
    Some((format!("/proc/{parent}/environ"), variables))
}

/// Whether a process has `/dev/kfd` open; `None` if this user must not read that. It reads links and
/// opens nothing: an open render node would wake its card.
fn has_open(root: &Root, pid: u32) -> Option<bool> {
    let folder = root.path(format!("/proc/{pid}/fd"));
    let mut entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
        // It has ended meanwhile.
        Err(_) => return Some(false),
    };
    Some(entries.any(|entry| {
        let target = entry.and_then(|entry| std::fs::read_link(entry.path()));
        target.is_ok_and(|target| target == std::path::Path::new("/dev/kfd"))
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
        pid,
        command: command(root, pid),
        environment: environment(root, &pid.to_string()),
        vram_bytes: vram_bytes.collect(),
        libraries: Mapped::NotRead,
    }
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

/// Prefixes of the variables that libraries read.
const HEEDED: [&str; 11] = [
    "AMD_", "CUDA_", "GPU_", "HIP_", "HSA_", "LD_", "MIOPEN_", "PYTORCH_", "ROC_", "ROCBLAS_",
    "ROCR_",
];

/// The variables of a program's environment; `None` if they cannot be read.
pub fn environment(root: &Root, pid: &str) -> Option<Vec<Variable>> {
    Some(variables(&root.bytes(format!("/proc/{pid}/environ")).ok()?))
}

/// Parses an environment: `NAME=value`, each ended by a zero byte.
pub fn variables(bytes: &[u8]) -> Vec<Variable> {
    let words = bytes.split(|&byte| byte == 0).filter_map(|word| {
        let word = String::from_utf8_lossy(word);
        let (name, value) = word.split_once('=')?;
        let heeded = HEEDED.iter().any(|start| name.starts_with(start));
        heeded.then(|| (name.to_owned(), value.to_owned()))
    });
    words.collect()
}
