// SPDX-License-Identifier: GPL-2.0

//! Findings about the libraries that running programs use: whether they have code for the card.

use crate::sources::libraries::{is_of_rocm, Libraries};
use crate::sources::mapped::Mapped;
use crate::sources::processes::Process;
use crate::sources::Facts;

use super::code::{judge, Answer, Judged};
use super::{Finding, State, TRUTH};

/// The most programs that a finding names.
const NAMED: usize = 3;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    if !facts.has_card() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut unread = Vec::new();
    // Programs of one kind use the same libraries, so report them together.
    let mut groups: Vec<(&Libraries, State, Vec<&Process>)> = Vec::new();
    for process in &facts.processes.list {
        match &process.libraries {
            Mapped::Found(libraries) if libraries.is_empty() => {}
            Mapped::Found(libraries) => {
                let worst = worst(facts, process);
                let mut known = groups.iter_mut();
                match known.find(|(own, state, _)| *own == &**libraries && *state == worst) {
                    Some((_, _, processes)) => processes.push(process),
                    None => groups.push((libraries, worst, vec![process])),
                }
            }
            Mapped::NotRead | Mapped::Ended => {}
            Mapped::Unreadable(why) => unread.push((process, why)),
        }
    }
    found.extend(
        groups
            .iter()
            .map(|(libraries, worst, processes)| of(&who(processes), libraries, *worst)),
    );
    if !unread.is_empty() {
        let finding = Finding::unseen(
            "program-libraries-unread",
            "unknown which libraries some programs use",
        );
        let first = unread.iter().take(NAMED);
        let finding = first.fold(finding, |finding, (process, why)| {
            finding.seen(format!("/proc/{}/maps", process.pid), why.as_str())
        });
        let finding = match unread.len().saturating_sub(NAMED) {
            0 => finding,
            more => finding.seen("/proc/*/maps", format!("{more} more programs")),
        };
        found.push(finding.advise("sudo rdna1ctl doctor"));
    }
    found
}

/// These programs as the subject of a sentence, with its verb.
fn who(processes: &[&Process]) -> String {
    let first = processes.iter().take(NAMED);
    let names: Vec<_> = first
        .map(|process| format!("process {} ({})", process.pid, process.command))
        .collect();
    let names = names.join(", ");
    match (processes.len(), processes.len().saturating_sub(NAMED)) {
        (1, _) => format!("{names} uses"),
        (_, 0) => format!("{names} use"),
        (_, more) => format!("{names} and {more} more programs use"),
    }
}

/// The state of the finding if a program has no code for the card. If the machine has other GPUs,
/// the program may use those, unless it has memory of the card.
fn worst(facts: &Facts, process: &Process) -> State {
    let cards = facts.pages.gpus.iter();
    let ids: Vec<_> = cards
        .filter_map(|card| {
            let digits = card.find("gpu_id")?.strip_prefix("0x")?;
            u64::from_str_radix(digits, 16).ok()
        })
        .collect();
    let mut memory = process.vram_bytes.iter();
    let has_memory = memory.any(|(id, bytes)| *bytes != 0 && ids.contains(id));
    let is_only = facts.gpu_nodes.len() <= facts.card_nodes().len();
    match has_memory || is_only {
        true => State::Trouble,
        false => State::Note,
    }
}

/// The version and the folder of the libraries: "ROCm 6.2.4 from /venv/lib".
pub fn names(libraries: &Libraries, judged: &Judged) -> String {
    let version = match &libraries.version {
        Some(version) => format!("ROCm {version}"),
        None => "ROCm of unknown version".to_owned(),
    };
    let mut of_rocm = libraries.list.iter().filter(|one| is_of_rocm(one.name()));
    let first = of_rocm.next().or(libraries.list.first());
    let folder = first
        .map(|one| one.folder().to_owned())
        .or_else(|| judged.parts.first().map(|part| part.path.clone()));
    match folder {
        Some(folder) => format!("{version} from {folder}"),
        None => version,
    }
}

/// The finding for a command that has run.
pub fn used(libraries: &Libraries) -> Finding {
    of("it uses", libraries, State::Trouble)
}

fn of(who: &str, libraries: &Libraries, worst: State) -> Finding {
    let judged = judge(libraries);
    let names = names(libraries, &judged);
    let finding = match judged.answer {
        Answer::Native | Answer::NothingFound => Finding::good(
            "program-libraries",
            format!("{who} {names}, which {}", has(&judged)),
        ),
        Answer::Unknown => Finding::unseen(
            "program-libraries-unknown",
            format!("{who} {names}, which {}", has(&judged)),
        ),
        Answer::OverrideOnly | Answer::NoCode => Finding::new(
            worst,
            "program-without-gfx1010",
            format!("{who} {names}, which {}", has(&judged)),
        ),
    };
    let parts = judged.parts.iter();
    // If some parts are bad, leave out the good ones.
    let is_good = judged.answer == Answer::Native;
    let finding = parts
        .filter(|part| is_good || part.gfx1010 != Some(true))
        .fold(finding, |finding, part| {
            finding.seen(&part.path, &part.what)
        });
    let advice = advice(judged.answer);
    advice.into_iter().fold(finding, Finding::advise)
}

/// The answer in words that follow the name of the libraries.
pub fn has(judged: &Judged) -> String {
    let needed = || judged.parts.iter().filter(|part| !part.optional);
    let named: Vec<_> = needed()
        .filter(|part| part.gfx1010 == Some(false))
        .map(|part| part.path.rsplit('/').next().unwrap_or_default())
        .collect();
    let is_part = needed().any(|part| part.gfx1010 == Some(true));
    let as_far = if judged.is_sample {
        ", as far as it was read"
    } else {
        ""
    };
    let says = match judged.answer {
        Answer::Native => "has code for gfx1010".to_owned(),
        Answer::NothingFound => "has no GPU code of its own".to_owned(),
        Answer::Unknown => "may or may not have code for gfx1010".to_owned(),
        Answer::OverrideOnly | Answer::NoCode if is_part => {
            format!("lacks code for gfx1010 in {}", named.join(", "))
        }
        Answer::OverrideOnly => {
            "has no code for gfx1010, only for other ISAs such as gfx1030".to_owned()
        }
        Answer::NoCode => "has no code for gfx1010".to_owned(),
    };
    match judged.answer {
        Answer::OverrideOnly | Answer::NoCode => format!("{says}{as_far}"),
        _ => says,
    }
}

/// Advice about libraries without code for the card.
pub(super) const BUILT_FOR_IT: &str =
    "use libraries built for gfx1010: Debian's own packages, or a build with gfx1010 among its targets \
     (PYTORCH_ROCM_ARCH, AMDGPU_TARGETS). rdna1ctl check FOLDER judges them before a program starts";

/// Advice about the answer.
pub fn advice(answer: Answer) -> Vec<String> {
    let no_override = format!(
        "HSA_OVERRIDE_GFX_VERSION=10.3.0 makes libraries load their gfx1030 code, which is for another \
         instruction set: it led to memory faults, hangs and frozen desktops on this card ({TRUTH} section \
         6)"
    );
    match answer {
        Answer::OverrideOnly => vec![no_override, BUILT_FOR_IT.to_owned()],
        Answer::NoCode => vec![BUILT_FOR_IT.to_owned()],
        Answer::Native | Answer::NothingFound | Answer::Unknown => Vec::new(),
    }
}
