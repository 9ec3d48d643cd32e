// SPDX-License-Identifier: GPL-2.0

//! Sources: they read facts from the system. [`crate::findings`] draws conclusions from the facts.

pub mod access;
pub mod amdgpu;
pub mod bundle;
pub mod code;
pub mod kept;
pub mod kernel;
pub mod libraries;
pub mod log;
pub mod mapped;
pub mod module;
pub mod packages;
pub mod pages;
pub mod parameters;
pub mod patience;
pub mod pci;
pub mod place;
pub mod processes;
pub mod rocblas;
pub mod rocm;
pub mod slot;
pub mod system;
pub mod target;
pub mod tree;
pub mod users;
pub mod walk;

use anyhow::Result;

use crate::root::Root;

/// KFD's device.
pub const KFD: &str = "/dev/kfd";

/// All facts.
pub struct Facts {
    /// Whether rdna1ctl runs as root.
    pub is_root: bool,
    /// The running kernel.
    pub kernel: kernel::Kernel,
    /// The distribution, and its remedies for missing things.
    pub system: system::System,
    /// The module of this project.
    pub module: module::Module,
    /// The module's files, or the same text from KFD's sysfs.
    pub pages: pages::Pages,
    /// AMD's graphics cards on the PCI bus.
    pub gpus: Vec<pci::Gpu>,
    /// Whether NVIDIA's driver is loaded.
    pub has_nvidia: bool,
    /// The driver amdgpu.
    pub amdgpu: amdgpu::Amdgpu,
    /// The environment of rdna1ctl: container, WSL, virtual machine, ssh.
    pub place: place::Place,
    /// Why KFD's topology is hidden here although it may exist.
    pub kfd_hidden: Option<&'static str>,
    /// The parameters of amdgpu.
    pub parameters: Vec<parameters::Parameter>,
    /// The device files that a program must open.
    pub access: access::Access,
    /// The kernel's log.
    pub log: log::Log,
    /// Programs that use KFD.
    pub processes: processes::Processes,
    /// The installations of ROCm.
    pub rocm: rocm::Rocm,
    /// The variables that files set for later programs; only [`Facts::read_closely`] reads them.
    pub kept: kept::FileVariables,
    /// KFD's nodes that are GPUs, by number.
    pub gpu_nodes: Vec<u32>,
    /// The unique ids of these nodes, 0 for a GPU without one.
    pub unique_ids: Vec<u64>,
}

impl Facts {
    /// Reads all facts, also those that take long: the libraries of programs, other programs, the
    /// files that set variables, and the comparison of the driver's files with their package.
    pub fn read_closely(root: &Root) -> Result<Self> {
        let mut facts = Self::read_with_libraries(root)?;
        facts.amdgpu.inspect(root, &facts.kernel.release);
        facts.processes.look_at_others(root);
        let users = &facts.access.users;
        let users: Vec<_> = users.own.iter().chain(&users.caller).collect();
        facts.kept = kept::FileVariables::read(root, &users);
        Ok(facts)
    }

    /// Reads the facts of [`Facts::read`], and the libraries of programs.
    pub fn read_with_libraries(root: &Root) -> Result<Self> {
        let mut facts = Self::read(root)?;
        if facts.has_card() {
            facts.processes.look_at_libraries(root);
        }
        Ok(facts)
    }

    /// Reads the facts that are quick to read; see [`Facts::read_closely`] for the others.
    pub fn read(root: &Root) -> Result<Self> {
        let kernel = kernel::Kernel::read(root);
        let module = module::Module::read(root);
        let amdgpu = amdgpu::Amdgpu::read(root, &kernel.release);
        let processes = processes::Processes::read(root);
        let caller = processes.caller.as_ref().map(|(file, _)| file.as_str());
        let place = place::Place::read(root, caller);
        let gpu_nodes = gpu_nodes(root);
        Ok(Self {
            system: system::System::read(root, &kernel.release),
            kfd_hidden: kfd_hidden(root, &kernel, &place),
            parameters: parameters::read(root, &kernel),
            is_root: is_root(root),
            has_nvidia: root.has("/proc/driver/nvidia/version"),
            pages: pages::Pages::read(root, &module)?,
            gpus: pci::gpus(root),
            access: access::Access::read(root),
            log: log::Log::read(root),
            rocm: rocm::Rocm::read(root),
            kept: kept::FileVariables::default(),
            unique_ids: gpu_nodes
                .iter()
                .map(|node| unique_id(root, *node))
                .collect(),
            gpu_nodes,
            place,
            processes,
            kernel,
            module,
            amdgpu,
        })
    }
}

impl Facts {
    /// Whether there is a 0x731f card, on the bus or in KFD.
    pub fn has_card(&self) -> bool {
        !self.pages.gpus.is_empty() || !self.pages.flags.is_empty()
    }

    /// KFD's nodes that are 0x731f cards, by number.
    pub fn card_nodes(&self) -> Vec<u32> {
        self.pages.all_nodes()
    }
}

/// Whether rdna1ctl runs as root, by the effective user id in `/proc/self/status`.
pub fn is_root(root: &Root) -> bool {
    let status = root.text("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// Why KFD's topology may be hidden. A container can leave out `/sys/class/kfd`; a kernel without
/// KFD is another case.
fn kfd_hidden(root: &Root, kernel: &kernel::Kernel, place: &place::Place) -> Option<&'static str> {
    if root.has("/sys/class/kfd") || kernel.has("HSA_AMD") == Some(false) {
        return None;
    }
    match place.container {
        Some(_) => Some("this container does not show /sys/class/kfd"),
        None if root.has(KFD) => Some("there is a /dev/kfd, and no /sys/class/kfd"),
        None => None,
    }
}

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

fn unique_id(root: &Root, node: u32) -> u64 {
    let text = root
        .text(format!("{NODES}/{node}/properties"))
        .unwrap_or_default();
    let id = text
        .lines()
        .find_map(|line| line.strip_prefix("unique_id "));
    id.and_then(|id| id.parse().ok()).unwrap_or_default()
}

/// Only GPUs have a `gpu_id` other than 0.
fn gpu_nodes(root: &Root) -> Vec<u32> {
    let folder = NODES;
    let mut nodes = root.numbers(folder);
    nodes.retain(|node| {
        let id = root.text(format!("{folder}/{node}/gpu_id"));
        id.is_some_and(|id| id != "0")
    });
    nodes
}
