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

impl Installation {
    /// Every unit: its file name and its text.
    pub(super) fn units(&self) -> Vec<(String, String)> {
        let unit = |name: &str, text: String| (name.to_owned(), text);
        vec![
            unit("mailmedic.target", target()),
            unit("mailmedic-prepare.service", self.prepare()),
            unit("mailmedic-prepare.timer", timer()),
            unit("mailmedic-backend.service", self.service("backend", "back end", false)),
            unit("mailmedic-frontend.service", self.service("frontend", "front end", true)),
        ]
    }

    /// A service that serves. Only the front end listens on ports below 1024.
    fn service(&self, name: &str, title: &str, low_ports: bool) -> String {
        let Self { program, data, server, .. } = self;
        let after = if low_ports { " mailmedic-backend.service" } else { "" };
        let capability = if low_ports { "CAP_NET_BIND_SERVICE" } else { "" };
        format!(
            "[Unit]
Description=mailmedic {title}: POP3 mail access
Wants=mailmedic-prepare.service network-online.target
After=mailmedic-prepare.service network-online.target{after}
PartOf=mailmedic.target
# As mailmedic's own init does: three deaths within a minute, then it is left dead.
StartLimitIntervalSec=60
StartLimitBurst=3

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} run {name} --server {server} --data {data}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=0
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
Wants=mailmedic-backend.service mailmedic-frontend.service

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
