// SPDX-License-Identifier: GPL-2.0

//! Modules that this project knows nothing of: a file describes them, and each
//! is a group, tried by the same guest and judged by the same judge as ours.

mod data;

use std::path::Path;

use anyhow::Result;

use crate::filter::Filter;
use crate::kernels::{Kernel, ALL};
use crate::Context;
pub use data::Module;

/// The modules to be tried.
pub struct Modules {
    all: Vec<Module>,
    /// Whether the user wants these, and nothing of this project.
    pub alone: bool,
}

impl Modules {
    /// Those of the file that the user names, or else this project's.
    pub fn load(context: &Context, named: Option<&Path>) -> Result<Self> {
        let all = data::load(&context.repo, named)?;
        for name in all.iter().flat_map(|module| &module.kernels) {
            context.kernels.find(Some(name))?;
        }
        Ok(Self {
            all,
            alone: named.is_some(),
        })
    }

    /// Whether any of them is wanted on some kernel.
    pub fn any(&self, wanted: &Filter) -> bool {
        self.all.iter().any(|module| wanted.names(module.name()))
    }

    /// Those that are tried on a kernel: where it is named, or else where the
    /// user asks for several kernels, or on that which is taken where one is
    /// enough.
    pub fn on(&self, context: &Context, kernel: &Kernel, wanted: &Filter) -> Result<Vec<Module>> {
        let several = asks_for_several(context.options.kernel.as_deref(), wanted);
        let here = several || kernel.name == context.kernel()?.name;
        let all = self.all.iter();
        let found = all.filter(|module| is_tried(&module.kernels, &kernel.name, here));
        Ok(found.cloned().collect())
    }
}

/// Whether the user asks for more than the kernel that is taken where one is
/// enough.
fn asks_for_several(named: Option<&str>, wanted: &Filter) -> bool {
    wanted.names_kernels() || named == Some(ALL)
}

/// Whether a module that names these kernels is tried on that one; `here` if
/// those are that name none.
fn is_tried(named: &[String], kernel: &str, here: bool) -> bool {
    match named {
        [] => here,
        _ => named.iter().any(|name| name == kernel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_tried_where_it_says_or_where_the_user_says() {
        let named = ["a".to_owned(), "b".to_owned()];
        for here in [false, true] {
            assert!(is_tried(&named, "b", here) && !is_tried(&named, "c", here));
            assert_eq!(is_tried(&[], "c", here), here);
        }
        let several = |kernel, filter| {
            let wanted = Filter::parse(filter).expect("a filter");
            asks_for_several(kernel, &wanted)
        };
        assert!(several(Some("all"), None) && several(None, Some("sid:hello")));
        assert!(!several(None, Some("hello")) && !several(Some("sid"), None));
    }
}
