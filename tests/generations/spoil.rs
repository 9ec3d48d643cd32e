// SPDX-License-Identifier: GPL-2.0

//! Changes to a copied topology that add no false claim, such as missing files and unknown lines.

use proptest::{
    prelude::*,
    sample::Index, //
};

use super::copy::Copy;

#[derive(Clone, Debug)]
pub enum Spoil {
    /// A line is missing, as on another kernel.
    WithoutLine(Index, Index),
    /// An unknown line is added, as on a later kernel.
    NewLine(Index, Index, String, u64),
    /// The copy of a file is truncated.
    Cut(Index, Index),
    /// A file is missing, its folder is not.
    WithoutFile(Index),
}

pub fn spoil() -> impl Strategy<Value = Spoil> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), at()).prop_map(|(file, line)| Spoil::WithoutLine(file, line)),
        6 => (at(), at(), "new_[a-z_]{1,20}", any::<u64>())
            .prop_map(|(file, line, key, value)| Spoil::NewLine(file, line, key, value)),
        1 => (at(), at()).prop_map(|(file, byte)| Spoil::Cut(file, byte)),
        1 => at().prop_map(Spoil::WithoutFile),
    ]
}

impl Spoil {
    pub fn apply(&self, copy: &mut Copy) {
        let (Self::WithoutLine(file, _)
        | Self::NewLine(file, ..)
        | Self::Cut(file, _)
        | Self::WithoutFile(file)) = self;
        if copy.files.is_empty() {
            return;
        }
        let nth = file.index(copy.files.len());
        let Some((name, text)) = copy.files.iter_mut().nth(nth) else {
            return;
        };
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        match self {
            Self::WithoutLine(_, line) if !lines.is_empty() => {
                lines.remove(line.index(lines.len()));
            }
            Self::NewLine(_, line, key, value) if name.ends_with("properties") => {
                lines.insert(line.index(lines.len() + 1), format!("{key} {value}\n"));
            }
            Self::Cut(_, byte) => {
                text.truncate(byte.index(text.len() + 1));
                return;
            }
            Self::WithoutFile(_) => {
                let name = name.clone();
                copy.files.remove(&name);
                return;
            }
            Self::WithoutLine(..) | Self::NewLine(..) => (),
        }
        *text = lines.concat();
    }
}
