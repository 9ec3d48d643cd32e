// SPDX-License-Identifier: GPL-2.0

//! The steps of acts. A reader can see the state between any two steps.

use std::rc::Rc;

use super::{
    kfd::{
        Created,
        FILLED,
        IDENTIFIED,
        MARKED, //
    },
    life::Life,
    world::{
        Driver,
        World, //
    },
};

/// A step. It names a [`Life`] by its id, and a slot by its number.
#[derive(Clone, Debug)]
pub enum Step {
    Driver(usize, Driver),
    /// amdgpu registers or unregisters its render node.
    Render(usize, Option<u32>),
    /// amdgpu creates or removes `mem_info_vram_total`.
    Vram(usize, bool),
    Vanish(usize),
    Sleep(usize, bool),
    Create(Rc<Life>),
    /// KFD increments `generation_id`.
    Count,
    Hide,
    Show,
    /// KFD fills in a node's properties up to that line.
    Fill(u32, u8),
    LinkIndirectly,
    /// The link with that number, counted over all links of the node.
    MarkLink(u32, usize),
    MarkCoherence(u32, usize),
    HideNode(u32),
    Release(u32),
}

impl World {
    /// Takes the next step. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.script.pop_front() else {
            return false;
        };
        match step {
            Step::Driver(slot, driver) => self.slots[slot].driver = driver,
            Step::Render(slot, minor) => self.slots[slot].render_minor = minor,
            Step::Vram(slot, is_shown) => self.slots[slot].shows_vram = is_shown,
            Step::Vanish(slot) => {
                self.slots[slot].board = None;
                self.slots[slot].is_asleep = false;
            }
            Step::Sleep(slot, is_asleep) => self.slots[slot].is_asleep = is_asleep,
            Step::Create(life) => self.create(&life),
            Step::Count => self.kfd.generation += 1,
            Step::Hide => {
                if self.kfd.hide_more() {
                    self.script.push_front(step);
                }
            }
            Step::Show => {
                if self.kfd.show_more() {
                    self.script.push_front(step);
                }
            }
            Step::Fill(life, upto) => {
                if let Some(node) = self.kfd.node_of(life) {
                    self.kfd.fill_more(node);
                    if self.kfd.nodes[node].filled < upto {
                        self.script.push_front(step);
                    }
                }
            }
            Step::LinkIndirectly => self.kfd.link_indirectly(),
            Step::MarkLink(life, number) => {
                if let Some(node) = self.kfd.node_of(life) {
                    if number < self.kfd.links_to_mark(node) {
                        self.kfd.mark_link(node, number);
                        self.first([
                            Step::MarkCoherence(life, number),
                            Step::MarkLink(life, number + 1),
                        ]);
                    }
                }
            }
            Step::MarkCoherence(life, number) => {
                if let Some(node) = self.kfd.node_of(life) {
                    self.kfd.mark_coherence(node, number);
                }
            }
            Step::HideNode(life) => {
                if self.kfd.hide_more_of(life) {
                    self.script.push_front(step);
                }
            }
            Step::Release(life) => {
                if self.kfd.node_of(life).is_some() {
                    self.kfd.release(life);
                    self.first([Step::Count, Step::Hide, Step::Show]);
                }
            }
        }
        true
    }

    /// `kfd_topology_add_device()`.
    fn create(&mut self, life: &Rc<Life>) {
        let id = life.id;
        let created = self.kfd.create(life);
        if created == Created::Refused {
            return;
        }
        self.first([
            Step::Fill(id, IDENTIFIED),
            Step::LinkIndirectly,
            Step::Fill(id, MARKED),
            Step::MarkLink(id, 0),
            Step::Fill(id, FILLED),
        ]);
        if created == Created::NewNode {
            self.first([Step::Hide, Step::Show, Step::Count]);
        }
    }

    /// Puts steps before all others.
    fn first<const N: usize>(&mut self, steps: [Step; N]) {
        for step in steps.into_iter().rev() {
            self.script.push_front(step);
        }
    }

    /// Whether KFD is between two assignments to one link's flags. KFD never sleeps there.
    pub fn is_marking(&self) -> bool {
        matches!(self.script.front(), Some(Step::MarkCoherence(..)))
    }
}
