// SPDX-License-Identifier: GPL-2.0

//! The error by which a case skips itself.

use std::error::Error;
use std::fmt;

/// The reason for a skip. A case returns it as its error.
#[derive(Debug)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl Error for Skip {}
