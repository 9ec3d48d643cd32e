// SPDX-License-Identifier: GPL-2.0

//! The parameters that amdgpu is loaded with.

use crate::root::Root;

use super::kernel::Kernel;

/// A parameter of amdgpu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, with `_`.
    pub name: String,
    /// Its value; empty if only its name is given.
    pub value: String,
    /// The file that sets it, with the line number.
    pub from: String,
}

/// The folders of modprobe.d(5).
const FOLDERS: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// The parameters on the kernel's command line, and those of modprobe. If a file sets a parameter
/// several times, the last value counts.
pub fn read(root: &Root, kernel: &Kernel) -> Vec<Parameter> {
    let words = kernel.command_line.iter();
    let words = words.filter_map(|word| word.trim_matches('"').strip_prefix("amdgpu."));
    let mut found: Vec<_> = words.map(|word| parameter(word, "/proc/cmdline")).collect();
    let mut seen = Vec::new();
    for folder in FOLDERS {
        for name in root.names(folder) {
            // A file in an earlier folder replaces one of the same name; /lib may be /usr/lib.
            if !name.ends_with(".conf") || seen.contains(&name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            seen.push(name);
            let text = root.start(&path, 1 << 20).unwrap_or_default();
            for (number, line) in super::kept::joined(&text) {
                let mut words = line.split_whitespace();
                if words.next() == Some("options") && words.next() == Some("amdgpu") {
                    let from = format!("{path}:{number}");
                    found.extend(words.map(|word| parameter(word, &from)));
                }
            }
        }
    }
    let all = found.clone();
    let mut index = 0;
    found.retain(|one| {
        index += 1;
        let mut later = all.iter().skip(index);
        let place = |from: &str| from.split(':').next().map(str::to_owned);
        !later.any(|other| other.name == one.name && place(&other.from) == place(&one.from))
    });
    found
}

/// The kernel accepts `-` instead of `_` in names.
fn parameter(word: &str, from: &str) -> Parameter {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    Parameter {
        name: name.replace('-', "_"),
        value: value.trim_matches(['"', '\'']).to_owned(),
        from: from.to_owned(),
    }
}
