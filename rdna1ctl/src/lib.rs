// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl`: shows the state of a 0x731f card in plain words, and what to do about trouble.
//!
//! Data flows one way. [`sources`] read facts, all of them through one [`root`]. [`findings`] conclude
//! from facts. [`words`], [`documents`] and metrics print both. [`commands`] connect these.

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
