// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl` shows the state of a 0x731f card (Navi10) in plain words, and how to solve problems.
//!
//! Data flows one way. [`sources`] read facts, all of them through one [`root`]. [`findings`] draw
//! conclusions from the facts. [`words`], [`documents`] and metrics print both. [`commands`]
//! connect them.

pub mod check;
pub mod cli;
pub mod commands;
pub mod documents;
pub mod exposition;
pub mod findings;
mod form;
pub mod requests;
pub mod root;
pub mod rows;
pub mod size;
pub mod sources;
pub mod trace;
pub mod words;
