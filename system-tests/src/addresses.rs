//! Loopback addresses of one house.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A block of 256 loopback addresses that no other test has, in this process or another, as long as this lives.
#[derive(Debug)]
pub struct Addresses {
    block: [u8; 2],
    /// Whoever listens here has the block.
    _claim: TcpListener,
}

const CLAIM: u16 = 10_254;

impl Addresses {
    /// Takes a block.
    ///
    /// # Panics
    /// If none is left.
    pub fn claim() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let start = std::process::id().wrapping_mul(37);
        for _ in 0..1000 {
            let number = start.wrapping_add(NEXT.fetch_add(1, Relaxed)) % (250 * 250);
            // 127.0.*.* belongs to installations that somebody uses.
            let octet = |number: u32| u8::try_from(number % 250).unwrap_or(0);
            let block = [octet(number / 250) + 1, octet(number)];
            if let Ok(claim) = TcpListener::bind((address(block, 254), CLAIM)) {
                return Self { block, _claim: claim };
            }
        }
        panic!("no block of loopback addresses is left");
    }

    /// The address of this number in the block.
    pub fn at(&self, number: u8) -> Ipv4Addr {
        address(self.block, number)
    }

    /// The whole block, as settings write a network.
    pub fn network(&self) -> String {
        format!("{}/24", self.at(0))
    }
}

fn address([second, third]: [u8; 2], fourth: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, second, third, fourth)
}
