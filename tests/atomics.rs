// SPDX-License-Identifier: GPL-2.0

//! Tests of `atomics()`: whether AtomicOps reach the root port, for every kind of path.

use rdna1_kfd_guard::facts::{
    atomics::{
        atomics,
        Atomics,
        Hop,
        PortType, //
    },
    pci::Address,
    value::Value, //
};

const ROUTES: u64 = 0x40;
const COMPLETES_32: u64 = 0x80;
const COMPLETES_64: u64 = 0x100;
const COMPLETES: u64 = COMPLETES_32 | COMPLETES_64;
const REQUESTS: u64 = 0x40;
const BLOCKS_EGRESS: u64 = 0x80;

fn hop(bus: u16, port: PortType, capabilities: u64, control: u64) -> Hop {
    Hop {
        address: Address {
            domain: 0,
            location: bus << 8,
        },
        port: Some(port),
        capabilities: Value::Known(capabilities),
        control: Value::Known(control),
    }
}

fn card() -> Hop {
    hop(4, PortType::Endpoint, 0, 0)
}

fn downstream(capabilities: u64) -> Hop {
    hop(3, PortType::Downstream, capabilities, 0)
}

fn upstream(capabilities: u64, control: u64) -> Hop {
    hop(2, PortType::Upstream, capabilities, control)
}

fn root_port(capabilities: u64) -> Hop {
    hop(1, PortType::RootPort, capabilities, 0)
}

fn refused_at(bus: u16) -> Atomics {
    Atomics::None(Some(Address {
        domain: 0,
        location: bus << 8,
    }))
}

#[test]
fn a_root_port_must_complete_both_widths() {
    for (capabilities, expected) in [
        (COMPLETES, Atomics::Completer),
        (COMPLETES | ROUTES, Atomics::Completer),
        (COMPLETES_32, refused_at(1)),
        (COMPLETES_64, refused_at(1)),
        (ROUTES, refused_at(1)),
        (0, refused_at(1)),
    ] {
        let path = [root_port(capabilities)];
        assert_eq!(
            atomics(&card(), path.into_iter()),
            expected,
            "{capabilities:#x}"
        );
    }
}

#[test]
fn the_first_switch_port_that_refuses_is_named() {
    for (down, up, control, expected) in [
        (ROUTES, ROUTES, 0, Atomics::Completer),
        (0, ROUTES, 0, refused_at(3)),
        (ROUTES, 0, 0, refused_at(2)),
        (0, 0, 0, refused_at(3)),
        (ROUTES, ROUTES, BLOCKS_EGRESS, refused_at(2)),
    ] {
        let path = [
            downstream(down),
            upstream(up, control),
            root_port(COMPLETES),
        ];
        assert_eq!(atomics(&card(), path.into_iter()), expected);
    }
}

#[test]
fn what_does_not_answer_is_unknown() {
    let silent = |hop: Hop| Hop {
        port: None,
        capabilities: Value::Unreadable,
        control: Value::Unreadable,
        ..hop
    };
    let unknown = |card: Hop, path: &[Hop]| {
        assert_eq!(atomics(&card, path.iter().copied()), Atomics::Unknown);
    };
    unknown(silent(card()), &[root_port(COMPLETES)]);
    unknown(card(), &[silent(downstream(0)), root_port(COMPLETES)]);
    unknown(card(), &[silent(root_port(COMPLETES))]);
    let deaf = Hop {
        capabilities: Value::Unreadable,
        ..root_port(COMPLETES)
    };
    unknown(card(), &[deaf]);
}

/// A guest sees such a card if its hypervisor hides the root port.
#[test]
fn without_a_root_port_the_card_must_have_been_allowed() {
    let none = || std::iter::empty();
    let allowed = hop(4, PortType::Endpoint, 0, REQUESTS);
    assert_eq!(atomics(&allowed, none()), Atomics::Completer);
    assert_eq!(atomics(&card(), none()), Atomics::None(None));
}

/// Without a root port the kernel does not check the bridges.
#[test]
fn without_a_root_port_no_bridge_has_a_say() {
    let deaf = Hop {
        capabilities: Value::Unreadable,
        ..downstream(ROUTES)
    };
    let allowed = hop(4, PortType::Endpoint, 0, REQUESTS);
    for bridge in [downstream(0), upstream(ROUTES, BLOCKS_EGRESS), deaf] {
        let path = || [bridge].into_iter();
        assert_eq!(atomics(&allowed, path()), Atomics::Completer, "{bridge:?}");
        assert_eq!(atomics(&card(), path()), Atomics::None(None), "{bridge:?}");
    }
    // The type of this port cannot be read: it may be a root port.
    let silent = Hop {
        port: None,
        ..root_port(COMPLETES)
    };
    let path = [downstream(0), silent];
    assert_eq!(atomics(&allowed, path.into_iter()), Atomics::Unknown);
}

#[test]
fn only_an_endpoint_requests() {
    let odd = hop(4, PortType::Other, 0, REQUESTS);
    assert_eq!(
        atomics(&odd, [root_port(COMPLETES)].into_iter()),
        refused_at(4)
    );
}

#[test]
fn port_types_are_read_from_the_flags() {
    for (flags, port) in [
        (0x0002, PortType::Endpoint),
        (0x0012, PortType::Endpoint),
        (0x0042, PortType::RootPort),
        (0x0152, PortType::Upstream),
        (0x0062, PortType::Downstream),
        (0x0092, PortType::Other),
        // No PCI Express capability at all.
        (0x0000, PortType::Other),
    ] {
        assert_eq!(PortType::of_flags(flags), port, "{flags:#x}");
    }
}
