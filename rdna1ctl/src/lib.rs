// SPDX-License-Identifier: GPL-2.0

//! `rdna1ctl`: says in plain words what is going on with a 0x731f card, and what to do about it.
//!
//! Data flows one way: [`sources`] read the system, all of it by way of one [`root`]; [`findings`]
//! follow from what was read; [`words`], [`documents`] and metrics tell of them. [`commands`] put
//! these together.

pub mod cli;
pub mod commands;
pub mod documents;
pub mod exposition;
pub mod findings;
pub mod gain;
pub mod root;
pub mod rows;
pub mod sources;
pub mod words;
