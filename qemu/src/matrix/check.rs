// SPDX-License-Identifier: GPL-2.0

//! Checks that the project and its guest program agree on suites and cases.

use anyhow::{bail, Context as _, Result};
use modproof_formats::Listing;

use crate::kernels::Kernel;
use crate::modules;
use crate::suites::Suites;
use crate::{planted, shell, Context};

/// Checks that some kernel boots each suite with `in_test`, and that the guest has cases for it.
/// Also checks that no suite of the guest is missing, nor a case that a short form names.
pub fn check(context: &Context, guest: &Listing) -> Result<()> {
    let suites = &context.project.suites;
    let kernels = || context.kernels().iter();
    let booted = |name: &str| kernels().any(|kernel| kernel.suites.iter().any(|s| s == name));
    let of_cases = suites.iter().filter(|suite| suite.name != shell::SUITE);
    for suite in of_cases {
        let name = &suite.name;
        if suite.in_test && !booted(name) {
            bail!("no kernel boots the suite {name}: name it in `suites` of a [kernel.…]");
        }
        if guest.cases_of(suite.guest()).is_none_or(<[_]>::is_empty) {
            bail!("suite {name}: the guest has no cases for it");
        }
        let mut slow = suite.slow_cases.iter();
        let known = guest.cases_of(suite.guest()).unwrap_or_default();
        if let Some(case) = slow.find(|slow| known.iter().all(|case| case.name != **slow)) {
            bail!("suite {name}, slow_cases: the guest has no case {case}");
        }
        if let Some(file) = &suite.planted {
            planted::check(file, suite, guest)?;
        }
    }
    for known in guest
        .suites
        .iter()
        .filter(|known| known.name != modules::SUITE)
    {
        if !suites.iter().any(|suite| suite.guest() == known.name) {
            bail!("no suite boots the guest's {}", known.name);
        }
    }
    for kernel in kernels() {
        let checked = short_form(kernel, suites, guest);
        checked.with_context(|| format!("kernel {}", kernel.name))?;
    }
    Ok(())
}

/// Without this check, a renamed case would silently drop out of the short form.
fn short_form(kernel: &Kernel, suites: &Suites, guest: &Listing) -> Result<()> {
    for (part, text) in kernel.short_form()?.iter().zip(&kernel.short) {
        for name in kernel.suites.iter().filter(|suite| part.names(suite)) {
            let suite = suites.find(name)?;
            if suite.planted.is_some() {
                bail!("{name} can be in no short form");
            }
            let cases = guest.cases_of(suite.guest());
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
    use modproof_formats::{CaseListing, SuiteListing};

    use super::*;
    use crate::parts::Parts;

    #[test]
    fn a_case_that_is_gone_is_named() {
        let tree = "name='tree'\nabout='b'\nlimit_seconds=1\nsilence_seconds=1";
        let tree = toml::from_str(tree).expect("a suite");
        let suites = Suites::of(vec![tree], &Parts::default()).expect("suites");
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
