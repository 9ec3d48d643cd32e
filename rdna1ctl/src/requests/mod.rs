// SPDX-License-Identifier: GPL-2.0

//! The document of requests: printed as JSON, and the source of the text.
//!
//! It counts requests at the entry of KFD's handlers, so failed requests count, too.

mod counted;
pub mod names;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::trace::Tracing;

/// `rdna1ctl requests --json`
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RequestsDocument {
    /// The version of this document's form.
    pub form: u32,
    /// The state of tracing: whether zero means that there was no request.
    pub tracing: Tracing,
    /// Each process that sent a request.
    pub processes: Vec<Process>,
    /// The number of requests for fine-grained memory.
    pub fine: u64,
    /// The number of those that are not in `last`, because two came at once.
    pub left_out: u64,
    /// The last requests for fine-grained memory, 32 at most, the oldest first.
    pub last: Vec<Last>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Process {
    /// Its id in the initial pid namespace.
    pub pid: u32,
    /// The name of the thread that asked first.
    pub command: String,
    /// Its requests, by card.
    pub cards: Vec<Card>,
    /// Its requests by AMDKFD_IOC_SVM, which names no card; null if there were none.
    pub svm: Option<SvmRequests>,
}

/// The requests of a process that name a card.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Card {
    /// KFD's id of the card, or an invalid id that the program sent.
    pub gpu_id: String,
    /// The PCI address of the card; null if KFD has no card with that id.
    pub gpu: Option<String>,
    /// KFD's node of the card; null if there is none.
    pub node: Option<u32>,
    /// Allocations: a row for each heap that was asked for.
    pub memory: Vec<Memory>,
    /// Memory policies.
    pub policies: Policies,
    /// Queues.
    pub queues: Queues,
}

macro_rules! counts {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $key:ident, )+ } )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
        pub struct $name {
            $( $(#[$doc])* pub $key: u64, )+
        }

        impl $name {
            /// The counts, each with its name.
            pub fn pairs(&self) -> Vec<(&'static str, u64)> {
                vec![$( (stringify!($key), self.$key) ),+]
            }
        }
    )+ };
}

counts! {
    /// Allocations of one heap. One request can count as coherent, uncached and ext_coherent at
    /// once. Queue memory counts as none of these, and not as coarse.
    Grains {
        /// All allocations.
        requests,
        /// Without any of the flags below.
        coarse,
        /// With COHERENT.
        coherent,
        /// With UNCACHED.
        uncached,
        /// With EXT_COHERENT.
        ext_coherent,
        /// Memory for AQL queues, which is always uncached.
        queue,
    }

    /// AMDKFD_IOC_SET_MEMORY_POLICY. A policy that is neither coherent nor noncoherent counts only
    /// in requests.
    Policies {
        /// All requests.
        requests,
        /// Default aperture: coherent.
        default_coherent,
        /// Default aperture: noncoherent.
        default_noncoherent,
        /// Alternate aperture: coherent.
        alternate_coherent,
        /// Alternate aperture: noncoherent.
        alternate_noncoherent,
    }

    /// AMDKFD_IOC_CREATE_QUEUE.
    Queues {
        /// All requests.
        requests,
        /// PM4.
        compute,
        /// SDMA.
        sdma,
        /// AQL.
        compute_aql,
        /// SDMA over XGMI.
        sdma_xgmi,
        /// SDMA on a specific engine.
        sdma_by_engine,
        /// Any other type.
        other,
    }
}

/// Allocations of one heap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Memory {
    /// vram, gtt, userptr, doorbell, mmio or none.
    pub heap: &'static str,
    /// The number of allocations, by grain.
    #[serde(flatten)]
    pub grains: Grains,
}

/// The requests of a process by AMDKFD_IOC_SVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SvmRequests {
    /// Requests, by operation: set, get, other.
    pub operations: BTreeMap<&'static str, u64>,
    /// Each attribute that a request contained.
    pub attributes: Vec<SvmAttribute>,
    /// Attributes that were not read, such as those of one request beyond the first 64.
    pub unread: u64,
}

/// An attribute of SVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SvmAttribute {
    /// set or get.
    pub op: &'static str,
    /// Its type.
    pub attribute: &'static str,
    /// How often requests contained it.
    pub attributes: u64,
    /// How often COHERENT was among the flags to set or to clear.
    pub coherent: u64,
    /// How often EXT_COHERENT was among them.
    pub ext_coherent: u64,
}

/// A request for fine-grained memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Last {
    /// Its number, counted from 0.
    pub number: u64,
    /// Its time in milliseconds of CLOCK_MONOTONIC, as coarse as the kernel's tick.
    pub time_ms: u64,
    /// The process, in the initial pid namespace.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// The command of its process.
    pub command: String,
    /// alloc_memory or svm.
    pub ioctl: &'static str,
    /// KFD's id of the card; null for svm, which names none.
    pub gpu_id: Option<String>,
    /// The card's PCI address; null if KFD has no card with that id.
    pub gpu: Option<String>,
    /// KFD_IOC_ALLOC_MEM_FLAGS_* or, for svm, KFD_IOCTL_SVM_FLAG_*.
    pub flags: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}
