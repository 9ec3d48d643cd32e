// SPDX-License-Identifier: GPL-2.0

//! What nearly all that works with facts uses.

pub use super::{
    map::{
        count,
        Map,
        Maps,
        OutOfMemory, //
    },
    node::{
        BankProperties,
        Basis,
        LinkProperties,
        Node,
        NodeProperties, //
    },
    numbers::Numbers,
    pci::{
        Address,
        Driver,
        Function,
        Id,
        PciBus,
        RenderNode, //
    },
    snapshot::{
        Bank,
        Card,
        CardKey,
        Presence,
        Snapshot, //
    },
    tally::{
        add,
        bump,
        Tally, //
    },
    topology::{
        File,
        Folder,
        LinkFolder,
        ReadError,
        Topology, //
    },
    value::Value,
};
