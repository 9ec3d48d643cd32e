// SPDX-License-Identifier: GPL-2.0

//! Requirements of programs: libraries with code for the card.

use crate::sources::rocm::Install;
use crate::sources::Facts;

use super::Finding;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(facts.rocm.installs.iter().flat_map(libraries));
    found
}

fn libraries(install: &Install) -> Vec<Finding> {
    let place = &install.place;
    let version = install.version.as_deref().unwrap_or("of unknown version");
    let mut found = Vec::new();
    match install.rocblas {
        Some(true) => found.push(
            Finding::good(
                "rocblas",
                "rocBLAS has code for gfx1010: no override is needed",
            )
            .seen(place, format!("ROCm {version}, files named gfx1010")),
        ),
        Some(false) => found.push(
            Finding::trouble(
                "rocblas-without-gfx1010",
                "this rocBLAS has no code for gfx1010: programs that multiply matrices fail on the card",
            )
            .seen(place, format!("ROCm {version}, no file named gfx1010"))
            .advise("no variable repairs that, HSA_OVERRIDE_GFX_VERSION least of all")
            .advise("install one that has it: rocBLAS from ROCm 6.2 on, or Debian's packages (librocblas4)"),
        ),
        None => {}
    }
    found
}
