//! What is to blame: a table of situations.

use std::time::Duration;

use health::definition::{self, MONITORS};
use health::{AlertValue, Blame, Phase, Reason, UnixMillis, Verdict, blame};
use proptest::prelude::*;
use settings::{DatabaseName, Value};

use crate::history::{failure, server};

/// Long enough for everything to have settled.
const LONG: Duration = Duration::from_mins(10);

struct Said(Verdict);

/// What a monitor says of a target on a server; it is healthy.
fn said(monitor: &str, on: &str, target: &str) -> Said {
    let monitor = definition::monitor(monitor).unwrap();
    Said(Verdict {
        monitor: monitor.name.into(),
        health_set: monitor.health_set.into(),
        server: server(on),
        target: (!target.is_empty()).then(|| target.to_owned()),
        value: AlertValue::Healthy,
        reason: Reason::Succeeding { attempts: 1 },
        since: UnixMillis(0),
        failing_for: None,
        blame: None,
        mailbox_server: None,
        database: None,
    })
}

impl Said {
    fn failing_at(mut self, phase: Phase) -> Self {
        self.0.value = AlertValue::Unhealthy;
        self.0.reason = Reason::Failing { failures: 9, of: 2, last: failure(phase) };
        self.0.failing_for = Some(LONG);
        self
    }

    fn degraded_at(self, phase: Phase) -> Self {
        let mut said = self.failing_at(phase);
        said.0.value = AlertValue::Degraded;
        said
    }

    fn behind_it(mut self, mailbox_server: &str) -> Self {
        self.0.mailbox_server = Some(server(mailbox_server));
        self
    }

    fn for_only(mut self, seconds: u64) -> Self {
        self.0.failing_for = Some(Duration::from_secs(seconds));
        self
    }
}

/// What is to blame for the first of these.
fn blamed(situation: Vec<Said>) -> Option<Blame> {
    let verdicts: Vec<_> = situation.into_iter().map(|said| said.0).collect();
    blame(&verdicts).remove(0).blame
}

#[track_caller]
fn is_dependency(blame: Option<Blame>, wanted: &str) {
    match blame {
        Some(Blame::Dependency { monitor, .. }) => assert_eq!(monitor, wanted),
        other => panic!("{other:?} instead of {wanted}"),
    }
}

fn own(on: &str) -> Blame {
    Blame::Own { server: server(on) }
}

#[test]
fn what_works_is_nobodys_fault() {
    assert_eq!(blamed(vec![said("PopDeepTestMonitor", "mbx1", "DB01")]), None);
}

#[test]
fn a_dead_directory_is_to_blame_for_log_ins_and_for_nothing_else() {
    let directory = || said("DirectoryMonitor", "mbx1", "").failing_at(Phase::LookUp);
    let at = |phase| said("PopDeepTestMonitor", "mbx1", "DB01").failing_at(phase);
    is_dependency(blamed(vec![at(Phase::Auth), directory()]), "DirectoryMonitor");
    assert_eq!(blamed(vec![at(Phase::Retrieve), directory()]), Some(own("mbx1")));
    assert_eq!(blamed(vec![at(Phase::Connect), directory()]), Some(own("mbx1")));
}

#[test]
fn a_directory_that_fails_elsewhere_is_no_excuse() {
    let elsewhere = said("DirectoryMonitor", "mbx2", "").failing_at(Phase::LookUp);
    let here = said("DirectoryMonitor", "mbx1", "");
    let deep = said("PopDeepTestMonitor", "mbx1", "DB01").failing_at(Phase::Auth);
    assert_eq!(blamed(vec![deep, elsewhere, here]), Some(own("mbx1")));
}

#[test]
fn a_server_that_is_looked_at_from_another_is_at_fault_and_not_who_looks() {
    let absent = said("HealthManagerObserverMonitor", "mbx1", "cas1").failing_at(Phase::Ask);
    assert_eq!(blamed(vec![absent]), Some(own("cas1")));
}

#[test]
fn one_sick_store_is_to_blame_for_its_own_database_alone() {
    let store = || said("StoreMonitor", "mbx1", "DB01").failing_at(Phase::Read);
    let deep = |target| said("PopDeepTestMonitor", "mbx1", target).failing_at(Phase::Retrieve);
    is_dependency(blamed(vec![deep("db01"), store()]), "StoreMonitor");
    assert_eq!(blamed(vec![deep("DB02"), store()]), Some(own("mbx1")));
    let ctp = said("PopCTPMonitor", "cas1", "DB01").failing_at(Phase::Retrieve).behind_it("mbx1");
    is_dependency(blamed(vec![ctp, store()]), "StoreMonitor");
}

#[test]
fn what_a_dependency_depends_on_is_blamed_in_its_place() {
    let situation = vec![
        said("PopDeepTestMonitor", "mbx1", "DB01").failing_at(Phase::Auth),
        said("AuthenticationMonitor", "mbx1", "DB01").failing_at(Phase::LookUp),
        said("DirectoryMonitor", "mbx1", "").failing_at(Phase::LookUp),
    ];
    is_dependency(blamed(situation), "DirectoryMonitor");
}

#[test]
fn the_inner_leg_is_to_blame_only_towards_the_server_behind() {
    let ctp = || said("PopCTPMonitor", "cas1", "DB01").failing_at(Phase::Auth).behind_it("mbx1");
    let leg = |to| said("MailboxServerAuthenticationMonitor", "cas1", to).failing_at(Phase::Tls);
    is_dependency(blamed(vec![ctp(), leg("mbx1")]), "MailboxServerAuthenticationMonitor");
    assert_eq!(blamed(vec![ctp(), leg("mbx2")]), Some(own("cas1")));
    let network = said("NetworkMonitor", "cas1", "mbx1").failing_at(Phase::Connect);
    is_dependency(blamed(vec![ctp(), leg("mbx1"), network]), "NetworkMonitor");
}

