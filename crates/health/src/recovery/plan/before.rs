//! Before a rung: a fresh probe has to fail still.

use settings::{Role, ServerName};

use super::{Next, Planner, Step, duration_since, own_aim};
use crate::alert_value::AlertValue;
use crate::definition;
use crate::recovery::act::Act;
use crate::recovery::journal::{Found, LastProbe, Recovery};
use crate::recovery::ladder::Action;
use crate::recovery::policy::Policy;
use crate::recovery::refusal::Refusal;
use crate::recovery::situation::ProbeAim;

impl Planner<'_> {
    /// A fresh probe has to fail still, and for what weighs on a server that of another server too.
    pub(super) fn probed_before(&self, recovery: &Recovery, act: &Act) -> Option<Step> {
        let action = act.action();
        let (number, rung) = (recovery.number, recovery.rung);
        let refuse = |why: Refusal| Some(Err((Some(action.word()), why)));
        if action.undoes() || action == Action::Escalate || recovery.moved.is_some() {
            return None;
        }
        if let Some((server, aim)) = self.second_observer(recovery, act).filter(|(server, aim)| {
            // Its own monitor may know already.
            !self.sees_it_fail(server, aim)
        }) {
            match self.fresh_probe(recovery, &server) {
                None => return Some(Ok(Next::Ask { recovery: number, rung, server, aim })),
                Some(LastProbe { found: Found::Works, what, .. }) => {
                    return refuse(Refusal::SecondObserver { server, says: what.clone() });
                }
                // One that fails agrees; one that can tell nothing is as good as none.
                Some(_) => {}
            }
        }
        match self.fresh_probe(recovery, self.now.server) {
            // It turned Unhealthy by a probe that ended a moment ago, and nothing has succeeded since.
            None if !recovery.has_acted && self.has_just_turned(recovery) => None,
            None => {
                let aim = own_aim(recovery)?;
                Some(Ok(Next::Probe { recovery: number, rung, aim, until: None }))
            }
            Some(probe) => match probe.found {
                Found::Works => Some(Ok(Self::works_again(recovery))),
                Found::CannotTest => refuse(Refusal::CannotProbe { why: probe.what.clone() }),
                Found::Fails => None,
            },
        }
    }

    /// Whether another server's monitor says already that it fails.
    fn sees_it_fail(&self, server: &ServerName, aim: &ProbeAim) -> bool {
        let mut theirs = self.now.elsewhere.iter().filter(|it| {
            let probe = definition::monitor(&it.monitor).map(|monitor| monitor.probe);
            it.server == *server && probe == Some(aim.probe) && it.target == aim.target
        });
        theirs.any(|it| {
            matches!(it.value, AlertValue::Degraded | AlertValue::Unhealthy) && it.failing_for.is_some()
        })
    }

    fn has_just_turned(&self, recovery: &Recovery) -> bool {
        let turned = self.verdict_of(recovery).filter(|it| it.value == AlertValue::Unhealthy);
        turned.is_some_and(|it| duration_since(self.now.now, it.since) < Policy::FRESH)
    }

    /// The last probe for the present rung, if it is not too old. Another server's may be older: asking it takes its time.
    fn fresh_probe<'r>(&self, recovery: &'r Recovery, by: &ServerName) -> Option<&'r LastProbe> {
        let probe = recovery.probes.iter().find(|probe| probe.by == *by && probe.rung == recovery.rung)?;
        let limit = if by == self.now.server { Policy::FRESH } else { Policy::FRESH_ELSEWHERE };
        (duration_since(self.now.now, probe.at) < limit).then_some(probe)
    }

    /// Who else can say whether a mailbox server works: a client-access server, as a client of one of its databases.
    fn second_observer(&self, recovery: &Recovery, act: &Act) -> Option<(ServerName, ProbeAim)> {
        if !matches!(act, Act::FailOver { .. }) {
            return None;
        }
        let aimed_at = self.now.database(recovery.target.as_deref()).or(act.databases().first())?;
        let present = |server: &&ServerName| self.now.world.records.agents.contains_key(*server);
        let server = self.now.others_of(Role::ClientAccess).find(present)?;
        let target = Some(aimed_at.to_string());
        Some((server.clone(), ProbeAim { probe: "PopCTPProbe", target }))
    }
}
