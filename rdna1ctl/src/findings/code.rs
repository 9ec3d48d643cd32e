// SPDX-License-Identifier: GPL-2.0

//! Whether libraries have code that the card can run.

use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::libraries::{Libraries, Library};
use crate::sources::rocblas::Kernels;
use crate::sources::target;

/// Whether the card can run a program with these libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// They have code for it.
    Native,
    /// There is nothing to judge: no library with GPU code for AMD's cards.
    NothingFound,
    /// The parts that decide the answer could not be read.
    Unknown,
    /// They lack code for the card, but have code for a gfx1030. Libraries load that only under
    /// `HSA_OVERRIDE_GFX_VERSION`, and the card does not have all of that ISA's instructions.
    OverrideOnly,
    /// They have no code for it.
    NoCode,
}

/// A part of the libraries that has GPU code of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Part {
    /// Its file or folder.
    pub path: String,
    /// Whether it has code that the card runs; null if that is unknown.
    pub gfx1010: Option<bool>,
    /// The ISAs that it has code for.
    pub targets: Vec<String>,
    /// Whether programs work without it.
    pub optional: bool,
    /// The facts, in words.
    pub what: String,
}

/// The judgement on libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whether the card can run them.
    pub answer: Answer,
    /// Their parts. Those that decide the answer come first.
    pub parts: Vec<Part>,
    /// Whether bundles were skipped to save time.
    pub is_sample: bool,
}

/// Libraries that programs on this card work without: each has an alternative, or only programs of
/// other fields call it.
const OPTIONAL: [&str; 20] = [
    "libMIOpen",
    "libaotriton",
    "libbitsandbytes",
    "libck_",
    "libcomposable",
    "libdevice_",
    "libhipblaslt",
    "libhipfft",
    "libhiprand",
    "libhipsparselt",
    "libhiptensor",
    "libmigraphx",
    "libmscclpp",
    "librccl",
    "librocalution",
    "librocfft",
    "librocrand",
    "librocshmem",
    "librocsolver",
    "librocsparse",
];

/// Judges libraries.
pub fn judge(libraries: &Libraries) -> Judged {
    let mut parts: Vec<_> = libraries.kernels.iter().map(of_kernels).collect();
    parts.extend(libraries.without_kernels.iter().map(|folder| Part {
        path: folder.clone(),
        gfx1010: None,
        targets: Vec::new(),
        optional: false,
        what: "a rocBLAS without kernels where it looks for them".to_owned(),
    }));
    parts.extend(libraries.list.iter().filter_map(of_library));
    // If all parts are optional, the user asked about exactly these.
    if parts.iter().all(|part| part.optional) {
        parts.iter_mut().for_each(|part| part.optional = false);
    }
    parts.sort_by_key(|part| (part.optional, part.gfx1010 == Some(true)));
    Judged {
        answer: answer(libraries, &parts),
        is_sample: libraries
            .list
            .iter()
            .any(|one| one.code.as_ref().is_some_and(|code| code.skipped != 0)),
        parts,
    }
}

/// Whether some of the libraries belong to a PyTorch.
fn has_torch(libraries: &Libraries) -> bool {
    libraries
        .list
        .iter()
        .any(|library| library.path.contains("/torch/lib/"))
}

fn answer(libraries: &Libraries, parts: &[Part]) -> Answer {
    let needed = || parts.iter().filter(|part| !part.optional);
    // Other packages for ROCm, such as bitsandbytes, do not make a CUDA PyTorch run on the card.
    if libraries.torch_without_rocm.is_some() && !has_torch(libraries) {
        return Answer::NoCode;
    }
    let lacking: Vec<_> = needed()
        .filter(|part| part.gfx1010 == Some(false))
        .collect();
    if !lacking.is_empty() {
        let has = |part: &&Part| part.targets.iter().any(|one| one == target::OVERRIDDEN);
        return match lacking.iter().all(has) {
            true => Answer::OverrideOnly,
            false => Answer::NoCode,
        };
    }
    if needed().any(|part| part.gfx1010.is_none()) {
        return Answer::Unknown;
    }
    match (parts.is_empty(), libraries.unseen.is_empty()) {
        (false, _) => Answer::Native,
        (true, true) => Answer::NothingFound,
        (true, false) => Answer::Unknown,
    }
}

/// Describes a rocBLAS's folder of kernels.
pub fn of_kernels(kernels: &Kernels) -> Part {
    let others = others(kernels.targets.iter());
    let disguised = listed(&kernels.disguised, "is");
    let unknown = listed(&kernels.unknown, "is");
    let but = match disguised.as_str() {
        "" => String::new(),
        some => format!("; but {some}"),
    };
    let what = match kernels.fits() {
        Some(true) if kernels.objects == 1 => format!("a code object for gfx1010{but}"),
        Some(true) if kernels.objects != 0 => {
            format!("{} code objects for gfx1010{but}", kernels.objects)
        }
        Some(true) => "files named gfx1010, and no code objects".to_owned(),
        Some(false) if !kernels.disguised.is_empty() => {
            format!("no code for gfx1010: {disguised}; {others}")
        }
        Some(false) if kernels.indices != 0 => {
            format!("an index named gfx1010, and no code object for it; {others}")
        }
        Some(false) => format!("no file named gfx1010; {others}"),
        None => match &kernels.unreadable {
            Some(why) => format!("could not be read: {why}"),
            None => format!("unknown whether it has code for gfx1010: {unknown}"),
        },
    };
    Part {
        path: kernels.folder.clone(),
        gfx1010: kernels.fits(),
        targets: kernels.targets.iter().cloned().collect(),
        optional: false,
        what,
    }
}

/// The most files that are named.
const MOST: usize = 3;

fn listed(files: &[(String, String)], verb: &str) -> String {
    let first = files.iter().take(MOST);
    let mut words: Vec<_> = first
        .map(|(name, what)| format!("{name} {verb} {what}"))
        .collect();
    if let Some(more @ 1..) = files.len().checked_sub(MOST) {
        words.push(format!("and {more} more files"));
    }
    words.join("; ")
}

fn others<'a>(targets: impl Iterator<Item = &'a String>) -> String {
    let others: Vec<_> = targets
        .filter(|one| !target::runs(one))
        .map(String::as_str)
        .collect();
    match others.as_slice() {
        [] => "none for other ISAs, either".to_owned(),
        list => format!("others are for {}", list.join(", ")),
    }
}

fn of_library(library: &Library) -> Option<Part> {
    let optional = OPTIONAL
        .iter()
        .any(|start| library.name().starts_with(start));
    let part = |gfx1010, targets, what| Part {
        path: library.path.clone(),
        gfx1010,
        targets,
        optional,
        what,
    };
    if let Some(why) = &library.unreadable {
        return Some(part(None, Vec::new(), format!("could not be read: {why}")));
    }
    let code = library.code.as_ref()?;
    let mut targets: Vec<_> = code.targets.iter().cloned().collect();
    targets.sort_by_key(|one| !target::runs(one));
    let of = match code.parts {
        1 if code.skipped == 0 => String::new(),
        all if code.skipped == 0 => format!("; for gfx1010 in {} of {all} bundles", code.fit),
        read => format!(
            "; for gfx1010 in {} of the {read} bundles that were read, of {}; rdna1ctl check reads all",
            code.fit,
            read + code.skipped
        ),
    };
    let mut what = match targets.as_slice() {
        [] => "GPU code for unknown ISAs".to_owned(),
        list => format!("code for {}{of}", list.join(", ")),
    };
    if let Some(why) = &code.unknown {
        what = format!("{what}; {why}");
    }
    Some(part(code.fits(), targets, what))
}
