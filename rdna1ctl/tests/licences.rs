// SPDX-License-Identifier: GPL-2.0

//! The crates in the packaged programs must have licences compatible with GPL version 2. The Apache
//! licence 2.0 alone is not compatible (<https://www.gnu.org/licenses/license-list.html#apache2>).
//! Crates that only tests and build scripts use are not in the programs.

use std::process::Command;

/// Licences compatible with GPL-2.0-only, among those of the crates here.
const TAKEN: [&str; 9] = [
    "0BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "GPL-2.0-only",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Whether some choice that the SPDX expression allows is compatible with the GPL. `AND` binds
/// weakest here, which may demand more than necessary, but never less.
fn goes_with_gpl(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    let mut parts = plain.split(" AND ");
    parts.all(|part| {
        part.split(" OR ")
            .any(|licence| TAKEN.contains(&licence.trim()))
    })
}

#[test]
fn what_goes_and_what_does_not() {
    for good in [
        "MIT",
        "Apache-2.0/MIT",
        "Apache-2.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
    ] {
        assert!(goes_with_gpl(good), "{good}");
    }
    for bad in ["", "Apache-2.0", "MPL-2.0", "MIT AND Apache-2.0"] {
        assert!(!goes_with_gpl(bad), "{bad}");
    }
}

#[test]
fn what_the_programs_are_made_of() {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal", "--format", "{p}|{l}"])
        .args(["--package", "rdna1ctl", "--package", "rdna1_kfd_guard"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A blank line separates the packages; `(*)` marks a repeated crate.
    let crates: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'))
        .collect();
    for one in ["rdna1ctl v", "rdna1_kfd_guard v", "clap v"] {
        assert!(
            crates.iter().any(|(name, _)| name.starts_with(one)),
            "{one}"
        );
    }
    for (name, licence) in crates {
        assert!(
            goes_with_gpl(licence),
            "{name} is under {licence:?}, which does not go with GPL-2.0-only"
        );
    }
}
