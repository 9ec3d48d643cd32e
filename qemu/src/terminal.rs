// SPDX-License-Identifier: GPL-2.0

//! The user's terminal, handed through to a guest key by key.

use std::io::{stdin, IsTerminal};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use rustix::termios::{tcgetattr, tcgetwinsize, tcsetattr, OptionalActions, Termios};

/// How the terminal was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal in raw mode; as it was when this is dropped, or on an interrupt.
pub struct Raw(());

impl Raw {
    /// Where standard input is no terminal, nothing is changed.
    pub fn enter() -> Result<Self> {
        if stdin().is_terminal() {
            let before = tcgetattr(stdin()).context("cannot ask the terminal")?;
            let mut raw = before.clone();
            raw.make_raw();
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            tcsetattr(stdin(), OptionalActions::Now, &raw).context("cannot set the terminal")?;
        }
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Sets the terminal as it was, if it was changed.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // If it cannot be set, it is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Rows and columns, where there is a terminal.
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdin()).ok()?;
    Some((size.ws_row, size.ws_col)).filter(|(rows, columns)| *rows > 0 && *columns > 0)
}
