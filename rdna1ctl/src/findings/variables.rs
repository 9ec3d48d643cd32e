// SPDX-License-Identifier: GPL-2.0

//! The variables that fit this card and this ROCm, each with the reason.
//!
//! Field reports alone do not justify a variable: `docs/truth.md` section 6 lists their errors.
//! [`NEVER`] lists the variables that this code must never set.

use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::Facts;

use super::judged::is_for_nvidia;
use super::overrides::{concerns, version};
use super::visible::{left, Left, HIP, OPENCL, ROCR};
use super::MISMATCH;

/// A variable to set or to unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// Its name.
    pub variable: String,
    /// Its value; `null` to unset it.
    pub value: Option<String>,
    /// The reason.
    pub reason: String,
    /// The source of the reason.
    pub source: String,
}

/// Why no variables fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no card, and none can be: this is WSL.
    Wsl,
    /// There is no card.
    NoCard,
    /// The verdict is lie, by these rules.
    Lie(Vec<String>),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wsl => write!(
                f,
                "this is WSL, which has no KFD and shows no card, so no variable fits. rdna1ctl doctor \
                 says more"
            ),
            Self::NoCard => write!(
                f,
                "there is no 0x731f card here, so no variable fits. rdna1ctl doctor says more"
            ),
            Self::Lie(rules) => write!(
                f,
                "{MISMATCH} ({}). No variable repairs that, and programs may crash: run nothing on \
                 the card. rdna1ctl doctor says what to do",
                rules.join(", ")
            ),
        }
    }
}

/// Variables that are wrong for this card, or that no inspected library reads.
pub const NEVER: [&str; 10] = [
    "HSA_OVERRIDE_GFX_VERSION",
    "HSA_FORCE_FINE_GRAIN_PCIE",
    "MIOPEN_FIND_ENFORCE",
    "MIOPEN_FORCE_RDNA1",
    "MIOPEN_DEVICE_ARCH",
    "MIOPEN_DISABLE_SOLVERS",
    "MIOPEN_ENABLE_IMMEDIATE_MODE",
    "MIOPEN_DEBUG_CONV_IMPLICIT_GEMM",
    "HSA_ENABLE_SDMA",
    "PYTORCH_ROCM_ARCH",
];

/// The variables that fit, or the reason why none does.
pub fn settings(facts: &Facts) -> Result<Vec<Setting>, Refusal> {
    if facts.pages.verdict() == Some("lie") {
        return Err(Refusal::Lie(facts.pages.rules_with(None, "lie")));
    }
    if facts.pages.gpus.is_empty() {
        return Err(match facts.place.wsl {
            true => Refusal::Wsl,
            false => Refusal::NoCard,
        });
    }
    let mut settings = unset(facts);
    let set = [visible(facts), find_mode(facts)].into_iter().flatten();
    // A variable that is already set is the user's choice, or ours from an earlier call.
    let own = &facts.processes.own;
    settings.extend(shown(facts));
    settings.extend(set.filter(|one| !own.iter().any(|(name, _)| *name == one.variable)));
    Ok(settings)
}

fn unset(facts: &Facts) -> Vec<Setting> {
    let own = facts.processes.own.iter();
    let unset = own.filter_map(|(name, value)| {
        let (reason, source) = match name.as_str() {
            "HSA_FORCE_FINE_GRAIN_PCIE" if value != "0" => (
                "it makes ROCr offer fine-grained VRAM, which this card does not have",
                "ROCm/ROCR-Runtime amd_gpu_agent.cpp, InitRegionList(); docs/truth.md section 5",
            ),
            "MIOPEN_FIND_ENFORCE" => (
                "3 is SEARCH, which forces long tuning; no value means \"database only\"",
                "ROCm/MIOpen docs/conceptual/perfdb.rst; docs/truth.md section 6",
            ),
            // Unset only these names: an environment may hold any name, and a shell evaluates our
            // lines.
            name if concerns(facts, name) => match version(value) {
                Some([10, 1, 0]) => (
                    "it names the card's own ISA, gfx1010, and is not needed",
                    "ROCR-Runtime libhsakmt/src/topology.c; docs/truth.md section 6",
                ),
                Some(_) => (
                    "the card is a gfx1010 and cannot run code for another; libraries built for \
                     gfx1010 need no override",
                    "ROCm issue 2527; docs/truth.md section 6",
                ),
                None => (
                    "it is no version of the form 10.1.0: ROCm's libraries then find no GPU at all",
                    "ROCR-Runtime libhsakmt/src/topology.c",
                ),
            },
            _ => return None,
        };
        Some(Setting {
            variable: name.clone(),
            value: None,
            reason: reason.to_owned(),
            source: source.to_owned(),
        })
    });
    unset.collect()
}

