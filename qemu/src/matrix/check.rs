// SPDX-License-Identifier: GPL-2.0

//! Checks that kernels.toml, suites.toml and the guest fit together.

use anyhow::{bail, Context as _, Result};
use modproof_formats::Listing;

use crate::config::Suites;
use crate::kernels::Kernel;
use crate::{defects, shell, Context};

/// Checks that some kernel boots each suite, that the guest has cases for it, that no suite of the guest is
/// left out, and that the guest has each case that a short form names.
pub fn check(context: &Context, suites: &Suites, guest: &Listing) -> Result<()> {
    let kernels = || context.kernels.iter();
    let booted = |name: &str| kernels().any(|kernel| kernel.suites.iter().any(|s| s == name));
    for suite in suites.iter().filter(|suite| suite.name != shell::SUITE) {
        let name = &suite.name;
        if suite.in_test && !booted(name) {
            bail!("no kernel of qemu/kernels.toml boots the suite {name}");
        }
        if guest.cases_of(suite.guest()).is_none_or(<[_]>::is_empty) {
            bail!("suite {name} of qemu/suites.toml: the guest has no cases for it");
        }
    }
    for known in &guest.suites {
        if !suites.iter().any(|suite| suite.guest() == known.name) {
            bail!(
                "no suite of qemu/suites.toml boots the guest's {}",
                known.name
            );
        }
    }
    for kernel in kernels() {
        short_form(kernel, suites, guest)
            .with_context(|| format!("kernel {} of qemu/kernels.toml", kernel.name))?;
    }
    defects::check(&context.repo, guest)
}

/// Without this check a renamed case would silently leave the short form.
fn short_form(kernel: &Kernel, suites: &Suites, guest: &Listing) -> Result<()> {
    for (part, text) in kernel.short_form()?.iter().zip(&kernel.short) {
        for name in kernel.suites.iter().filter(|suite| part.names(suite)) {
            if name == defects::GROUP.0 {
                bail!("{name} can be in no short form");
            }
            let cases = guest.cases_of(suites.find(name)?.guest());
            let cases = cases.unwrap_or_default().iter().map(|case| &*case.name);
            if let Some(pattern) = part.idle_pattern(cases) {
                bail!("{text} in its short form: the guest has no case {pattern}");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use modproof_formats::{CaseListing, SuiteListing};

    use super::*;

    #[test]
    fn a_case_that_is_gone_is_named() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let suites = Suites::load(&repo).expect("suites");
        let guest = Listing {
            suites: vec![SuiteListing {
                name: "tree".to_owned(),
                cases: vec![CaseListing {
                    name: "truth-a".to_owned(),
                    cold: false,
                    keeps_modules: false,
                }],
            }],
            lists: Default::default(),
        };
        let checked = |part: &str| {
            let text = format!(
                "name='k'\nroot='r'\nsuites=['tree']\nin_test=false\nshort=['{part}']\n\
                 from.stock={{suite='s',flavour='f',modules=[]}}"
            );
            let kernel: Kernel = toml::from_str(&text).expect("a kernel");
            short_form(&kernel, &suites, &guest).map_err(|error| error.to_string())
        };
        assert_eq!(checked("tree"), Ok(()));
        assert_eq!(checked("tree/truth-*"), Ok(()));
        let error = checked("tree/truth-a,lie-*").expect_err("lie-* fits none");
        assert!(error.contains("the guest has no case lie-*"), "{error}");
    }
}
