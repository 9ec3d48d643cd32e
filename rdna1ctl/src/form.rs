// SPDX-License-Identifier: GPL-2.0

//! The version of the JSON documents' form.

/// For all documents. It rises when a key is renamed, removed or changes its meaning.
pub const FORM: u32 = 1;
