// SPDX-License-Identifier: GPL-2.0

//! The lies, and the changes to an otherwise honest card's topology that tell them.

use super::{
    board::AMD,
    gpus::NAVI10,
    host::{
        Age,
        Marks, //
    },
    kfd::{
        Bank,
        Kfd,
        Link,
        ENABLED,
        NON_COHERENT,
        PCI_EXPRESS,
        XGMI, //
    },
};

/// A lie: a rule, or one of several ways in which a rule can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    GfxVersion,
    PciIdentity,
    BankFlags,
    HeapType,
    BankCount,
    BankSizeOfNothing,
    BankSizeOfNoBoard,
    BankSizeOverVram,
    HiveId,
    XgmiEngines,
    XgmiOwnLink,
    XgmiLinkFromCpu,
    HostCoherent,
    LinkCoherent,
    HeapBar,
}

pub const LIES: [Lie; 15] = [
    Lie::GfxVersion,
    Lie::PciIdentity,
    Lie::BankFlags,
    Lie::HeapType,
    Lie::BankCount,
    Lie::BankSizeOfNothing,
    Lie::BankSizeOfNoBoard,
    Lie::BankSizeOverVram,
    Lie::HiveId,
    Lie::XgmiEngines,
    Lie::XgmiOwnLink,
    Lie::XgmiLinkFromCpu,
    Lie::HostCoherent,
    Lie::LinkCoherent,
    Lie::HeapBar,
];

/// Facts that the module compares with the node.
#[derive(Clone, Copy)]
pub struct Beside {
    /// The size of BAR0, if nodes are compared with PCI functions.
    pub bar0_bytes: Option<u64>,
    /// The size of VRAM that amdgpu reports, if it is compared.
    pub vram_bytes: Option<u64>,
}

/// The most VRAM on a board of the device.
const LARGEST_BOARD: u64 = 8 << 30;

/// `HSA_CAP_FLAGS_COHERENTHOSTACCESS`.
const COHERENT_HOST_ACCESS: u64 = 1 << 28;

const PUBLIC: u64 = 1;
const PRIVATE: u64 = 2;

impl Lie {
    pub fn rule(self) -> &'static str {
        match self {
            Self::GfxVersion => "gfx-version",
            Self::PciIdentity => "pci-identity",
            Self::BankFlags => "bank-flags",
            Self::HeapType => "heap-type",
            Self::BankCount => "bank-count",
            Self::BankSizeOfNothing | Self::BankSizeOfNoBoard | Self::BankSizeOverVram => {
                "bank-size"
            }
            Self::HiveId => "hive-id",
            Self::XgmiEngines | Self::XgmiOwnLink | Self::XgmiLinkFromCpu => "xgmi",
            Self::HostCoherent => "host-coherent",
            Self::LinkCoherent => "link-coherent",
            Self::HeapBar => "heap-bar",
        }
    }

    /// Tells the lie of a node, in a way selected by `chance`. Returns the rules that must detect
    /// it, or `None` if it cannot be told.
    pub fn tell(
        self,
        kfd: &mut Kfd,
        node: usize,
        beside: Beside,
        chance: u64,
    ) -> Option<Vec<&'static str>> {
        let mut rules = vec![self.rule()];
        match self {
            Self::GfxVersion => kfd.tells(node, Age::New, gfx(chance))?,
            Self::PciIdentity => {
                beside.bar0_bytes?;
                // Without a domain, a node with another device id may belong to that device.
                for line in identity(chance) {
                    kfd.tells(node, Age::Old, line)?;
                }
            }
            Self::BankFlags => kfd.nodes[node].banks[0].flags = 1 + chance % 7,
            Self::HeapType => {
                let heaps = [0, 3, 4, 5, 9];
                kfd.nodes[node].banks[0].heap = heaps[(chance % 5) as usize];
            }
            Self::BankCount => kfd.miscounts_banks(node, chance)?,
            Self::BankSizeOfNothing => kfd.nodes[node].banks[0].bytes = 0,
            Self::BankSizeOfNoBoard | Self::BankSizeOverVram => {
                let bank = &mut kfd.nodes[node].banks[0];
                let (above, most) = match self {
                    Self::BankSizeOverVram => (beside.vram_bytes?, LARGEST_BOARD),
                    _ => (LARGEST_BOARD, 1 << 40),
                };
                let room = most.checked_sub(above).filter(|room| *room > 0)?;
                bank.bytes = above + 1 + chance % room;
                // A public bank larger than the BAR breaks this rule, too.
                if bank.heap == PUBLIC && beside.bar0_bytes.is_some_and(|bar| bar < bank.bytes) {
                    rules.push("heap-bar");
                }
            }
            Self::HiveId => kfd.tells(node, Age::Old, ("hive_id", 1 + chance % (1 << 48)))?,
            Self::XgmiEngines => {
                kfd.tells(node, Age::Old, ("num_sdma_xgmi_engines", 1 + chance % 8))?;
            }
            Self::XgmiOwnLink => {
                // On an honest machine, a GPU with XGMI gives the card such a link. Old kernels do
                // not print whether a GPU has XGMI.
                let to = kfd.nodes[node].direct.first()?.to;
                let peer = kfd.nodes.get(to)?.life.as_ref().filter(|_| to != node);
                let is_old = kfd.host.age < Age::Old;
                if peer.is_some_and(|peer| is_old || peer.gpu.has_xgmi()) {
                    return None;
                }
                kfd.nodes[node].direct.first_mut()?.kind = XGMI;
            }
            Self::XgmiLinkFromCpu => kfd.links_cpu_by_xgmi(node, chance)?,
            Self::HostCoherent => {
                let life = kfd.nodes[node].life.as_ref()?;
                let capability = u64::from(life.gpu.generation.capability);
                let line = ("capability", capability | COHERENT_HOST_ACCESS);
                kfd.tells(node, Age::Oldest, line)?;
            }
            Self::LinkCoherent => {
                // Older kernels set too few flags for a verdict.
                let is_marked = kfd.host.age >= Age::New && kfd.host.marks == Marks::Full;
                let mut links = kfd.links_from_cpus(node);
                let nth = (chance as usize).checked_rem(links.len())?;
                let link = links.swap_remove(nth);
                link.flags = is_marked.then_some(ENABLED | link.flags & !NON_COHERENT)?;
            }
            Self::HeapBar => {
                let bank = &mut kfd.nodes[node].banks[0];
                if beside.bar0_bytes? >= bank.bytes {
                    return None;
                }
                bank.heap = PUBLIC;
            }
        }
        Some(rules)
    }
}

