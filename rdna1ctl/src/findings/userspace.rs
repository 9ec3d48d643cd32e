// SPDX-License-Identifier: GPL-2.0

//! Findings about what programs need: libraries with code for the card.

use crate::sources::rocm::Install;
use crate::sources::Facts;

use super::code::of_kernels;
use super::Finding;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(facts.rocm.installs.iter().filter_map(libraries));
    found
}

fn libraries(install: &Install) -> Option<Finding> {
    let place = &install.place;
    let version = match &install.version {
        Some(version) => format!("ROCm {version}"),
        None => "ROCm of unknown version".to_owned(),
    };
    let Some(kernels) = &install.rocblas else {
        let Some(folder) = &install.without_kernels else {
            // dpkg knows its packages; elsewhere, a rocBLAS may be in other folders.
            return place.starts_with('/').then(|| {
                Finding::unseen(
                    "rocblas-not-found",
                    "there is a ROCm, and no rocBLAS where one is looked for",
                )
                .seen(
                    place,
                    format!("{version}, no lib/librocblas.so, no lib/rocblas/library"),
                )
                .advise("if one is below another folder: rdna1ctl check FOLDER")
            });
        };
        return Some(
            Finding::unseen(
                "rocblas-unknown",
                "unknown whether this rocBLAS has code for gfx1010: it has no kernels where it looks for \
                 them",
            )
            .seen(place, format!("{version}, no {folder}/rocblas/library")),
        );
    };
    let part = of_kernels(kernels);
    let (good, bad) = (
        "rocBLAS has code for gfx1010: no override is needed",
        "this rocBLAS has no code for gfx1010: programs that multiply matrices fail on the card",
    );
    let found = match part.gfx1010 {
        Some(true) => Finding::good("rocblas", good),
        None => Finding::unseen(
            "rocblas-unknown",
            "unknown whether this rocBLAS has code for gfx1010",
        ),
        Some(false) if install.is_private => Finding::note(
            "application-without-gfx1010",
            "an application's own rocBLAS has no code for gfx1010: the application does not use the card",
        )
        .advise("a build of it for gfx1010, or one that uses Vulkan, does"),
        Some(false) => Finding::trouble("rocblas-without-gfx1010", bad)
            .advise("no variable repairs that, HSA_OVERRIDE_GFX_VERSION least of all")
            .advise(
                "use a rocBLAS that has it: Debian's own package (librocblas4), or a build with gfx1010 \
                 among its targets. AMD's releases differ: 6.3.2 was seen with it, 6.4.0 and 7.2 without; \
                 rdna1ctl check FOLDER tells before you install one",
            ),
    };
    Some(found.seen(place, format!("{version}, {}: {}", part.path, part.what)))
}
