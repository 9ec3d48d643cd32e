// SPDX-License-Identifier: GPL-2.0

//! Puts the user's terminal into raw mode, so that a guest gets every key.

use std::io::{stdin, IsTerminal};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use rustix::termios::{tcgetattr, tcgetwinsize, tcsetattr, OptionalActions, Termios};

/// The settings of the terminal before raw mode.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal in raw mode. Dropping this, or an interrupt, restores the terminal.
pub struct Raw(());

impl Raw {
    /// Enters raw mode. Does nothing if standard input is not a terminal.
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

/// Restores the terminal, if it is in raw mode.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // Ignores the error: a terminal that refuses this is gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// The rows and columns of the terminal, if there is one.
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdin()).ok()?;
    Some((size.ws_row, size.ws_col)).filter(|(rows, columns)| *rows > 0 && *columns > 0)
}
