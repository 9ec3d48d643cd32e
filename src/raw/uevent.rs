// SPDX-License-Identifier: GPL-2.0

//! Sends uevents from the module's own kobject.
//!
//! C header: [`include/linux/kobject.h`](srctree/include/linux/kobject.h)

use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    str::CString, //
};

use crate::compat::this_module;

/// Sends a `change` event of `/module/<name>` with three `KEY=value` strings.
pub(crate) fn change(environment: [CString; 3]) -> Result {
    let [one, two, three] = environment
        .each_ref()
        .map(|pair| pair.as_char_ptr().cast_mut());
    let mut pointers = [one, two, three, core::ptr::null_mut()];
    let module = this_module().as_ptr();
    // SAFETY: `module` is this module, whose kobject exists from before its init to after its exit.
    // The strings are NUL-terminated, and NULL ends the array. The call only reads them.
    to_result(unsafe {
        bindings::kobject_uevent_env(
            &raw mut (*module).mkobj.kobj,
            bindings::kobject_action_KOBJ_CHANGE,
            pointers.as_mut_ptr(),
        )
    })
}
