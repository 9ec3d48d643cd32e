// SPDX-License-Identifier: GPL-2.0

//! The links of a machine, in the order in which KFD makes them.
//!
//! After `kfd_fill_iolink_info_for_cpu()` and `kfd_create_vcrat_image_gpu()` in `kfd_crat.c`, and
//! `kfd_dev_create_p2p_links()` and `kfd_fill_iolink_non_crat_info()` in `kfd_topology.c`.

use super::machine::{
    Age,
    Gpu,
    Machine, //
};

/// The types of links (`CRAT_IOLINK_TYPE_*`, `kfd_crat.h`).
const HYPERTRANSPORT: u64 = 1;
const PCI_EXPRESS: u64 = 2;
const XGMI: u64 = 11;

/// Their flags (`HSA_IOLINK_FLAGS_*`, `kfd_sysfs.h`).
const ENABLED: u64 = 1;
const NON_COHERENT: u64 = 2;
const NO_ATOMICS: u64 = 4 | 8;

/// The folder of direct links, and that of indirect ones and those between GPUs.
pub const DIRECT: &str = "io_links";
pub const PEER_TO_PEER: &str = "p2p_links";

#[derive(Clone, Debug)]
pub struct Link {
    pub folder: &'static str,
    pub from: usize,
    pub to: usize,
    pub kind: u64,
    pub flags: u64,
}

fn flag(flag: u64, set: bool) -> u64 {
    if set {
        flag
    } else {
        0
    }
}

impl Machine {
    /// All links, those of each folder in order.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for from in 0..self.sockets {
            for to in (0..self.sockets).filter(|to| *to != from) {
                // Nobody fills in the flags of these.
                links.push(Link {
                    folder: DIRECT,
                    from,
                    to,
                    kind: HYPERTRANSPORT,
                    flags: 0,
                });
            }
        }
        for at in 0..self.gpus.len() {
            self.direct_links(at, &mut links);
            if self.age >= Age::New {
                self.indirect_links(at, &mut links);
                self.peer_links(at, &mut links);
            }
        }
        if self.age < Age::New {
            links.iter_mut().for_each(|link| link.flags = 0);
        }
        links
    }

    /// The links of a GPU to its CPU and to its hive, and those back.
    fn direct_links(&self, at: usize, links: &mut Vec<Link>) {
        let (gpu, node) = (&self.gpus[at], self.node_of(at));
        let mut pair = |to: usize, kind: u64, own: u64, back: Option<u64>| {
            both(links, DIRECT, (node, to), kind, own, back);
        };
        let kind = gpu.link_to_cpu();
        let reached = gpu.large_bar || kind == XGMI;
        let back = reached.then(|| gpu.flags_from_cpu());
        pair(gpu.socket, kind, gpu.flags_to_cpu(), back);
        for earlier in 0..at {
            if self.share_a_hive(at, earlier) {
                // Vega20, 9.4.0 to KFD, is not coherent even over XGMI.
                let flags = ENABLED | flag(NON_COHERENT, gpu.generation.gfx == 90_006);
                pair(self.node_of(earlier), XGMI, flags, Some(flags));
            }
        }
    }

    /// The links of a GPU to the CPUs that it is not at, and those back.
    fn indirect_links(&self, at: usize, links: &mut Vec<Link>) {
        let (gpu, node) = (&self.gpus[at], self.node_of(at));
        for cpu in (0..self.sockets).filter(|cpu| *cpu != gpu.socket) {
            let back = gpu.large_bar.then(|| gpu.flags_from_cpu());
            let (kind, own) = (gpu.link_to_cpu(), gpu.flags_to_cpu());
            both(links, PEER_TO_PEER, (node, cpu), kind, own, back);
        }
    }

    /// The links between a GPU and those before it, each where the other's VRAM can be reached.
    fn peer_links(&self, at: usize, links: &mut Vec<Link>) {
        let gpu = &self.gpus[at];
        let are_peers = |earlier: &usize| {
            let both = gpu.has_peers() && self.gpus[*earlier].has_peers();
            self.peer_to_peer && both && !self.share_a_hive(at, *earlier)
        };
        for earlier in (0..at).filter(are_peers) {
            let reaches = self.gpus[earlier].large_bar;
            let is_reached = gpu.large_bar;
            let (from, to) = (self.node_of(at), self.node_of(earlier));
            // KFD fills in the flags of a link back only beside the new GPU's own.
            let mutual = flag(NON_COHERENT, reaches && is_reached);
            let back = flag(ENABLED | gpu.refuses_atomics() | mutual, reaches);
            if is_reached {
                links.push(Link {
                    folder: PEER_TO_PEER,
                    from: to,
                    to: from,
                    kind: PCI_EXPRESS,
                    flags: back,
                });
            }
            if reaches {
                let own = gpu.flags_to_cpu() | mutual;
                both(links, PEER_TO_PEER, (from, to), PCI_EXPRESS, own, None);
            }
        }
    }

    fn share_a_hive(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.gpus[one].generation, &self.gpus[other].generation);
        one.hive && one.device == other.device
    }
}

/// Adds a link, and one back if that has flags.
fn both(
    links: &mut Vec<Link>,
    folder: &'static str,
    (from, to): (usize, usize),
    kind: u64,
    own: u64,
    back: Option<u64>,
) {
    let mut push = |from, to, flags| {
        links.push(Link {
            folder,
            from,
            to,
            kind,
            flags,
        });
    };
    push(from, to, own);
    if let Some(flags) = back {
        push(to, from, flags);
    }
}

impl Gpu {
    fn link_to_cpu(&self) -> u64 {
        if self.generation.xgmi_to_cpu {
            XGMI
        } else {
            PCI_EXPRESS
        }
    }

    fn refuses_atomics(&self) -> u64 {
        flag(NO_ATOMICS, !self.completes_atomics)
    }

    fn flags_to_cpu(&self) -> u64 {
        let express = self.link_to_cpu() == PCI_EXPRESS;
        ENABLED | flag(NO_ATOMICS, express && !self.requests_atomics)
    }

    fn flags_from_cpu(&self) -> u64 {
        match self.link_to_cpu() {
            PCI_EXPRESS => ENABLED | self.refuses_atomics() | NON_COHERENT,
            _ => ENABLED,
        }
    }

    /// Made up: two kinds have no links to peers here. Beside one that reaches its CPU over XGMI,
    /// KFD prints that type for the peers too, which have no XGMI. One in a CPU's node has links
    /// that depend on which driver came first.
    fn has_peers(&self) -> bool {
        !self.generation.xgmi_to_cpu && !self.generation.in_cpu_node
    }
}
