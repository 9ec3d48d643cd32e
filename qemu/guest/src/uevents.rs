// SPDX-License-Identifier: GPL-2.0

//! Listens to the kernel's uevents, as udev does.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{
    bind, recv, setsockopt, socket, sockopt, AddressFamily, MsgFlags, NetlinkAddr, SockFlag,
    SockProtocol, SockType,
};

/// The netlink group of the kernel's own uevents; udev sends to another.
const KERNEL: u32 = 1;
/// The receive buffer, in bytes: the kernel drops uevents that do not fit.
const BUFFER: usize = 4 << 20;

/// A listener.
pub struct Uevents(OwnedFd);

/// One uevent: its keys and values.
pub type Uevent = BTreeMap<String, String>;

impl Uevents {
    /// Listens from now on.
    pub fn from_now() -> Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkKObjectUEvent,
        )
        .context("open a uevent socket")?;
        setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).context("enlarge its buffer")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL)).context("bind it")?;
        Ok(Self(socket))
    }

    /// The uevents of a device path since the last call; drops those of other paths. A uevent has
    /// arrived by the time that the system call which caused it returns.
    pub fn new_of(&self, path: &str) -> Result<Vec<Uevent>> {
        let mut events = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => events.extend(parse(&buffer[..length])),
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error).context("read a uevent"),
            }
        }
        events.retain(|event| event.get("DEVPATH").is_some_and(|own| own == path));
        Ok(events)
    }
}

/// Parses `action@path` and `KEY=value` strings, each ended by a NUL.
fn parse(message: &[u8]) -> Option<Uevent> {
    let text = std::str::from_utf8(message).ok()?;
    let mut parts = text.split('\0');
    parts.next()?.split_once('@')?;
    let pairs = parts.filter_map(|pair| pair.split_once('='));
    Some(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uevent_is_taken_apart() {
        let event = parse(b"change@/module/m\0ACTION=change\0DEVPATH=/module/m\0A=b=c\0").unwrap();
        assert_eq!(event["DEVPATH"], "/module/m");
        assert_eq!(event["A"], "b=c");
        assert_eq!(event.len(), 3);
    }

    #[test]
    fn what_udev_itself_sends_is_none() {
        assert!(parse(b"libudev\0\xfe\xed\xca\xfe").is_none());
        assert!(parse(b"no such form\0").is_none());
    }
}