/// Unsets the variables that leave no GPU, unless the user seems to want that.
fn shown(facts: &Facts) -> Vec<Setting> {
    let mut own = facts.processes.own.clone();
    let mut unset = Vec::new();
    // Without ROCr's variable, HIP's may still leave no GPU.
    while let Some(Left::Nothing {
        by,
        is_wanted: false,
        ..
    }) = left(facts, &own)
    {
        let Some((name, _)) = by.last() else { break };
        own.retain(|(other, _)| other != name);
        if is_for_nvidia(facts, &by) {
            unset.push(Setting {
                variable: HIP[0].to_owned(),
                value: Some("0".to_owned()),
                reason: format!(
                    "{name} is meant for NVIDIA's cards here; HIP reads this one first"
                ),
                source: ISOLATION.to_owned(),
            });
            continue;
        }
        unset.push(Setting {
            variable: name.clone(),
            value: None,
            reason: format!(
                "it leaves no GPU: KFD lists {} here, counted from 0; HIP and OpenCL count those that \
                 {ROCR} leaves",
                facts.gpu_nodes.len()
            ),
            source: ISOLATION.to_owned(),
        });
    }
    unset
}

/// How ROCm's libraries count GPUs.
const ISOLATION: &str = "https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html";

/// Restricts ROCr to the card if there are other GPUs. ROCr counts KFD's GPU nodes from 0.
fn visible(facts: &Facts) -> Option<Setting> {
    let pages = &facts.pages;
    let addresses = pages.addresses().into_iter();
    let mut nodes = addresses.map(|gpu| pages.nodes_of(gpu));
    // If a card has several nodes, only one works, and its number changes when the others go.
    if nodes.any(|nodes| nodes.len() > 1) {
        return None;
    }
    let ours = facts.card_nodes();
    if ours.is_empty() || facts.gpu_nodes.len() <= ours.len() {
        return None;
    }
    // Other variables count the GPUs that this one leaves, so both together may leave none.
    let mut own = facts.processes.own.iter().map(|(name, _)| name.as_str());
    if own.any(|name| HIP.contains(&name) || name == OPENCL) {
        return None;
    }
    let numbered = facts.gpu_nodes.iter().enumerate();
    let indices: Vec<_> = numbered
        .filter(|(_, node)| ours.contains(node))
        .map(|(index, _)| index.to_string())
        .collect();
    if indices.is_empty() {
        return None;
    }
    Some(Setting {
        variable: ROCR.to_owned(),
        value: Some(indices.join(",")),
        reason: format!(
            "KFD lists {} GPUs: this shows programs only the 0x731f (a processor's own graphics often \
             has no libraries)",
            facts.gpu_nodes.len()
        ),
        source: "https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html".to_owned(),
    })
}

/// MIOpen times all its kernels for each new shape, unless `MIOPEN_FIND_MODE` says otherwise.
fn find_mode(facts: &Facts) -> Option<Setting> {
    let databases = facts.rocm.installs.iter().filter_map(|one| one.miopen);
    let reason = match databases.max() {
        Some(true) => return None,
        Some(false) => {
            "this MIOpen has no search results for gfx1010, and would time every kernel for each new \
             shape; 2 (FAST) uses its fallback instead: quick to start, maybe slower to run"
        }
        None => {
            "no MIOpen was found here. The one in a program's own package may have no search results \
             for gfx1010, and would time every kernel for each new shape; 2 (FAST) uses its fallback \
             instead: quick to start, maybe slower to run"
        }
    };
    Some(Setting {
        variable: "MIOPEN_FIND_MODE".to_owned(),
        value: Some("2".to_owned()),
        reason: reason.to_owned(),
        source:
            "https://rocm.docs.amd.com/projects/MIOpen/en/latest/how-to/find-and-immediate.html"
                .to_owned(),
    })
}
