// SPDX-License-Identifier: GPL-2.0

//! What KFD prints of a node, its memory banks and its links.
//!
//! The keys are those of `node_show()`, `mem_show()` and `iolink_show()` in
//! `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`.

use crate::uapi;

use super::{
    card::CardKey,
    links::Links,
    pci::{
        Address,
        Id, //
    },
    properties::{
        properties,
        Properties as _, //
    },
    value::Value, //
};

properties! {
    /// The lines of `nodes/<n>/properties` that facts are drawn from.
    pub struct NodeProperties {
        /// CPU cores of this node; 0 on a discrete GPU.
        cpu_cores_count,
        /// How many memory banks the node says it has.
        mem_banks_count,
        /// How many direct links the node says it has.
        io_links_count,
        /// How many indirect links the node says it has. Kernels before 5.19 print none.
        p2p_links_count,
        /// The ISA: major * 10000 + minor * 100 + stepping. 0 on a CPU node.
        gfx_target_version,
        /// PCI vendor.
        vendor_id,
        /// PCI device.
        device_id,
        /// PCI bus << 8 | device << 3 | function.
        location_id,
        /// PCI domain. Kernels before 5.4 print none: there it is 0.
        domain,
        /// The minor number of the DRM render node that programs open for it.
        drm_render_minor,
        /// The XGMI hive that the card belongs to; 0 for none.
        hive_id,
        /// SDMA engines that serve XGMI links.
        num_sdma_xgmi_engines,
        /// Compute queues; never 0 on a GPU that is filled in.
        num_cp_queues,
        /// The version of the MEC firmware.
        fw_version,
        /// `HSA_CAP_*` bits.
        capability,
        /// Size of the area that a wave's context is saved to, in bytes. Kernels before 6.13 print
        /// none.
        cwsr_size,
    }
}

properties! {
    /// The lines of `nodes/<n>/mem_banks/<b>/properties`.
    pub struct BankProperties {
        /// `HSA_MEM_HEAP_TYPE_*`.
        heap_type,
        /// Size in bytes.
        size_in_bytes,
        /// `HSA_MEM_FLAGS_*` bits.
        flags,
        /// Bus width in bits.
        width,
        /// Highest memory clock in MHz.
        mem_clk_max,
    }
}

/// How far the claims of a node can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Not at all: KFD was changing the node, or there is no function at its address, or it may be
    /// honest about another device.
    Nothing,
    /// By what every Navi10 can be, which it says it is. Its function was not asked for, or is not
    /// driven by the amdgpu that made the node, or another node has its address, too: amdgpu keeps a
    /// node until the last program closes the render node of the card.
    Device,
    /// By the function at its address as well.
    Function,
}

/// A node of KFD's topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The number of its folder; unknown for [`Node::ABSENT`] and [`Node::UNREADABLE`].
    pub number: Option<u32>,
    /// The card that it stands for, if it does.
    pub card: Option<CardKey>,
    /// What `gpu_id` holds.
    pub gpu_id: Value,
    /// What `properties` holds.
    pub properties: NodeProperties,
    /// How many banks its `mem_banks` folder holds.
    pub banks_found: Value,
    /// What its links, and those that lead to it, say.
    pub links: Links,
    /// How far it can be judged.
    pub basis: Basis,
}

impl Node {
    /// A node of which nothing has been read.
    pub fn new(number: u32) -> Self {
        let mut new = Self {
            number: Some(number),
            ..Self::ABSENT
        };
        new.links.xgmi = Value::Known(0);
        new
    }

    /// Stands for a node that is not there.
    pub const ABSENT: Self = Self::without_number(Value::Absent, NodeProperties::ABSENT);

    /// Stands for a node that could not be read, so that the rules themselves say what is unknown.
    pub const UNREADABLE: Self =
        Self::without_number(Value::Unreadable, NodeProperties::UNREADABLE);

    const fn without_number(value: Value, properties: NodeProperties) -> Self {
        Self {
            number: None,
            card: None,
            gpu_id: value,
            properties,
            banks_found: value,
            links: Links::all(value),
            basis: Basis::Nothing,
        }
    }

    /// Whether nothing could be read of it.
    pub fn is_unread(&self) -> bool {
        self.properties == NodeProperties::UNREADABLE
    }

