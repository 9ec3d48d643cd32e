// SPDX-License-Identifier: GPL-2.0

//! Reads for a walk, with every error counted.

use crate::facts::{
    map::{
        Maps,
        OutOfMemory, //
    },
    properties::{
        single_number,
        Properties, //
    },
    tally::{
        add,
        bump, //
    },
    topology::{
        File,
        Folder,
        ReadError,
        Topology, //
    },
    value::Value, //
};

use super::Walk;

impl<M: Maps, T: Topology> Walk<'_, M, T> {
    /// Lists `folder`. The inner error is a fact and has been counted; the outer one ends the scan.
    pub(super) fn list(
        &mut self,
        folder: Folder,
    ) -> Result<Result<M::Map<u32, ()>, ReadError>, OutOfMemory> {
        let mut numbers = Default::default();
        match self.topology.list(folder, &mut numbers) {
            Ok(()) => Ok(Ok(numbers)),
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(error) => {
                // No KFD, and no links, are ordinary.
                if error != ReadError::Absent || matches!(folder, Folder::Banks(_)) {
                    self.tally.error(error);
                }
                Ok(Err(error))
            }
        }
    }

    /// Reads `file`. The inner error is a fact and has been counted; the outer one ends the scan.
    pub(super) fn properties<P: Properties>(
        &mut self,
        file: File,
    ) -> Result<Result<P, ReadError>, OutOfMemory> {
        match self.topology.read(file) {
            Ok(text) => {
                let (properties, malformed) = P::parse(text);
                add(&mut self.tally.errors_malformed, malformed);
                Ok(Ok(properties))
            }
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(error) => {
                // What was listed and is gone was taken away meanwhile.
                self.unfinished_nodes |= error == ReadError::Absent;
                self.tally.error(error);
                Ok(Err(error))
            }
        }
    }

    /// Reads a file that holds one number.
    pub(super) fn number(&mut self, file: File) -> Result<Value, OutOfMemory> {
        match self.topology.read(file) {
            Ok(text) => {
                let value = single_number(text);
                if value == Value::Unreadable {
                    bump(&mut self.tally.errors_malformed);
                }
                Ok(value)
            }
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(ReadError::Absent) => Ok(Value::Absent),
            Err(error) => {
                self.tally.error(error);
                Ok(Value::Unreadable)
            }
        }
    }
}
