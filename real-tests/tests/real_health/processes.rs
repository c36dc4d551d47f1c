//! Processes that die or hang.

use real_tests::process::{Signal, close_listener, send};
use real_tests::{Installation, Preparation, until};

use crate::{Fault, healthy};

pub(crate) fn pid(installation: &Installation, server: &str, service: &str) -> u32 {
    until("the process to be there", || installation.status().pid_of(server, service))
}

fn start(installation: &Installation, service: &str) {
    installation.command(["service", "start", service]).succeeded();
}

pub(crate) fn restart(installation: &Installation, service: &str) {
    installation.command(["service", "restart", service]).succeeded();
}

#[test]
fn a_front_end_that_dies_or_hangs_is_found_at_its_own_server() {
    let installation = healthy(Preparation::new());
    let front_end = pid(&installation, "cas1", "frontend");
    Fault::new(&installation, "front end killed")
        .turns(("cas1", "PopProxyTestMonitor", "POP3S"), || send(front_end, Signal::KILL))
        .says(&["Connect at connect"])
        .and_blames(("cas1", "PopCTPMonitor", "DB01"), "cas1 is at fault itself")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| start(&installation, "cas1/frontend"));
    let front_end = pid(&installation, "cas1", "frontend");
    Fault::new(&installation, "front end stopped (SIGSTOP)")
        .turns(("cas1", "PopProxyTestMonitor", "POP3"), || send(front_end, Signal::STOP))
        .says(&["ScenarioTimeout at greeting"])
        .while_healthy(("mbx1", "PopDeepTestMonitor", "DB01"))
        .heals(|| send(front_end, Signal::CONT));
}

#[test]
fn a_back_end_that_dies_or_hangs_is_found_at_its_own_server() {
    let installation = healthy(Preparation::new());
    let back_end = pid(&installation, "mbx1", "backend");
    Fault::new(&installation, "back end killed")
        .turns(("mbx1", "PopSelfTestMonitor", ""), || send(back_end, Signal::KILL))
        .says(&["Connect at connect"])
        .while_healthy(("mbx2", "PopSelfTestMonitor", ""))
        .heals(|| start(&installation, "mbx1/backend"));
    let back_end = pid(&installation, "mbx1", "backend");
    Fault::new(&installation, "back end stopped (SIGSTOP)")
        .turns(("mbx1", "PopSelfTestMonitor", ""), || send(back_end, Signal::STOP))
        .while_healthy(("mbx2", "PopSelfTestMonitor", ""))
        .heals(|| {
            // It may have been killed to fence it, or be only stopped.
            send(back_end, Signal::CONT);
            let state = || installation.status().pid_of("mbx1", "backend");
            if state() != Some(back_end) {
                start(&installation, "mbx1/backend");
            }
        });
}

#[test]
fn an_agent_that_hangs_is_found_by_the_others_while_mail_goes_on() {
    let installation = healthy(Preparation::new());
    let agent = pid(&installation, "cas1", "agent");
    Fault::new(&installation, "agent stopped (SIGSTOP)")
        .turns(("mbx1", "HealthManagerObserverMonitor", "cas1"), || send(agent, Signal::STOP))
        .says(&["agent does not answer", "its services do"])
        .and_blames(("mbx1", "HealthManagerObserverMonitor", "cas1"), "cas1 is at fault itself")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| send(agent, Signal::CONT));
}

#[test]
fn an_agent_that_dies_is_found_by_the_others_while_mail_goes_on() {
    let installation = healthy(Preparation::new());
    let agent = pid(&installation, "mbx2", "agent");
    Fault::new(&installation, "agent killed")
        .turns(("cas1", "HealthManagerObserverMonitor", "mbx2"), || send(agent, Signal::KILL))
        .says(&["agent does not answer", "its services do"])
        .and_blames(("mbx1", "HealthManagerObserverMonitor", "mbx2"), "mbx2 is at fault itself")
        .while_healthy(("cas1", "PopCTPMonitor", "DB02"))
        .heals(|| start(&installation, "mbx2/agent"));
}

#[test]
fn a_listener_that_is_closed_is_found_while_the_other_goes_on() {
    let installation = healthy(Preparation::new());
    let std::net::SocketAddr::V4(at) = installation.pop3s() else { panic!("it is an IPv4 address") };
    let front_end = pid(&installation, "cas1", "frontend");
    Fault::new(&installation, "a listener of the front end closed")
        .turns(("cas1", "PopProxyTestMonitor", "POP3S"), || close_listener(front_end, at))
        .says(&["Connect at connect"])
        .while_healthy(("cas1", "PopProxyTestMonitor", "POP3"))
        .while_healthy(("mbx1", "PopDeepTestMonitor", "DB01"))
        .heals(|| restart(&installation, "cas1/frontend"));
}
