// SPDX-License-Identifier: GPL-2.0

//! Reads files and folders for a walk, and counts every error.

use crate::facts::{
    prelude::*,
    properties::{
        single_number,
        Properties, //
    }, //
};

use super::Walk;

impl<T: Topology> Walk<'_, T> {
    /// Lists `folder`. The inner error is a fact and has been counted; the outer one ends the scan.
    pub(super) fn list(
        &mut self,
        folder: Folder,
    ) -> Result<Result<Numbers, ReadError>, OutOfMemory> {
        let mut numbers = Numbers::default();
        match self.topology.list(folder, &mut numbers) {
            Ok(()) => Ok(Ok(numbers)),
            Err(ReadError::OutOfMemory) => Err(OutOfMemory),
            Err(error) => {
                // A missing KFD or a missing folder of links is normal.
                if error != ReadError::Absent || matches!(folder, Folder::Banks(_)) {
                    self.tally.error(error);
                }
                Ok(Err(error))
            }
        }
    }

    /// Reads `file` into `properties`, which become unreadable if that fails. The inner error is a
    /// fact and has been counted; the outer one ends the scan.
    pub(super) fn properties<P: Properties>(
        &mut self,
        file: File,
        properties: &mut P,
    ) -> Result<Result<(), ReadError>, OutOfMemory> {
        match self.topology.read(file) {
            Ok(text) => {
                let malformed = properties.parse(text);
                add(&mut self.tally.errors_malformed, malformed);
                Ok(Ok(()))
            }
            Err(error) => {
                *properties = P::UNREADABLE;
                self.note(error).map(Err)
            }
        }
    }

    /// Counts an error, unless it is a lack of memory, which ends the scan.
    #[inline(never)] // One copy keeps the module small.
    fn note(&mut self, error: ReadError) -> Result<ReadError, OutOfMemory> {
        if error == ReadError::OutOfMemory {
            return Err(OutOfMemory);
        }
        // KFD listed this file, and has removed it since.
        self.unfinished_nodes |= error == ReadError::Absent;
        self.tally.error(error);
        Ok(error)
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
