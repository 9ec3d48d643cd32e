// SPDX-License-Identifier: GPL-2.0

//! The state of a machine at one moment: its slots, and KFD's topology.

use std::{
    collections::VecDeque,
    rc::Rc, //
};

use super::{
    act::Act,
    board::Board,
    host::Age,
    kfd::Kfd,
    life::Life,
    machine::{
        Machine,
        Place,
        Stop, //
    },
    step::Step,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    None,
    Amdgpu,
    Other(&'static str),
}

/// The state of a slot at one moment.
#[derive(Clone, Debug)]
pub struct SlotNow {
    pub place: Place,
    numa: Option<u32>,
    is_denied: bool,
    /// The board on the bus.
    pub board: Option<Board>,
    /// The board that was plugged in last.
    last_board: Board,
    pub bar0_bytes: u64,
    pub driver: Driver,
    pub render_minor: Option<u32>,
    pub shows_vram: bool,
    pub is_asleep: bool,
    /// The life of the current driver binding, from the start of its probe.
    pub live: Option<Rc<Life>>,
    /// Older lives, whose render nodes are still open.
    held: VecDeque<Rc<Life>>,
}

impl SlotNow {
    /// The older lives, whose nodes remain.
    pub fn held(&self) -> impl Iterator<Item = &Life> {
        self.held.iter().map(|life| &**life)
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub kfd: Kfd,
    pub slots: Vec<SlotNow>,
    pub script: VecDeque<Step>,
    lives: u32,
}

impl World {
    /// The machine after the steps that `machine.stop` allows of its last act.
    pub fn of(machine: &Machine) -> Self {
        let host = &machine.host;
        let slots = machine.slots.iter().map(|slot| SlotNow {
            place: slot.place,
            numa: host.number_of(slot.numa),
            is_denied: slot.is_denied,
            board: Some(slot.board.clone()),
            last_board: slot.board.clone(),
            bar0_bytes: slot.board.bar0_bytes(slot.bar),
            driver: Driver::None,
            render_minor: None,
            shows_vram: false,
            is_asleep: false,
            live: None,
            held: VecDeque::new(),
        });
        let mut world = Self {
            kfd: Kfd::new(host, machine.firmware_knows_apu()),
            slots: slots.collect(),
            script: VecDeque::new(),
            lives: 0,
        };
        for (slot, act) in &machine.acts {
            while world.step() {}
            world.begin(*slot, act);
        }
        let thousandths = match machine.stop {
            Stop::Rest => 1000,
            Stop::Held(thousandths) => thousandths,
            Stop::Moving { from, .. } => from,
        };
        for _ in 0..world.steps_ahead() * thousandths / 1000 {
            world.step();
        }
        if matches!(machine.stop, Stop::Held(_)) && world.is_marking() {
            world.step();
        }
        world
    }

    fn steps_ahead(&self) -> u32 {
        let mut ahead = self.clone();
        let mut steps = 0;
        while ahead.step() {
            steps += 1;
        }
        steps
    }

    pub fn is_at_rest(&self) -> bool {
        self.script.is_empty()
    }

    /// Appends the steps of an act to the script. An impossible act has no steps.
    fn begin(&mut self, at: usize, act: &Act) {
        let slot = &mut self.slots[at];
        match act {
            Act::Bind => self.bind(at),
            Act::BindForeign => {
                if slot.board.is_some() && slot.driver == Driver::None {
                    let driver = Driver::Other("vfio-pci");
                    self.script.push_back(Step::Driver(at, driver));
                }
            }
            Act::Unbind { is_held } => self.unbind(at, *is_held),
            Act::Unplug { is_held } => {
                self.unbind(at, *is_held);
                self.script.push_back(Step::Vanish(at));
            }
            Act::Plug(board, bar) => {
                if slot.board.is_none() {
                    if let Some(board) = board {
                        slot.last_board = board.clone();
                    }
                    slot.bar0_bytes = slot.last_board.bar0_bytes(*bar);
                    slot.board = Some(slot.last_board.clone());
                }
            }
            Act::Resize(bar) => {
                if let (Some(board), Driver::None) = (&slot.board, slot.driver) {
                    slot.bar0_bytes = board.bar0_bytes(*bar);
                }
            }
            Act::Drop => {
                if let Some(life) = slot.held.pop_front() {
                    self.remove(life.id);
                }
            }
            Act::Sleep | Act::Wake => {
                if slot.board.is_some() {
                    let is_asleep = matches!(act, Act::Sleep);
                    self.script.push_back(Step::Sleep(at, is_asleep));
                }
            }
        }
    }

    fn bind(&mut self, at: usize) {
        let minor = self.free_minor();
        let host = &self.kfd.host;
        let (age, with_kfd) = (host.age, !host.without_kfd);
        let slot = &mut self.slots[at];
        let (Some(board), Driver::None) = (&slot.board, slot.driver) else {
            return;
        };
        let gpu = match board {
            Board::Gpu(gpu) => gpu.clone(),
            Board::Other(other) => {
                let driver = other.driver.map_or(Driver::None, Driver::Other);
                self.script.push_back(Step::Driver(at, driver));
                return;
            }
        };
        self.lives += 1;
        let life = Rc::new(Life {
            id: self.lives,
            place: slot.place,
            numa: slot.numa,
            visible_bytes: gpu.visible_bytes(slot.bar0_bytes),
            simulates_large_bar: host.debug_large_bar,
            minor,
            is_denied: slot.is_denied,
            gpu,
        });
        slot.live = Some(life.clone());
        let is_refused = life.gpu.is_refused() || !with_kfd;
        let render = Step::Render(at, Some(minor));
        let vram = Step::Vram(at, true);
        self.script.extend([
            Step::Sleep(at, false),
            Step::Driver(at, Driver::Amdgpu), //
        ]);
        // Later kernels create the file after the probe.
        let (early, late) = match age < Age::Newest {
            true => (Some(vram), None),
            false => (None, Some(vram)),
        };
        self.script.extend(early);
        if !is_refused {
            self.script.push_back(Step::Create(life));
        }
        self.script.push_back(render);
        self.script.extend(late);
    }

    fn unbind(&mut self, at: usize, is_held: bool) {
        let slot = &mut self.slots[at];
        if slot.driver == Driver::None {
            return;
        }
        let life = slot.live.take();
        self.script.extend([
            Step::Sleep(at, false),
            Step::Vram(at, false),
            Step::Render(at, None), //
        ]);
        match life {
            Some(life) if is_held => self.slots[at].held.push_back(life),
            Some(life) => self.remove(life.id),
            None => (),
        }
        self.script.push_back(Step::Driver(at, Driver::None));
    }

    /// `kfd_topology_remove_device()`.
    fn remove(&mut self, life: u32) {
        self.script
            .extend([Step::HideNode(life), Step::Release(life)]);
    }

    /// The lowest minor number that no life uses.
    fn free_minor(&self) -> u32 {
        let lives = self.slots.iter();
        let taken: Vec<u32> = lives
            .flat_map(|slot| slot.held.iter().chain(&slot.live))
            .map(|life| life.minor)
            .collect();
        let first = self.kfd.host.first_minor;
        (first..)
            .find(|minor| !taken.contains(minor))
            .unwrap_or(first)
    }
}
