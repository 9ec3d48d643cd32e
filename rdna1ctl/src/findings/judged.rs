// SPDX-License-Identifier: GPL-2.0

//! Judges the variables of one environment for a 0x731f card, independent of their origin.

use crate::sources::processes::Variable;
use crate::sources::Facts;

use super::overrides::{concerns, is_covered, node, version};
use super::programs::BUILT_FOR_IT;
use super::visible::{left, Left, CUDA};
use super::{State, TRUTH};

/// Variables that matter.
pub(super) struct Judged {
    /// The id of the finding for a running program.
    pub id: &'static str,
    /// How serious it is for a program that uses KFD.
    pub state: State,
    /// Their effect, as a phrase that follows its subject.
    pub says: String,
    /// The variables.
    pub variables: Vec<Variable>,
    /// Whether to unset them.
    pub unset: bool,
    /// Further steps.
    pub advice: Vec<String>,
    /// Whether they only choose another GPU, which a program may well intend.
    pub is_choice: bool,
}

impl Judged {
    fn new(id: &'static str, state: State, says: impl Into<String>, variable: &Variable) -> Self {
        Self {
            id,
            state,
            says: says.into(),
            variables: vec![variable.clone()],
            unset: true,
            advice: Vec::new(),
            is_choice: false,
        }
    }

    fn advise(mut self, step: impl Into<String>) -> Self {
        self.advice.push(step.into());
        self
    }

    /// The names of the variables.
    pub fn names(&self) -> String {
        let names = self.variables.iter().map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(" and ")
    }

    /// Whether to report them for a file, or for a program that does not use KFD. Many programs
    /// that have nothing to do with the card preload a library, or choose a GPU.
    pub fn is_for_later(&self) -> bool {
        !self.is_choice && self.id != PRELOAD
    }
}

const PRELOAD: &str = "preload";

/// Observed with both versions (docs/truth.md, section 9).
const WHICH_RUNTIME: &str =
    "libhsakmt 6.2.4 (Debian 13) ignores a variable for one node; the one in ROCr 6.4 heeds it";

/// The variables that matter, among those of one environment.
pub(super) fn judged(facts: &Facts, variables: &[Variable]) -> Vec<Judged> {
    let each = variables.iter().filter_map(|variable| {
        let name = &variable.0;
        if concerns(facts, name) {
            let judged = overridden(variable);
            let is_covered = is_covered(facts, name, variables);
            Some(match is_covered || node(name).is_some() {
                true => judged.advise(WHICH_RUNTIME),
                false => judged,
            })
        } else {
            one(variable)
        }
    });
    let mut judged: Vec<_> = each.collect();
    judged.extend(left(facts, variables).map(|left| hidden(facts, left)));
    judged
}

/// Judges a variable other than an override; `None` if it does not matter.
fn one(variable: &Variable) -> Option<Judged> {
    let (name, value) = variable;
    match name.as_str() {
        "HSA_FORCE_FINE_GRAIN_PCIE" if value == "1" => Some(
            Judged::new(
                "fine-grain-forced",
                State::Trouble,
                "makes ROCr offer fine-grained VRAM, which the card does not have",
                variable,
            )
            .advise(format!("{TRUTH} section 5")),
        ),
        "LD_PRELOAD" if !value.is_empty() => Some(Judged {
            unset: false,
            ..Judged::new(PRELOAD, State::Note, "loads a library before all others", variable)
                .advise("if it is the shim of the patch, unset LD_PRELOAD: that shim crashed programs")
        }),
        "MIOPEN_FIND_ENFORCE" if !matches!(value.as_str(), "" | "1" | "NONE") => Some(
            Judged::new(
                "miopen-search-forced",
                State::Trouble,
                "forces MIOpen to search or to write its database: the first run may take far longer",
                variable,
            )
            .advise("3 is SEARCH, no value means \"database only\"")
            .advise(format!("{TRUTH} section 6")),
        ),
        _ => None,
    }
}

/// An override of the ISA.
fn overridden(variable: &Variable) -> Judged {
    let (name, value) = variable;
    let for_node = node(name).map_or_else(String::new, |node| format!(" of node {node}"));
    match version(value) {
        Some([10, 1, 0]) => Judged::new(
            "override-idle",
            State::Note,
            format!("overrides the ISA{for_node} with gfx1010, which the card has anyway"),
            variable,
        )
        .advise("it changes nothing here, and misleads on another card"),
        Some([major, minor, step]) => Judged::new(
            "override",
            State::Trouble,
            format!(
                "makes libraries take the card{for_node} for a gfx{major}{minor:x}{step:x}; it is a \
                 gfx1010, and cannot run that code"
            ),
            variable,
        )
        .advise(BUILT_FOR_IT)
        .advise(format!("{TRUTH} section 6")),
        None => Judged::new(
            "override-malformed",
            State::Trouble,
            format!(
                "overrides the ISA{for_node} with a malformed version: ROCm's libraries then find no \
                 GPU at all"
            ),
            variable,
        ),
    }
}

/// Whether these variables are meant for NVIDIA's cards, and this machine has some.
pub(super) fn is_for_nvidia(facts: &Facts, by: &[Variable]) -> bool {
    facts.has_nvidia && by.last().is_some_and(|(name, _)| name == CUDA)
}

/// Variables that hide the card.
fn hidden(facts: &Facts, left: Left) -> Judged {
    let new = |id, state, says: String, by| Judged {
        id,
        state,
        says,
        variables: by,
        unset: true,
        advice: Vec::new(),
        is_choice: false,
    };
    match left {
        Left::Nothing { by, of, .. } if is_for_nvidia(facts, &by) => Judged {
            is_choice: true,
            unset: false,
            ..new(
                "gpus-hidden",
                State::Note,
                format!("leaves no GPU to {of}, which reads CUDA's variable, too"),
                by,
            )
            .advise("for programs on the card: HIP_VISIBLE_DEVICES=0, which HIP reads first")
        },
        Left::Nothing {
            by,
            of,
            is_wanted: true,
        } => Judged {
            is_choice: true,
            ..new(
                "gpus-hidden",
                State::Note,
                format!("hides all GPUs from {of}"),
                by,
            )
        },
        Left::Nothing {
            by,
            of,
            is_wanted: false,
        } => {
            let says = format!("leaves no GPU to {of}: the card is hidden");
            new("no-gpu-left", State::Trouble, says, by)
                .advise(
                    "ROCr counts KFD's GPUs from 0, and takes GPU-… only by a unique id, which this \
                     card does not have; HIP and OpenCL count those that ROCr leaves, from 0",
                )
                .advise("rdna1ctl env shows the number of the card where there are several GPUs")
        }
        Left::Others { by } => Judged {
            is_choice: true,
            ..new(
                "card-hidden",
                State::Note,
                "hides the card: it leaves only other GPUs".to_owned(),
                by,
            )
            .advise("nothing is wrong with that if another GPU is meant")
        },
    }
}
