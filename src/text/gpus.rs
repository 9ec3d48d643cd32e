// SPDX-License-Identifier: GPL-2.0

//! The file `gpus`: a record for each card on the PCI bus, whether KFD knows it or not.

use core::fmt;

use crate::{
    facts::{
        atomics::Atomics,
        pci::*,
        prelude::*, //
    },
    rules::*,
    uapi, //
};

use super::{
    boards::board,
    record::*, //
};

/// The size of BAR0 without resizing, in bytes, from boot logs of this device.
const SMALL_BAR_BYTES: u64 = 256 << 20;

/// Writes `gpus`.
///
/// If the PCI core cannot be asked, there is a record for each card that KFD knows.
pub fn gpus(snapshot: &Snapshot, out: &mut dyn fmt::Write) -> fmt::Result {
    heading(out, "gpus")?;
    for card in snapshot.cards() {
        if snapshot.pci_known && !snapshot.is_navi10(card) {
            continue;
        }
        let function = &card.function.unwrap_or_default();
        let node = worst_node(snapshot, card);
        let claims = node.unwrap_or(&Node::ABSENT);
        let banks = snapshot.banks_of(claims);
        let sizes = banks.filter_map(|bank| bank.properties.size_in_bytes().known());
        let device = card.function.map_or(Value::Absent, |function| {
            Value::Known(function.id.device.into())
        });
        let mec_fw = match claims.properties.fw_version() {
            Value::Absent => function.mec_fw,
            printed => printed,
        };
        let truth = snapshot.is_navi10(card).then_some(true);
        let mut record = Record::of(card, out);
        record.hex("device", device);
        record.hex("revision", function.revision);
        record.show("subsystem", &Known(function.subsystem));
        let board = function.revision.known().and_then(board);
        record.word("board", board.unwrap_or("?"));
        record.word("driver", driver(&function.driver));
        record.node(node);
        record.hex("gpu_id", claims.gpu_id);
        record.number("gfx", claims.properties.gfx_target_version());
        record.number("bar0_bytes", function.bar0_bytes);
        let bar = bar(function.bar0_bytes.known(), sizes.max());
        record.word("bar", bar.unwrap_or("?"));
        record.word("link_gts", gts(function.link));
        record.number("link_width", function.link.width);
        record.word("atomics", atomics(function.atomics));
        record.word("kfd", kfd(card.presence));
        record.word("reason", reason(snapshot.kfd, card.presence, function));
        record.flag("coarse_grained_only", truth);
        record.word("verdict", card_verdict(snapshot, card).name());
        match function.atomics {
            Atomics::Completer => record.word("atomics_hop", "-"),
            Atomics::None(hop) => record.show("atomics_hop", &Known(hop)),
            Atomics::Unknown => record.word("atomics_hop", "?"),
        }
        record.word("atomics_kfd", atomics_in_kfd(claims));
        record.number("mec_fw", mec_fw);
        record.word("link_gts_max", gts(function.link_at_most));
        record.number("link_width_max", function.link_at_most.width);
        record.word("power", power(function.power));
        record.number("vram_total_bytes", function.vram_total_bytes);
        record.end()?;
    }
    Ok(())
}

/// The CPU's reach into VRAM: all, the 256 MiB of a BAR that was not resized, or a part.
fn bar(bar0: Option<u64>, vram: Option<u64>) -> Option<&'static str> {
    match (bar0?, vram) {
        // Checked first: no board has this little VRAM, whatever KFD prints.
        (bar0, _) if bar0 <= SMALL_BAR_BYTES => Some("small"),
        (bar0, Some(vram)) if bar0 >= vram => Some("large"),
        (_, Some(_)) => Some("partial"),
        (_, None) => None,
    }
}

fn kfd(presence: Presence) -> &'static str {
    match presence {
        Presence::Present => "present",
        Presence::Absent => "absent",
        Presence::Unreadable => "unreadable",
    }
}

/// The reason why KFD has no node for the card, if known. `-` if there is a node, `unknown` if even
/// that is unknown.
fn reason(kfd: Presence, card: Presence, function: &Function) -> &'static str {
    match card {
        Presence::Present => return "-",
        Presence::Unreadable => return "unknown",
        Presence::Absent => (),
    }
    match function.driver {
        Driver::None => "no-driver",
        Driver::NotSaid | Driver::Unreadable => "unknown",
        driver if !driver.is_amdgpu() => "not-amdgpu",
        Driver::Named(_) if kfd == Presence::Absent => "no-kfd",
        // The probe may still be running, and KFD's node may follow.
        Driver::Named(_) if function.render_node == RenderNode::None => "unknown",
        Driver::Named(_) if lacks_atomics(function) => "atomics",
        Driver::Named(_) => "unknown",
    }
}

/// The first MEC firmware version that needs no AtomicOps on GC 10.1.x (`kfd_device_info_init()`,
/// `kfd_device.c`: `no_atomic_fw_version`).
const MEC_WITHOUT_ATOMICS: u64 = 145;

/// Whether KFD rejects the card for missing AtomicOps (`kgd2kfd_device_init()`, `kfd_device.c`).
fn lacks_atomics(function: &Function) -> bool {
    let is_old = function
        .mec_fw
        .known()
        .is_some_and(|version| version < MEC_WITHOUT_ATOMICS);
    is_old && matches!(function.atomics, Atomics::None(_))
}

fn power(power: Power) -> &'static str {
    match power {
        Power::Active => "active",
        Power::Asleep => "asleep",
        Power::Unknown => "?",
    }
}

fn driver(driver: &Driver) -> &str {
    match driver {
        Driver::Named(name) => name.as_str(),
        Driver::None => "-",
        Driver::NotSaid | Driver::Unreadable => "?",
    }
}

fn atomics(atomics: Atomics) -> &'static str {
    match atomics {
        Atomics::Completer => "completer",
        Atomics::None(_) => "none",
        Atomics::Unknown => "unknown",
    }
}

/// How KFD handled AtomicOps: it requested them, or it accepted the card without them. The link's
/// flags tell which (`kfd_fill_iolink_non_crat_info()`, `kfd_topology.c`). KFD publishes nothing
/// about a card that it rejected.
fn atomics_in_kfd(node: &Node) -> &'static str {
    const REFUSED: u32 =
        uapi::HSA_IOLINK_FLAGS_NO_ATOMICS_32_BIT | uapi::HSA_IOLINK_FLAGS_NO_ATOMICS_64_BIT;
    let flags = node.links.to_cpu;
    match flags.has(REFUSED.into()) {
        // KFD has not filled in the flags, or it is an old kernel, which leaves all flags 0.
        _ if flags.has(uapi::HSA_IOLINK_FLAGS_ENABLED.into()) != Some(true) => "?",
        Some(true) => "tolerated",
        _ => "requested",
    }
}

/// The speed of a link in GT/s.
fn gts(link: ExpressLink) -> &'static str {
    const BY_CODE: [&str; 7] = ["?", "2.5", "5", "8", "16", "32", "64"];
    let code = link.speed_code.known();
    let place = code.and_then(|code| usize::try_from(code).ok());
    place.and_then(|place| BY_CODE.get(place)).unwrap_or(&"?")
}