fn gfx(chance: u64) -> (&'static str, u64) {
    let versions = [100_300, 100_101, 100_102, 90_006, 110_000, 1];
    ("gfx_target_version", versions[(chance % 6) as usize])
}

fn identity(chance: u64) -> [(&'static str, u64); 2] {
    let (vendor, device) = match chance % 4 {
        0 => (AMD, 0x73ff),
        1 => (AMD, 0x7310),
        2 => (0x10de, NAVI10.device),
        _ => (0x8086, 0x56a0),
    };
    [("vendor_id", vendor.into()), ("device_id", device.into())]
}

impl Kfd {
    /// Makes a node print a false line, if this kernel prints the line.
    fn tells(&mut self, node: usize, since: Age, line: (&'static str, u64)) -> Option<()> {
        (self.host.age >= since).then(|| self.nodes[node].told.push(line))
    }

    fn miscounts_banks(&mut self, node: usize, chance: u64) -> Option<()> {
        let node = &mut self.nodes[node];
        let one_more = |number: u32| Bank {
            heap: PRIVATE,
            bytes: 256 << 20,
            flags: 0,
            shown: Some(number),
        };
        match chance % 5 {
            0 => node.told.push(("mem_banks_count", 0)),
            1 => node.told.push(("mem_banks_count", 2 + chance % 9)),
            2 => node.banks.push(one_more(1)),
            3 => {
                node.told.push(("mem_banks_count", 1));
                node.banks.push(one_more(1));
            }
            _ => node.banks.clear(),
        }
        Some(())
    }

    /// The PCI Express links from CPUs to a node.
    fn links_from_cpus(&mut self, node: usize) -> Vec<&mut Link> {
        let cpus = self.nodes.iter_mut().filter(|node| node.cores != 0);
        let links = cpus.flat_map(|cpu| cpu.direct.iter_mut().chain(&mut cpu.indirect));
        links
            .filter(|link| link.to == node && link.kind == PCI_EXPRESS)
            .collect()
    }

    /// Turns a CPU's link to a node into an XGMI link, or adds one if there is no link.
    fn links_cpu_by_xgmi(&mut self, node: usize, chance: u64) -> Option<()> {
        let mut links = self.links_from_cpus(node);
        if let Some(nth) = (chance as usize).checked_rem(links.len()) {
            links.swap_remove(nth).kind = XGMI;
            return Some(());
        }
        let mut nodes = self.nodes.iter_mut().enumerate();
        let (from, cpu) = nodes.find(|(_, node)| node.cores != 0)?;
        let mut link = Link::new(XGMI, from, node);
        link.flags = ENABLED;
        link.shown = Some(cpu.direct.len() as u32);
        cpu.direct.push(link);
        Some(())
    }
}