#[test]
fn one_copy_less_excuses_nobody() {
    let redundancy = said("DatabaseRedundancyMonitor", "mbx1", "DB01").failing_at(Phase::Compare);
    let deep = said("PopDeepTestMonitor", "mbx1", "DB01").failing_at(Phase::Auth);
    assert_eq!(blamed(vec![deep, redundancy]), Some(own("mbx1")));
}

#[test]
fn nobody_is_blamed_before_a_dependency_had_the_time_to_show() {
    let deep =
        |seconds| said("PopDeepTestMonitor", "mbx1", "DB01").failing_at(Phase::Retrieve).for_only(seconds);
    let store = || said("StoreMonitor", "mbx1", "DB01");
    assert_eq!(blamed(vec![deep(2), store()]), Some(Blame::Waiting));
    assert_eq!(blamed(vec![deep(60), store()]), Some(own("mbx1")));
    let degraded = store().degraded_at(Phase::Read);
    assert_eq!(blamed(vec![deep(60), degraded]), Some(Blame::Waiting));
}

#[test]
fn one_front_end_that_fails_where_another_does_not_is_at_fault_itself() {
    let ctp = |on, target| said("PopCTPMonitor", on, target).behind_it("mbx1");
    let situation = vec![
        ctp("cas1", "DB01").failing_at(Phase::Greeting),
        ctp("cas1", "DB02").failing_at(Phase::Greeting),
        ctp("cas2", "DB01"),
        ctp("cas2", "DB02"),
    ];
    assert_eq!(blamed(situation), Some(own("cas1")));
}

#[test]
fn all_front_ends_that_fail_for_one_database_point_at_its_mailbox_server() {
    let ctp = |on, target, behind| said("PopCTPMonitor", on, target).behind_it(behind);
    let situation = vec![
        ctp("cas1", "DB01", "mbx1").failing_at(Phase::Retrieve),
        ctp("cas2", "DB01", "mbx1").failing_at(Phase::Retrieve),
        ctp("cas1", "DB02", "mbx2"),
        ctp("cas2", "DB02", "mbx2"),
    ];
    assert_eq!(blamed(situation), Some(Blame::MailboxServer { server: server("mbx1") }));
}

#[test]
fn the_only_front_end_is_cleared_by_what_the_mailbox_server_says_of_itself() {
    let ctp = || said("PopCTPMonitor", "cas1", "DB01").failing_at(Phase::Retrieve).behind_it("mbx1");
    let deep = || said("PopDeepTestMonitor", "mbx1", "DB01");
    let other = || said("PopDeepTestMonitor", "mbx1", "DB02").failing_at(Phase::Retrieve);
    let sick = vec![ctp(), deep().failing_at(Phase::Retrieve)];
    assert_eq!(blamed(sick), Some(Blame::MailboxServer { server: server("mbx1") }));
    assert_eq!(blamed(vec![ctp(), deep()]), Some(own("cas1")));
    assert_eq!(blamed(vec![ctp(), deep(), other()]), Some(own("cas1")), "another database of that server");
}

#[test]
fn where_everything_fails_nobody_in_particular_is_to_blame() {
    let ctp = |on, target| said("PopCTPMonitor", on, target).failing_at(Phase::Greeting);
    let situation = vec![ctp("cas1", "DB01"), ctp("cas1", "DB02"), ctp("cas2", "DB01"), ctp("cas2", "DB02")];
    assert_eq!(blamed(situation), Some(Blame::Everything));
}

/// A cluster in which anything may fail anywhere.
fn situations() -> impl Strategy<Value = Vec<Verdict>> {
    let one = (0..MONITORS.len(), 0..3_usize, 0..4_usize, 0..4_usize, 0..6_usize, any::<bool>());
    proptest::collection::vec(one, 0..30).prop_map(|all| {
        let said =
            |(monitor, on, target, value, phase, settled): (usize, usize, usize, usize, usize, bool)| {
                let phases = [
                    Phase::Connect,
                    Phase::Auth,
                    Phase::Retrieve,
                    Phase::LookUp,
                    Phase::Compare,
                    Phase::Deliver,
                ];
                let targets = ["", "DB01", "mbx1", "cas1"];
                let mut said =
                    self::said(MONITORS[monitor].name, ["cas1", "mbx1", "mbx2"][on], targets[target])
                        .failing_at(phases[phase])
                        .behind_it("mbx1");
                said.0.value = AlertValue::ALL[value + 2 * usize::from(settled)];
                said.0.database = DatabaseName::parse("DB01").ok();
                said.0
            };
        all.into_iter().map(said).collect()
    })
}

proptest! {
    #[test]
    fn nothing_that_works_is_ever_blamed(verdicts in situations()) {
        for verdict in blame(&verdicts) {
            let fails = matches!(verdict.value, AlertValue::Degraded | AlertValue::Unhealthy);
            prop_assert_eq!(verdict.blame.is_some(), fails);
            if let Some(Blame::Dependency { monitor, server, target, .. }) = verdict.blame {
                let is_it = |it: &&Verdict| it.monitor == monitor && it.server == server && it.target == target;
                prop_assert!(verdicts.iter().filter(is_it).any(|it| it.value == AlertValue::Unhealthy));
            }
        }
    }
}
