// SPDX-License-Identifier: GPL-2.0

//! Which variables fit this card and this ROCm, and why.
//!
//! Nothing is here that only the field reports say. `docs/truth.md` section 6 says what they got
//! wrong, and [`NEVER`] is what must not come out of here whatever the machine is.

use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::Facts;

use super::overrides::can_concern;

/// A variable, and what to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// Its name.
    pub variable: String,
    /// What to set it to; `null` to unset it.
    pub value: Option<String>,
    /// Why.
    pub reason: String,
    /// Where that is known from.
    pub source: String,
}

/// Why no variables can be said to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no card for them to fit.
    NoCard,
    /// KFD says something false: by these rules.
    Lie(Vec<String>),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCard => write!(
                f,
                "there is no 0x731f card here, so nothing can fit it. rdna1ctl doctor says more"
            ),
            Self::Lie(rules) => write!(
                f,
                "KFD says something false about the card ({}). No variable mends that, and programs \
                 may crash: run nothing on it first. rdna1ctl doctor says what to do",
                rules.join(", ")
            ),
        }
    }
}

/// What must never be set: wrong for this card, or not known to any library that was read.
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

/// The variables that fit; refused where none can.
pub fn settings(facts: &Facts) -> Result<Vec<Setting>, Refusal> {
    if facts.pages.verdict() == Some("lie") {
        let lies = facts.pages.checks.iter();
        let lies = lies.filter(|check| check.find("verdict") == Some("lie"));
        let mut rules: Vec<_> = lies
            .filter_map(|check| check.find("rule"))
            .map(str::to_owned)
            .collect();
        rules.dedup();
        return Err(Refusal::Lie(rules));
    }
    if facts.pages.gpus.is_empty() {
        return Err(Refusal::NoCard);
    }
    let mut settings = unset(facts);
    let set = [visible(facts), find_mode(facts)].into_iter().flatten();
    // What is set already is the user's own choice, or ours of before.
    let own = &facts.processes.own;
    settings.extend(set.filter(|one| !own.iter().any(|(name, _)| *name == one.variable)));
    Ok(settings)
}

/// What the environment has and should not.
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
            // These names alone: an environment may hold any, and our lines are for a shell.
            name if can_concern(facts, name) => (
                "the card is a gfx1010 and cannot run code for another; libraries built for gfx1010 \
                 need no override",
                "ROCm issue 2527; docs/truth.md section 6",
            ),
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

/// By these users choose a GPU, too; they count those that `ROCR_VISIBLE_DEVICES` leaves, so that both
/// together may leave none.
const OTHER_CHOICES: [&str; 3] = [
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HIP_VISIBLE_DEVICES",
];

/// Which GPUs ROCr is to show, where there are others: it counts KFD's GPU nodes from 0.
fn visible(facts: &Facts) -> Option<Setting> {
    let ours = facts.card_nodes();
    if ours.is_empty() || facts.gpu_nodes.len() <= ours.len() {
        return None;
    }
    let mut own = facts.processes.own.iter();
    if own.any(|(name, _)| OTHER_CHOICES.contains(&name.as_str())) {
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
        variable: "ROCR_VISIBLE_DEVICES".to_owned(),
        value: Some(indices.join(",")),
        reason: format!(
            "KFD has {} GPUs: programs are shown the 0x731f alone (a processor's own graphics often \
             has no libraries)",
            facts.gpu_nodes.len()
        ),
        source: "https://rocm.docs.amd.com/en/latest/conceptual/gpu-isolation.html".to_owned(),
    })
}

/// MIOpen times all its kernels for each new shape, unless it is told to take what it knows.
fn find_mode(facts: &Facts) -> Option<Setting> {
    let databases = facts.rocm.installs.iter().filter_map(|one| one.miopen);
    let reason = match databases.max() {
        Some(true) => return None,
        Some(false) => {
            "this MIOpen has no search results for gfx1010, and would time every kernel for each new \
             shape; 2 (FAST) takes its fallback instead: quick to start, maybe slower to run"
        }
        None => {
            "no MIOpen was found here. One that a program brings along may have no search results for \
             gfx1010, and would time every kernel for each new shape; 2 (FAST) takes its fallback \
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
