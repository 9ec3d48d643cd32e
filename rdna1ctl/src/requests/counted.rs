// SPDX-License-Identifier: GPL-2.0

//! Builds the document of requests from the counts of the BPF programs.

use std::collections::BTreeMap;

use crate::form::FORM;
use crate::trace::layout::{command, Asked, Fine, Svm, ATTRIBUTES, HEAPS, KINDS, OPERATIONS};
use crate::trace::Counts;

use super::names::Names;
use super::{
    Card, Grains, Last, Memory, Policies, Process, Queues, RequestsDocument, SvmAttribute,
    SvmRequests,
};

// The flags that determine an allocation's grain, as the BPF programs number them.
const EXT_COHERENT: usize = 1;
const UNCACHED: usize = 2;
const COHERENT: usize = 4;
const QUEUE: usize = 8;
const FINE: usize = EXT_COHERENT | UNCACHED | COHERENT;

impl RequestsDocument {
    /// The document for these counts.
    pub fn of(counts: &Counts, names: &Names) -> Self {
        let mut processes = BTreeMap::new();
        for asked in &counts.cards {
            let (pid, gpu_id) = halves(asked.key);
            let process = process(&mut processes, pid, &asked.command);
            process.cards.push(card(gpu_id, asked, names));
        }
        for svm in &counts.svm {
            let (_, pid) = halves(svm.key);
            process(&mut processes, pid, &svm.command).svm = Some(svm_requests(svm));
        }
        let last = counts.last.iter().filter_map(|(time, fine)| {
            let (pid, _) = halves(fine.who);
            last(*time, fine, processes.get(&pid), names)
        });
        Self {
            form: FORM,
            tracing: counts.tracing.clone(),
            fine: counts.fine,
            left_out: counts.left_out,
            last: last.collect(),
            processes: processes.into_values().collect(),
        }
    }
}

fn halves(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}

fn process<'a>(
    processes: &'a mut BTreeMap<u32, Process>,
    pid: u32,
    name: &[u8; 16],
) -> &'a mut Process {
    processes.entry(pid).or_insert_with(|| Process {
        pid,
        command: command(name),
        cards: Vec::new(),
        svm: None,
    })
}

/// The sum of the counters whose index has exactly these `bits` of the `mask` set.
fn sum(counts: &[u64], mask: usize, bits: usize) -> u64 {
    let counts = counts.iter().enumerate();
    let wanted = counts.filter(|(place, _)| place & mask == bits);
    wanted.map(|(_, count)| count).sum()
}

fn card(gpu_id: u32, asked: &Asked, names: &Names) -> Card {
    let name = names.find(gpu_id);
    let heaps = HEAPS.iter().zip(&asked.allocations);
    let memory = heaps.map(|(heap, counts)| Memory {
        heap,
        grains: Grains {
            requests: sum(counts, 0, 0),
            coarse: sum(counts, QUEUE | FINE, 0),
            coherent: sum(counts, QUEUE | COHERENT, COHERENT),
            uncached: sum(counts, QUEUE | UNCACHED, UNCACHED),
            ext_coherent: sum(counts, QUEUE | EXT_COHERENT, EXT_COHERENT),
            queue: sum(counts, QUEUE, QUEUE),
        },
    });
    let [compute, sdma, compute_aql, sdma_xgmi, sdma_by_engine, other] = asked.queues;
    Card {
        gpu_id: format!("{gpu_id:#x}"),
        gpu: name.and_then(|name| name.gpu.clone()),
        node: name.map(|name| name.node),
        memory: memory.filter(|one| one.grains.requests != 0).collect(),
        policies: Policies {
            requests: sum(&asked.policies, 0, 0),
            default_coherent: sum(&asked.policies, 12, 0),
            default_noncoherent: sum(&asked.policies, 12, 4),
            alternate_coherent: sum(&asked.policies, 3, 0),
            alternate_noncoherent: sum(&asked.policies, 3, 1),
        },
        queues: Queues {
            requests: asked.queues.iter().sum(),
            compute,
            sdma,
            compute_aql,
            sdma_xgmi,
            sdma_by_engine,
            other,
        },
    }
}

fn svm_requests(svm: &Svm) -> SvmRequests {
    let mut attributes = Vec::new();
    for (op, kinds) in OPERATIONS.iter().zip(&svm.attributes) {
        for (attribute, counts) in ATTRIBUTES.iter().zip(kinds) {
            let all = sum(counts, 0, 0);
            if all != 0 {
                attributes.push(SvmAttribute {
                    op,
                    attribute,
                    attributes: all,
                    coherent: sum(counts, 1, 1),
                    ext_coherent: sum(counts, 2, 2),
                });
            }
        }
    }
    SvmRequests {
        operations: OPERATIONS.into_iter().zip(svm.operations).collect(),
        attributes,
        unread: svm.unread,
    }
}

fn last(time: u64, fine: &Fine, process: Option<&Process>, names: &Names) -> Option<Last> {
    let (number, is_svm) = fine.number()?;
    let (pid, tid) = halves(fine.who);
    let name = names.find(fine.gpu_id).filter(|_| !is_svm);
    Some(Last {
        number,
        time_ms: time / 1_000_000,
        pid,
        tid,
        command: process.map_or_else(String::new, |one| one.command.clone()),
        ioctl: KINDS[usize::from(is_svm)],
        gpu_id: (!is_svm).then(|| format!("{:#x}", fine.gpu_id)),
        gpu: name.and_then(|name| name.gpu.clone()),
        flags: format!("{:#x}", fine.flags),
        size_bytes: fine.size,
    })
}
