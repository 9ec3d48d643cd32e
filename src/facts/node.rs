// SPDX-License-Identifier: GPL-2.0

//! What KFD prints of a node, its memory banks and its links.
//!
//! The keys are those of `node_show()`, `mem_show()` and `iolink_show()` in
//! `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`.

use super::{
    pci::Address,
    properties::properties,
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

properties! {
    /// The lines of `nodes/<n>/io_links/<l>/properties` that facts are drawn from.
    pub struct LinkProperties {
        /// `HSA_IOLINK_TYPE_*`.
        kind = "type",
        /// The node that the link leads to.
        node_to,
        /// `HSA_IOLINK_FLAGS_*` bits.
        flags,
    }
}

/// A node of KFD's topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The number of its folder.
    pub number: u32,
    /// What `gpu_id` holds.
    pub gpu_id: Value,
    /// What `properties` holds.
    pub properties: NodeProperties,
    /// How many banks its `mem_banks` folder holds.
    pub banks_found: Value,
    /// What its links, and those that lead to it, say.
    pub links: Links,
}

/// What the links of a card say, all taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// How many links of the card itself are of type XGMI.
    pub xgmi: Value,
    /// The flags of the link from a CPU node to the card, if there is one.
    pub from_cpu: Value,
    /// The flags of the card's first link over PCI Express, which leads to the CPU.
    pub to_cpu: Value,
}

impl Node {
    /// Where the node says its card sits on the PCI bus, if it says so.
    pub fn address(&self) -> Option<Address> {
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

    /// Whether the node says that it is this PCI device.
    pub fn claims(&self, vendor: u16, device: u16) -> bool {
        self.properties.vendor_id() == Value::Known(vendor.into())
            && self.properties.device_id() == Value::Known(device.into())
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

    /// Whether the node may be a card for all that can be read of it.
    ///
    /// It is not a CPU's, and which device it is, or where, is there but not to be read.
    pub fn may_be_anything(&self) -> bool {
        let properties = &self.properties;
        let identity = [
            properties.vendor_id(),
            properties.device_id(),
            properties.location_id(),
        ];
        !self.has_cpu() && identity.iter().any(|value| value.known().is_none())
    }

    /// Whether KFD is still filling the node of a card in.
    ///
    /// `kfd_topology_add_device()` shows a GPU's node first and fills these lines, and those of
    /// [`Self::is_unidentified`], afterwards: `num_cp_queues` near the end, `cwsr_size` last of all
    /// (`kfd_queue_ctx_save_restore_size()`). None is ever 0 on a finished card of ours. A place may
    /// be 0, and is told from one that is not filled in by `num_cp_queues`, which is filled in later.
    pub fn is_half_filled(&self) -> bool {
        let properties = &self.properties;
        let filled_in_later = properties.num_cp_queues().known().is_some_and(|n| n != 0);
        self.is_unidentified()
            || [
                self.gpu_id,
                properties.gfx_target_version(),
                properties.num_cp_queues(),
                properties.cwsr_size(),
            ]
            .iter()
            .any(|value| value.is_zero())
            || (properties.location_id().is_zero() && !filled_in_later)
    }

    /// Whether KFD is taking the node away.
    ///
    /// `kfd_remove_sysfs_node_entry()` removes the banks one by one while the node still says how
    /// many it has.
    pub fn is_half_gone(&self) -> bool {
        self.banks_found.is_zero() && !self.properties.mem_banks_count().is_zero()
    }
}
