// SPDX-License-Identifier: GPL-2.0

//! The values that KFD prints for a node, its memory banks and its links.
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
    /// The lines of `nodes/<n>/properties` that the facts need.
    pub struct NodeProperties {
        /// CPU cores of this node; 0 on a discrete GPU.
        cpu_cores_count,
        /// The node's own count of its memory banks.
        mem_banks_count,
        /// The node's own count of its direct links.
        io_links_count,
        /// The node's own count of its indirect links. Kernels before 5.19 do not print it.
        p2p_links_count,
        /// The ISA: major * 10000 + minor * 100 + stepping. 0 on a CPU node.
        gfx_target_version,
        /// PCI vendor.
        vendor_id,
        /// PCI device.
        device_id,
        /// PCI bus << 8 | device << 3 | function.
        location_id,
        /// PCI domain. Kernels before 5.4 do not print it; it then counts as 0.
        domain,
        /// The minor number of the DRM render node that programs open for the node.
        drm_render_minor,
        /// The XGMI hive that the card belongs to; 0 for none.
        hive_id,
        /// SDMA engines that serve XGMI links.
        num_sdma_xgmi_engines,
        /// Compute queues; never 0 on a GPU's node that KFD has filled in.
        num_cp_queues,
        /// The version of the MEC firmware.
        fw_version,
        /// `HSA_CAP_*` bits.
        capability,
        /// Size in bytes of the area for a wave's saved context. Kernels before 6.13 lack it.
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
    /// Not at all: KFD was changing the node, no function has its address, or the node may be
    /// honest about another device.
    Nothing,
    /// Against the facts that hold for every Navi10, which the node claims to be. Its function was
    /// not asked for, is not driven by the amdgpu that created the node, or shares its address with
    /// another node. amdgpu keeps a node until the last program closes the card's render node.
    Device,
    /// Also against the function at its address.
    Function,
}

/// A node of KFD's topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The number of its folder; unknown for [`Node::ABSENT`] and [`Node::UNREADABLE`].
    pub number: Option<u32>,
    /// The card that the node represents, if any.
    pub card: Option<CardKey>,
    /// The content of `gpu_id`.
    pub gpu_id: Value,
    /// The content of `properties`.
    pub properties: NodeProperties,
    /// The number of banks in the `mem_banks` folder.
    pub banks_found: Value,
    /// A summary of the node's links and of those that lead to it.
    pub links: Links,
    /// How far the node can be judged.
    pub basis: Basis,
}

impl Node {
    /// A node that has not been read yet.
    pub fn new(number: u32) -> Self {
        let mut new = Self {
            number: Some(number),
            ..Self::ABSENT
        };
        new.links.xgmi = Value::Known(0);
        new
    }

    /// Stands for a node that does not exist.
    pub const ABSENT: Self = Self::without_number(Value::Absent, NodeProperties::ABSENT);

    /// Stands for a node that could not be read. The rules judge it, too, and answer unknown.
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

    /// Whether nothing of the node could be read.
    pub fn is_unread(&self) -> bool {
        self.properties == NodeProperties::UNREADABLE
    }

    /// The PCI address that the node prints, if KFD has filled it in.
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

    /// Whether the node is a CPU's or an APU's.
    pub fn has_cpu(&self) -> bool {
        self.properties
            .cpu_cores_count()
            .known()
            .is_some_and(|cores| cores != 0)
    }

    /// Whether KFD has not filled in yet which device the node is.
    pub fn is_unidentified(&self) -> bool {
        !self.has_cpu()
            && (self.properties.vendor_id().is_zero() || self.properties.device_id().is_zero())
    }

    /// Whether KFD is still turning a CPU's node into an APU's.
    ///
    /// KFD prints `fw_version` from the first moment (`kfd_assign_gpu()` and `node_show()`,
    /// `kfd_topology.c`). Kernels since 6.6 give an APU a node of its own.
    pub fn is_unfinished_apu(&self) -> bool {
        self.has_cpu() && self.properties.fw_version() != Value::Absent && self.has_unfilled_links()
    }

    /// Whether KFD has not filled in the flags of a GPU's links yet.
    ///
    /// KFD sets the doorbell type after them, and to 0 only for GPUs older than Carrizo
    /// (`kfd_topology_add_device()`).
    pub(super) fn has_unfilled_links(&self) -> bool {
        let doorbell = u64::from(uapi::HSA_CAP_DOORBELL_TYPE_TOTALBITS_MASK);
        self.properties.capability().has(doorbell) == Some(false)
    }

    /// Whether the node may be a card's, but does not print enough to tell.
    ///
    /// Such a node is not a CPU's and does not print which device it is. With PCI facts, a node
    /// that does not print its location also counts: any card on the bus may be behind it, whatever
    /// device it claims.
    pub fn may_hide_a_card(&self, pci_known: bool) -> bool {
        let properties = &self.properties;
        let is_other = |value: Value, own: u16| value.known().is_some_and(|id| id != own.into());
        let names_another = is_other(properties.vendor_id(), Id::NAVI10.vendor)
            || is_other(properties.device_id(), Id::NAVI10.device);
        let is_named = names_another || self.claims_navi10();
        let is_placed = properties.location_id().known().is_some();
        !self.has_cpu() && (!is_named || (pci_known && !is_placed))
    }

    /// Whether KFD is still filling in a card's node.
    ///
    /// `kfd_topology_add_device()` publishes a GPU's node first. It fills in these lines and those
    /// of [`Self::is_unidentified`] afterwards: `num_cp_queues`, then the flags of the links, the
    /// doorbell type, and last `cwsr_size` (`kfd_queue_ctx_save_restore_size()`). None of them is 0
    /// on a finished Navi10. Old amdgpu-dkms prints no `cwsr_size`: there the doorbell type
    /// decides. A location of 0 is valid if `num_cp_queues`, which follows it, is filled in.
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

    /// Whether KFD is removing the node.
    ///
    /// `kfd_remove_sysfs_node_entry()` removes the banks one by one while the node still prints
    /// their full number.
    pub fn is_half_gone(&self) -> bool {
        self.banks_found.is_zero() && !self.properties.mem_banks_count().is_zero()
    }
}
