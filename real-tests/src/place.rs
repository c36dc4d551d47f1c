//! Where an installation listens: loopback addresses that no other installation of a test has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// A network 127.77.N.0/24, ours alone as long as this lives.
#[derive(Debug)]
pub struct Place {
    network: u8,
    /// Listening is how others see that the network is taken.
    _taken: TcpListener,
}

impl Place {
    /// Takes a network that nobody has.
    pub fn take() -> Self {
        // Tests that start at the same moment begin their search in different places.
        let first = std::process::id() % 250;
        for offset in 0..250 {
            let network = u8::try_from((first + offset) % 250 + 1).unwrap();
            let sign = SocketAddr::from((address(network, 254), 1077));
            if let Ok(taken) = TcpListener::bind(sign) {
                return Self { network, _taken: taken };
            }
        }
        panic!("every network 127.77.N.0 is taken");
    }

    /// An address of the network.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        address(self.network, host)
    }
}

fn address(network: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 77, network, host)
}
