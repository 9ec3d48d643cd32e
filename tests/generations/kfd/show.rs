// SPDX-License-Identifier: GPL-2.0

//! Removes KFD's sysfs entries and creates them again, one at a time.

use super::super::host::Age;

use super::{
    Kfd,
    Link,
    Node,
    Shown, //
};

impl Kfd {
    /// Creates the next entry (`kfd_build_sysfs_node_tree()`). Returns whether there was one.
    pub fn show_more(&mut self) -> bool {
        let has_indirect = self.host.age >= Age::New;
        let mut nodes = (0..).zip(&mut self.nodes);
        nodes.any(|(number, node)| node.show_more(number, has_indirect))
    }

    /// Removes the next entry (`kfd_remove_sysfs_node_tree()`). Returns whether there was one.
    pub fn hide_more(&mut self) -> bool {
        self.nodes.iter_mut().any(Node::hide_more)
    }

    /// Removes the next entry of a node. Returns whether there was one.
    pub fn hide_more_of(&mut self, life: u32) -> bool {
        let node = self.nodes.iter_mut().find(|node| node.is_of(life));
        node.is_some_and(Node::hide_more)
    }
}

impl Node {
    /// `kfd_build_sysfs_node_entry()`.
    fn show_more(&mut self, number: u32, has_indirect: bool) -> bool {
        if self.shown.number.is_none() {
            self.shown.number = Some(number);
            return true;
        }
        let shown = &mut self.shown;
        let parts = [
            (&mut shown.banks, true),
            (&mut shown.direct, true),
            (&mut shown.indirect, has_indirect),
            (&mut shown.gpu_id, true),
            (&mut shown.properties, true),
        ];
        for (is_shown, is_wanted) in parts {
            if is_wanted && !*is_shown {
                *is_shown = true;
                return true;
            }
        }
        let banks = self.banks.iter_mut().map(|bank| &mut bank.shown);
        let direct = self.direct.iter_mut().map(|link| &mut link.shown);
        let indirect = self.indirect.iter_mut().map(|link| &mut link.shown);
        show_first(banks) || show_first(direct) || show_first(indirect)
    }

    /// `kfd_remove_sysfs_node_entry()`.
    fn hide_more(&mut self) -> bool {
        if hide_first(self.direct.iter_mut().map(|link| &mut link.shown)) {
            return true;
        }
        self.direct.retain(is_kept);
        if self.shown.direct {
            self.shown.direct = false;
            return true;
        }
        if hide_first(self.indirect.iter_mut().map(|link| &mut link.shown)) {
            return true;
        }
        self.indirect.retain(is_kept);
        if hide_first(self.banks.iter_mut().map(|bank| &mut bank.shown)) {
            return true;
        }
        if self.shown.number.is_none() {
            return false;
        }
        let shown = &mut self.shown;
        let parts = [
            &mut shown.indirect,
            &mut shown.banks,
            &mut shown.gpu_id,
            &mut shown.properties,
        ];
        for is_shown in parts {
            if *is_shown {
                *is_shown = false;
                return true;
            }
        }
        self.shown = Shown::default();
        true
    }
}

fn is_kept(link: &Link) -> bool {
    !link.is_orphan
}

/// Numbers the first entry without a number. Returns whether there was one.
fn show_first<'e>(entries: impl Iterator<Item = &'e mut Option<u32>>) -> bool {
    let mut numbered = (0..).zip(entries);
    let next = numbered.find(|(_, shown)| shown.is_none());
    let Some((number, shown)) = next else {
        return false;
    };
    *shown = Some(number);
    true
}

fn hide_first<'e>(mut entries: impl Iterator<Item = &'e mut Option<u32>>) -> bool {
    let next = entries.find(|shown| shown.is_some());
    next.is_some_and(|shown| shown.take().is_some())
}
