// SPDX-License-Identifier: GPL-2.0

//! The GPUs that variables leave visible to a program.
//!
//! ROCr counts KFD's GPU nodes from 0 (`amd_filter_device.cpp`, ROCR-Runtime). HIP and OpenCL count
//! the GPUs that ROCr leaves (`Device::init()`, `rocdevice.cpp`, clr). Each reads a list up to its
//! first wrong entry.

use crate::sources::processes::Variable;
use crate::sources::Facts;

/// ROCr's variable.
pub const ROCR: &str = "ROCR_VISIBLE_DEVICES";
/// HIP's variables. HIP reads the second one only if the first is empty.
pub const HIP: [&str; 2] = ["HIP_VISIBLE_DEVICES", CUDA];
/// CUDA's variable.
pub const CUDA: &str = "CUDA_VISIBLE_DEVICES";
/// OpenCL's variable.
pub const OPENCL: &str = "GPU_DEVICE_ORDINAL";

/// The GPUs that variables leave visible, if the card is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// No GPU.
    Nothing {
        /// The variables that cause it.
        by: Vec<Variable>,
        /// The programs that read them.
        of: &'static str,
        /// Whether the user seems to want that: an empty list, or -1.
        is_wanted: bool,
    },
    /// Other GPUs than the card.
    Others {
        /// The variables that cause it.
        by: Vec<Variable>,
    },
}

/// Which GPUs these variables leave; `None` if the card is among them, or if that is unknown.
pub fn left(facts: &Facts, variables: &[Variable]) -> Option<Left> {
    let cards = facts.card_nodes();
    let of_rocr: Vec<u32> = match value(variables, ROCR) {
        // Without a list of GPUs, nobody can tell whether a number is too large.
        _ if facts.gpu_nodes.is_empty() || cards.is_empty() => return None,
        None => facts.gpu_nodes.clone(),
        Some(list) => by_rocr(facts, list),
    };
    let has_card = |nodes: &[u32]| nodes.iter().any(|node| cards.contains(node));
    if of_rocr.is_empty() {
        let list = value(variables, ROCR).unwrap_or_default();
        let by = chosen(variables, &[ROCR]);
        return Some(nothing(by, "ROCm", list));
    }
    let hip = HIP
        .into_iter()
        .find(|name| value(variables, name).is_some_and(|one| !one.is_empty()));
    for (name, of) in [(hip, "HIP"), (Some(OPENCL), "OpenCL")] {
        let Some(name) = name else { continue };
        let list = value(variables, name).unwrap_or_default();
        let Some(nodes) = by_hip(&of_rocr, list) else {
            continue;
        };
        let by = chosen(variables, &[ROCR, name]);
        if nodes.is_empty() {
            return Some(nothing(by, of, list));
        }
        if !has_card(&nodes) {
            return Some(Left::Others { by });
        }
    }
    let by = chosen(variables, &[ROCR]);
    (!has_card(&of_rocr)).then_some(Left::Others { by })
}

fn nothing(by: Vec<Variable>, of: &'static str, list: &str) -> Left {
    let is_wanted = matches!(list.trim(), "" | "-1");
    Left::Nothing { by, of, is_wanted }
}

fn value<'a>(variables: &'a [Variable], name: &str) -> Option<&'a str> {
    let mut found = variables.iter().filter(|(other, _)| other == name);
    found.next().map(|(_, value)| value.as_str())
}

fn chosen(variables: &[Variable], names: &[&str]) -> Vec<Variable> {
    let of = |name: &&str| variables.iter().find(|(other, _)| other == name).cloned();
    names.iter().filter_map(of).collect()
}

/// The nodes that ROCr takes: by number, as strtol(3) reads it, or by the start of a unique id,
/// which only one GPU may match. Navi10 has no unique id.
fn by_rocr(facts: &Facts, list: &str) -> Vec<u32> {
    let gpus = &facts.gpu_nodes;
    let mut nodes = Vec::new();
    for word in list.split(',').map(|word| word.trim().to_uppercase()) {
        let index = match word.starts_with('G') {
            true => by_id(&facts.unique_ids, &word),
            false => number(&word),
        };
        match index.and_then(|index| gpus.get(index)) {
            Some(node) if !nodes.contains(node) => nodes.push(*node),
            _ => break,
        }
    }
    nodes
}

fn number(word: &str) -> Option<usize> {
    if let Some(digits) = word.strip_prefix("0X") {
        return usize::from_str_radix(digits, 16).ok();
    }
    match word.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => usize::from_str_radix(digits, 8).ok(),
        _ => word.parse().ok(),
    }
}

fn by_id(ids: &[u64], word: &str) -> Option<usize> {
    let names = ids.iter().map(|id| format!("GPU-{id:016X}"));
    let numbered = names.zip(ids).enumerate();
    let mut found = numbered.filter(|(_, (name, id))| **id != 0 && name.starts_with(word));
    let (index, _) = found.next()?;
    (word.len() > 4 && found.next().is_none()).then_some(index)
}

/// The nodes that HIP takes; `None` without a list, or if only some versions of HIP read it.
fn by_hip(nodes: &[u32], list: &str) -> Option<Vec<u32>> {
    if list.is_empty() || list.contains("GPU-") {
        return None;
    }
    let taken = list.split(',').map_while(|word| {
        let index: usize = word.parse().ok()?;
        // HIP accepts a number only in the form in which it prints numbers.
        (index.to_string() == word).then(|| nodes.get(index).copied())?
    });
    Some(taken.collect())
}
