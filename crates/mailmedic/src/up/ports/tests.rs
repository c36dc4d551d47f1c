use settings::{Configuration, DataDirectory, LoopbackPorts};

use super::*;

fn site(ports: LoopbackPorts) -> Site {
    let configuration = Configuration::for_loopback(ports).unwrap();
    Site { data: DataDirectory::new("/nowhere"), configuration }
}

/// Ports with nothing in the way: those that clients would use are chosen by the operating system.
fn free_ports() -> LoopbackPorts {
    let [inner_pop3, inner_lmtp] = [(); 2].map(|()| port(&TcpListener::bind("127.0.0.21:0").unwrap()));
    LoopbackPorts { pop3: 0, pop3s: 0, lmtp: 0, inner_pop3, inner_lmtp, ready: 0, api: 0 }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

#[test]
fn addresses_that_are_taken_are_all_told_with_the_setting_to_change() {
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [pop3, lmtp] = taken.each_ref().map(port);
    let refused = check(&site(LoopbackPorts { pop3, lmtp, ..free_ports() }));
    let Err(Failure::Failed(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains(&format!("127.0.0.1:{pop3} (POP3 of cas1) is taken by another program")), "{text}");
    assert!(text.contains(&format!("127.0.0.1:{lmtp} (LMTP of cas1) is taken by another program")), "{text}");
    assert!(text.contains("change [delivery] lmtp-bindings"), "{text}");
}

#[test]
fn the_addresses_of_every_server_and_of_its_agent_are_looked_at() {
    let taken = TcpListener::bind("127.0.0.22:0").unwrap();
    let refused = check(&site(LoopbackPorts { api: port(&taken), ..free_ports() }));
    let Err(Failure::Failed(text)) = refused else { panic!("{refused:?}") };
    let api = format!("127.0.0.22:{} (API of mbx2) is taken by another program", port(&taken));
    assert!(text.contains(&api) && text.contains("change [api] bindings"), "{text}");
}

#[test]
fn an_address_that_is_freed_in_time_is_no_problem() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = site(LoopbackPorts { pop3: port(&taken), ..free_ports() });
    std::thread::scope(|scope| {
        let checking = scope.spawn(|| check(&site).is_ok());
        drop(taken);
        assert!(checking.join().unwrap());
    });
}
