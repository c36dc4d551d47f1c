//! A back end that answers, and wrongly: somebody with its certificate takes its place.

use real_tests::Preparation;
use real_tests::impostor::{Impostor, Manner};
use real_tests::process::close_listener;

use crate::processes::{pid, restart};
use crate::{Fault, healthy};

/// What a back end of this manner comes to: this monitor of `mbx1` turns and says these words.
fn comes_to(what: &str, manner: Manner, (monitor, target): (&str, &str), words: &[&str]) {
    let installation = healthy(Preparation::new());
    let authority = installation.data().join("ca/cluster");
    let mut impostor = None;
    Fault::new(&installation, what)
        .turns(("mbx1", monitor, target), || {
            let at = installation.back_end(1);
            close_listener(pid(&installation, "mbx1", "backend"), at);
            impostor = Some(Impostor::start(at.into(), &authority, "mbx1", manner));
        })
        .says(words)
        .and_blames(("mbx1", monitor, target), "mbx1 is at fault itself")
        .and_blames(("cas1", "PopCTPMonitor", "DB01"), "mbx1")
        .while_healthy(("mbx2", "PopDeepTestMonitor", "DB02"))
        .while_healthy(("cas1", "PopProxyTestMonitor", "POP3S"))
        .heals(|| {
            drop(impostor.take());
            restart(&installation, "mbx1/backend");
        });
}

#[test]
fn a_back_end_that_answers_garbage_is_found_at_its_greeting() {
    let words = ["ProtocolViolation at greeting"];
    comes_to("back end answers garbage", Manner::Garbage, ("PopSelfTestMonitor", ""), &words);
}

#[test]
fn a_back_end_that_hangs_after_log_in_is_found_by_logging_in() {
    let words = ["ScenarioTimeout at stat"];
    let what = "back end says nothing after log-in";
    comes_to(what, Manner::SilentAfterLogIn, ("PopDeepTestMonitor", "DB01"), &words);
}

#[test]
fn a_back_end_that_delivers_what_is_not_the_users_is_found_by_comparing() {
    let words = ["WrongContent at retrieve"];
    let what = "back end delivers somebody else's mail";
    comes_to(what, Manner::WrongContent, ("PopDeepTestMonitor", "DB01"), &words);
}
