//! `Invoke-MonitoringProbe` and `Test-PopConnectivity`: probes that run because somebody asks.

use admin_api::routes::RunProbe;
use admin_api::rows::{ProbeRequest, ProbeRow};

use super::rows::values;
use super::{Cmdlet, Kind, Parameter, Position};
use crate::language::Mistake;
use crate::values::Object;

pub(super) const INVOKE: Cmdlet = Cmdlet {
    name: "Invoke-MonitoringProbe",
    aliases: &[],
    summary: "Runs a probe on a server now, for each of its targets or for one",
    parameters: || {
        vec![
            Parameter::new("Identity", Kind::Text, r"The probe: SET\PROBE, or SET\PROBE\TARGET")
                .positional()
                .mandatory(),
            Parameter::new("Server", Kind::Text, "The server on which it runs").mandatory(),
            Parameter::new("TimeOutSeconds", Kind::Number, "How long an attempt may take"),
            Parameter::new("Endpoint", Kind::Text, "HOST:PORT to aim at, in place of the server's own"),
            Parameter::new(
                "Account",
                Kind::Text,
                "The health mailbox to log in to, in place of the target's",
            ),
        ]
    },
    examples: &[
        r"Invoke-MonitoringProbe POP\PopCTPProbe -Server cas1 | Format-List",
        r"Invoke-MonitoringProbe POP.Protocol\PopDeepTestProbe\DB01 -Server mbx1",
    ],
    position: Position::First,
    prepare: |given| {
        let server = given.needed("Server");
        let request = ProbeRequest {
            identity: given.needed("Identity"),
            time_out_seconds: given.number("TimeOutSeconds").map(|seconds| seconds as u64),
            endpoint: given.text("Endpoint"),
            account: given.text("Account"),
        };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.send(&RunProbe { server }, &request)?, attempt))
        }))
    },
};

fn attempt(row: ProbeRow) -> Object {
    let phase = |phase: &admin_api::rows::PhaseRow| format!("{} {:.1} ms", phase.phase, phase.milliseconds);
    let phases: Vec<_> = row.phases.iter().map(phase).collect();
    Object::shown_by(&["Server", "MonitorIdentity", "ExecutionStartTime", "Result", "Error"])
        .with("Server", row.server)
        .with("MonitorIdentity", row.monitor_identity)
        .with("RequestId", row.request_id)
        .with("ExecutionStartTime", &row.execution_start_time)
        .with("ExecutionEndTime", &row.execution_end_time)
        .with("Result", row.result)
        .with("Error", row.error)
        .with("FailureReason", row.failure_reason)
        .with("FailingPhase", row.failing_phase)
        .with("FailingComponent", row.failing_component)
        .with("MailboxServer", row.mailbox_server)
        .with("Database", row.database)
        .with("SessionId", row.session)
        .with("Value", row.value)
        .with("Phases", phases)
        .with("ExecutionContext", row.execution_context.join("\n"))
}

const PLAINTEXT: &str = "Plaintext";
const SSL: &str = "Ssl";
const TLS: &str = "Tls";

pub(super) const TEST_CONNECTIVITY: Cmdlet = Cmdlet {
    name: "Test-PopConnectivity",
    aliases: &[],
    summary: "Tries as a client whether a client-access server serves mail",
    parameters: || {
        let connection = "Only whether this listener greets: Ssl is POP3S, Tls is POP3 with STLS";
        vec![
            Parameter::new("ClientAccessServer", Kind::Text, "The server").positional().mandatory(),
            Parameter::new("ConnectionType", Kind::Word(&[PLAINTEXT, SSL, TLS]), connection),
            Parameter::new("LightMode", Kind::Switch, "Only whether the listeners greet; nobody logs in"),
        ]
    },
    examples: &[
        "Test-PopConnectivity -ClientAccessServer cas1",
        "Test-PopConnectivity cas1 -ConnectionType Tls -LightMode",
    ],
    position: Position::First,
    prepare: |given| {
        let listener = match given.text("ConnectionType").as_deref() {
            Some(PLAINTEXT) => {
                let what = "no probe gives a password away in the clear";
                return Err(Mistake::new(
                    given.place("ConnectionType"),
                    what,
                    format!("write -ConnectionType {SSL} or {TLS}"),
                ));
            }
            Some(SSL) => Some(r"\POP3S"),
            Some(_) => Some(r"\POP3"),
            None => None,
        };
        let greets = listener.is_some() || given.switch("LightMode");
        let identity = if greets {
            format!(r"POP.Proxy\PopProxyTestProbe{}", listener.unwrap_or_default())
        } else {
            r"POP\PopCTPProbe".to_owned()
        };
        let server = given.needed("ClientAccessServer");
        let request = ProbeRequest { identity, ..ProbeRequest::default() };
        Ok(Box::new(move |session, _| {
            Ok(values(session, session.agents()?.send(&RunProbe { server }, &request)?, scenario))
        }))
    },
};

fn scenario(row: ProbeRow) -> Object {
    let latency: f64 = row.phases.iter().map(|phase| phase.milliseconds).sum();
    let success = row.result == "Succeeded";
    Object::shown_by(&["CasServer", "LocalSite", "Scenario", "Result", "Latency(MS)", "Error"])
        .with("CasServer", row.server)
        // Sites are a thing of Active Directory.
        .with("LocalSite", None::<String>)
        .with("Scenario", row.monitor_identity)
        .with("Result", if success { "Success".to_owned() } else { row.result })
        .with("Latency(MS)", (latency * 100.0).round() / 100.0)
        .with("Error", row.error)
}