    /// Where the node says its card sits on the PCI bus, if it says so already.
    pub fn address(&self) -> Option<Address> {
        if self.has_no_place_yet() {
            return None;
        }
        let domain = match self.properties.domain() {
            Value::Absent => 0,
            domain => domain.known()?,
        };
        let location = self.properties.location_id().known()?;
        Some(Address {
            domain: u32::try_from(domain).ok()?,
            location: u16::try_from(location).ok()?,
        })
    }

    /// Whether the node says that it is a [`Id::NAVI10`].
    pub fn claims_navi10(&self) -> bool {
        self.properties.vendor_id() == Value::Known(Id::NAVI10.vendor.into())
            && self.properties.device_id() == Value::Known(Id::NAVI10.device.into())
    }

    /// Whether it is a CPU node, or an APU's.
    pub fn has_cpu(&self) -> bool {
        self.properties
            .cpu_cores_count()
            .known()
            .is_some_and(|cores| cores != 0)
    }

    /// Whether KFD has still to say which device the node is.
    pub fn is_unidentified(&self) -> bool {
        !self.has_cpu()
            && (self.properties.vendor_id().is_zero() || self.properties.device_id().is_zero())
    }

    /// Whether a CPU's node is becoming an APU's, too: KFD is still filling it in.
    ///
    /// It prints `fw_version` from the first moment on (`kfd_assign_gpu()` and `node_show()`,
    /// `kfd_topology.c`). Kernels since 6.6 give an APU a node of its own.
    pub fn is_unfinished_apu(&self) -> bool {
        self.has_cpu() && self.properties.fw_version() != Value::Absent && self.has_unfilled_links()
    }

    /// Whether KFD has still to fill in the flags of the links of a GPU.
    ///
    /// It sets the type of the doorbells after them, and to 0 only of GPUs older than Carrizo
    /// (`kfd_topology_add_device()`).
    pub(super) fn has_unfilled_links(&self) -> bool {
        let doorbell = u64::from(uapi::HSA_CAP_DOORBELL_TYPE_TOTALBITS_MASK);
        self.properties.capability().has(doorbell) == Some(false)
    }

    /// Whether a card may be behind the node that cannot be told from it.
    ///
    /// It is not a CPU's, and it does not print which device it is; or, beside PCI facts, not where:
    /// then any card on the bus may be it, whatever it is called.
    pub fn may_hide_a_card(&self, pci_known: bool) -> bool {
        let properties = &self.properties;
        let is_other = |value: Value, own: u16| value.known().is_some_and(|id| id != own.into());
        let names_another = is_other(properties.vendor_id(), Id::NAVI10.vendor)
            || is_other(properties.device_id(), Id::NAVI10.device);
        let is_named = names_another || self.claims_navi10();
        let is_placed = properties.location_id().known().is_some();
        !self.has_cpu() && (!is_named || (pci_known && !is_placed))
    }

    /// Whether KFD is still filling the node of a card in.
    ///
    /// `kfd_topology_add_device()` shows a GPU's node first and fills these lines, and those of
    /// [`Self::is_unidentified`], afterwards: `num_cp_queues`, then the flags of its links, the type of
    /// its doorbells, and `cwsr_size` last of all (`kfd_queue_ctx_save_restore_size()`). Old amdgpu-dkms
    /// does not print that one: there the doorbells tell. None is ever 0 on a finished card of ours. A
    /// place may be 0, and is told from one that is not filled in by `num_cp_queues`, which is filled in
    /// later.
    pub fn is_half_filled(&self) -> bool {
        let properties = &self.properties;
        self.is_unidentified()
            || self.has_no_place_yet()
            || (properties.cwsr_size() == Value::Absent && self.has_unfilled_links())
            || [
                self.gpu_id,
                properties.gfx_target_version(),
                properties.num_cp_queues(),
                properties.cwsr_size(),
            ]
            .iter()
            .any(|value| value.is_zero())
    }

    fn has_no_place_yet(&self) -> bool {
        let queues = self.properties.num_cp_queues().known();
        self.properties.location_id().is_zero() && queues.is_none_or(|queues| queues == 0)
    }

    /// Whether KFD is taking the node away.
    ///
    /// `kfd_remove_sysfs_node_entry()` removes the banks one by one while the node still says how
    /// many it has.
    pub fn is_half_gone(&self) -> bool {
        self.banks_found.is_zero() && !self.properties.mem_banks_count().is_zero()
    }
}
