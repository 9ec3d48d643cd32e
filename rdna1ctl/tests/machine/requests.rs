// SPDX-License-Identifier: GPL-2.0

//! A program's requests to KFD, as the BPF program would have counted them.

use rdna1ctl::requests::names::Names;
use rdna1ctl::requests::RequestsDocument;
use rdna1ctl::root::Root;
use rdna1ctl::trace::layout::{Asked, Fine, Svm, KINDS};
use rdna1ctl::trace::{Counts, Probe, TracerState, Tracing};

use super::Machine;

const COHERENT: usize = 4;
const QUEUE_UNCACHED: usize = 8 | 2;
/// The card's KFD id on the machine.
const CARD: u32 = 0x3039;

fn command(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// A trace without problems.
pub fn tracing() -> Tracing {
    let functions = [
        "kfd_ioctl_alloc_memory_of_gpu",
        "kfd_ioctl_svm",
        "kfd_ioctl_set_memory_policy",
        "kfd_ioctl_create_queue",
    ];
    let probes = KINDS.into_iter().zip(functions);
    Tracing {
        state: TracerState::Armed,
        was_blind: false,
        unloads: 0,
        svm_attributes: true,
        probes: probes
            .map(|(ioctl, function)| Probe {
                ioctl,
                function,
                unavailable: None,
                lost: 0,
                missed: 0,
            })
            .collect(),
    }
}

pub fn nothing() -> Counts {
    Counts {
        cards: Vec::new(),
        svm: Vec::new(),
        fine: 0,
        left_out: 0,
        last: Vec::new(),
        tracing: tracing(),
    }
}

/// A program with memory of several kinds, one queue and one range of SVM.
pub fn counts() -> Counts {
    let mut asked = Asked {
        key: 812 << 32 | u64::from(CARD),
        allocations: [[0; 16]; 6],
        policies: [0; 16],
        queues: [0, 0, 1, 0, 0, 0],
        command: command("my-program"),
    };
    asked.allocations[0][0] = 41;
    asked.allocations[0][COHERENT] = 2;
    asked.allocations[1][COHERENT] = 7;
    asked.allocations[1][QUEUE_UNCACHED] = 1;
    asked.allocations[3][0] = 1;
    asked.policies[1] = 1;
    let mut svm = Svm {
        key: 812,
        operations: [1, 0, 0],
        attributes: [[[0; 4]; 9]; 2],
        unread: 0,
        command: command("my-program"),
    };
    svm.attributes[0][2][0] = 1;
    svm.attributes[0][5][1] = 1;
    let fine = |number: u64, is_svm: bool, flags, size| {
        let fine = Fine {
            seal: (number + 1) << 1 | u64::from(is_svm),
            ticks: 0,
            who: 812 << 32 | 815,
            size,
            gpu_id: if is_svm { 0 } else { CARD },
            flags,
        };
        (5_001_000_000 + number * 3_000_000, fine)
    };
    Counts {
        cards: vec![asked],
        svm: vec![svm],
        fine: 10,
        left_out: 0,
        last: vec![
            fine(7, false, 0x8400_0002, 65536),
            fine(8, false, 0x8400_0001, 2_097_152),
            fine(9, true, 0x2, 2_097_152),
        ],
        tracing: tracing(),
    }
}

/// The document of `requests` on a machine with that card.
pub fn document(counts: &Counts) -> RequestsDocument {
    let machine = Machine::healthy();
    let mut names = Names::default();
    names.update(&Root::new(machine.root()));
    RequestsDocument::of(counts, &names)
}
