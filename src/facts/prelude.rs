// SPDX-License-Identifier: GPL-2.0

//! Names that nearly every file about facts uses.

pub use super::{
    card::{
        Card,
        CardKey,
        Presence, //
    },
    links::LinkProperties,
    map::{
        count,
        insert,
        Map,
        OutOfMemory, //
    },
    node::{
        BankProperties,
        Basis,
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
