//! The systemd units of one machine: services that may do no more than they must.

use std::fmt::Write as _;

/// What the units need to know. Every text is safe to stand in a unit.
#[derive(Debug)]
pub(super) struct Installation {
    pub(super) program: String,
    pub(super) data: String,
    pub(super) user: String,
    pub(super) server: String,
}

/// A process that serves.
pub(super) struct Service {
    pub(super) name: &'static str,
    title: &'static str,
    /// Of one server, not of the cluster.
    of_server: bool,
    /// The service that it is of no use without.
    after: Option<&'static str>,
    /// Whether it listens on ports below 1024.
    low_ports: bool,
}

const COORDINATOR: Service =
    Service { name: "coordinator", title: "coordinator", of_server: false, after: None, low_ports: false };
const AGENT: Service =
    Service { name: "agent", title: "agent", of_server: true, after: Some("coordinator"), low_ports: false };
// Mail waits neither for the coordinator nor for the agent.
const BACKEND: Service =
    Service { name: "backend", title: "back end", of_server: true, after: None, low_ports: false };
const FRONTEND: Service = Service {
    name: "frontend",
    title: "front end",
    of_server: true,
    after: Some("backend"),
    low_ports: true,
};

/// What the agent looks after, itself among it: it can ask to be started anew.
pub(super) const LOOKED_AFTER: [&Service; 3] = [&AGENT, &BACKEND, &FRONTEND];

/// What a service may not do. See systemd.exec(5); each line takes something away.
const HARDENING: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=PRIVATE_USERS
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0077
";

const LIMITED: &str = "\
# As mailmedic's own init does: three deaths within a minute, then it is left dead.
StartLimitIntervalSec=60
StartLimitBurst=3
";
const UNLIMITED: &str = "\
# Nobody else would start it again, so it is never left dead.
StartLimitIntervalSec=0
";
impl Installation {
    /// Every unit: its file name and its text.
    pub(super) fn units(&self) -> Vec<(String, String)> {
        let unit = |name: &str, text: String| (name.to_owned(), text);
        vec![
            unit("mailmedic.target", target()),
            unit("mailmedic-prepare.service", self.prepare()),
            unit("mailmedic-prepare.timer", timer()),
            unit("mailmedic-coordinator.service", self.service(&COORDINATOR)),
            unit("mailmedic-agent.service", self.service(&AGENT)),
            unit("mailmedic-backend.service", self.service(&BACKEND)),
            unit("mailmedic-frontend.service", self.service(&FRONTEND)),
        ]
    }

    /// A service that serves.
    fn service(&self, service: &Service) -> String {
        let Self { program, data, server, .. } = self;
        let &Service { name, title, of_server, after, low_ports } = service;
        let after = after.map(|after| format!(" mailmedic-{after}.service")).unwrap_or_default();
        let server = if of_server { format!(" --server {server}") } else { String::new() };
        let capability = if low_ports { "CAP_NET_BIND_SERVICE" } else { "" };
        format!(
            "[Unit]
Description=mailmedic {title}: POP3 mail access
Wants=mailmedic-prepare.service network-online.target
After=mailmedic-prepare.service network-online.target{after}
PartOf=mailmedic.target
{limit}
[Service]
Type=notify
NotifyAccess=main
ExecStart={program} run {name}{server} --data {data}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec={pause}
# Settings that are wrong do not become right by trying again.
RestartPreventExitStatus=78
# It drains first: sessions have a few seconds to come to an end.
TimeoutStopSec=15
KillMode=mixed
WatchdogSec=30
LimitNOFILE=131072
AmbientCapabilities={capability}
CapabilityBoundingSet={capability}
{confinement}
[Install]
WantedBy=mailmedic.target
",
            limit = if of_server { LIMITED } else { UNLIMITED },
            // What is never left dead must not keep the machine busy with dying.
            pause = if of_server { 0 } else { 5 },
            confinement = self.confinement(!low_ports)
        )
    }

    /// Makes what is missing and renews certificates: before every start, and once a day.
    fn prepare(&self) -> String {
        let Self { program, data, .. } = self;
        format!(
            "[Unit]
Description=mailmedic: what the data directory lacks, and certificates whose time is running out

[Service]
Type=oneshot
ExecStart={program} run prepare --data {data}
CapabilityBoundingSet=
{confinement}",
            confinement = self.confinement(true)
        )
    }

    /// `private_users`: in a user namespace of its own, where no capability of the machine exists.
    fn confinement(&self, private_users: bool) -> String {
        let Self { data, user, .. } = self;
        let mut text = format!("User={user}\nGroup={user}\nReadWritePaths={data}\n");
        let homes = ["/home/", "/root/", "/run/user/"];
        if !homes.iter().any(|home| data.starts_with(home) || self.program.starts_with(home)) {
            text += "ProtectHome=yes\n";
        }
        // Writing into a string does not fail.
        let _ =
            write!(text, "{}", HARDENING.replace("PRIVATE_USERS", if private_users { "yes" } else { "no" }));
        text
    }
}

fn target() -> String {
    "[Unit]
Description=mailmedic: POP3 mail access
Wants=mailmedic-coordinator.service mailmedic-agent.service mailmedic-backend.service mailmedic-frontend.service

[Install]
WantedBy=multi-user.target
"
    .to_owned()
}

fn timer() -> String {
    "[Unit]
Description=mailmedic: once a day

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=yes

[Install]
WantedBy=timers.target
"
    .to_owned()
}
