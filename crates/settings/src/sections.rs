//! The sections of the configuration file. Each entry is a setting: its type, the name administrators know, its key in the
//! file, its default, its range and what it does. `[pop]` has exactly the names of `Set-PopSettings`; what that command has
//! no name for stands in sections of its own.

use crate::section::section;
use crate::value::{
    Banner, Binding, CertificateName, CommandLine, CoordinatorKind, EtcdEndpoint, FilePath, HttpAddress,
    KeyPrefix, Line, LoginType, NetworkList, PowerKind, RecipientDelimiter, RecoveryMode, RollOver,
    ServiceLogLevel, Size, SizeLimit, Span,
};

section! {
    /// The POP3 service of a server. Every one of these can be changed while it runs.
    PopSettings = "pop" {
        /// Whether every exchange is written to the protocol log.
        protocol_log_enabled: bool, "ProtocolLogEnabled", "protocol-log-enabled", "false";
        /// The folder of the protocol log. A relative path is taken from the folder of the server in the data directory.
        log_file_location: FilePath, "LogFileLocation", "log-file-location", "protocol-log";
        /// How often the protocol log begins a new file, in UTC.
        log_file_roll_over_settings: RollOver, "LogFileRollOverSettings", "log-file-roll-over-settings", "Daily";
        /// How large a file of the protocol log grows before a new one is begun.
        log_per_file_size_quota: SizeLimit, "LogPerFileSizeQuota", "log-per-file-size-quota", "10 MB", "64 KB"..="unlimited";
        /// What a client must do before it may log in. A client on this very machine is exempt.
        login_type: LoginType, "LoginType", "login-type", "SecureLogin";
        /// The certificates shown to clients; the one that has the name which the client asks for is chosen, else the first.
        /// Without any it is the certificate that the data directory's own CA made for this server.
        x509_certificate_name: Vec<CertificateName>, "X509CertificateName", "x509-certificate-name", "";
        /// Where clients connect without TLS and may then ask for it (STLS).
        unencrypted_or_tls_bindings: Vec<Binding>, "UnencryptedOrTLSBindings", "unencrypted-or-tls-bindings", ":110";
        /// Where clients connect with TLS from the first octet (POP3S).
        ssl_bindings: Vec<Binding>, "SSLBindings", "ssl-bindings", ":995";
        /// The port of the leg between the tiers: a back end listens on it at its server's address, and a front end connects
        /// to it there. It must be the same on all servers.
        proxy_target_port: u16, "ProxyTargetPort", "proxy-target-port", "1995", "1"..="65535";
        /// How many connections there may be in all. One more is told so and closed.
        max_connections: u32, "MaxConnections", "max-connections", "20000", "1"..="1000000";
        /// How many connections there may be from one address.
        max_connection_from_single_ip: u32, "MaxConnectionFromSingleIP", "max-connection-from-single-ip", "2000", "1"..="1000000";
        /// How many sessions one user may have. Counted where the user's database is mounted.
        max_connections_per_user: u32, "MaxConnectionsPerUser", "max-connections-per-user", "16", "1"..="1000000";
        /// How long a client that has logged in may say nothing. RFC 1939 section 3 wants at least 10 minutes.
        authenticated_connection_timeout: Span, "AuthenticatedConnectionTimeout", "authenticated-connection-timeout", "30 min", "30 s"..="1 d";
        /// How long a client may take to log in.
        pre_authenticated_connection_timeout: Span, "PreAuthenticatedConnectionTimeout", "pre-authenticated-connection-timeout", "1 min", "10 s"..="1 h";
        /// How many octets a command line may have, its end included. RFC 2449 section 4 asks for 255.
        max_command_size: u32, "MaxCommandSize", "max-command-size", "512", "255"..="16384";
        /// The text of the greeting.
        banner: Banner, "Banner", "banner", "The POP3 service is ready.";
    }
}

section! {
    /// A session, once its client is connected.
    SessionSettings = "session" {
        /// How long a session may last. Deleted mail is kept while a session can still see it.
        session_limit: Span, "SessionLimit", "session-limit", "1 d", "1 min"..="7 d";
        /// Whether a maildrop serves one session at a time, as RFC 1939 section 4 has it. A second one is told [IN-USE].
        exclusive_maildrop_lock: bool, "ExclusiveMaildropLock", "exclusive-maildrop-lock", "false";
        /// How many errors in a row end a session.
        error_limit: u32, "ErrorLimit", "error-limit", "8", "1"..="1000";
        /// How long a TLS handshake may take.
        tls_handshake_timeout: Span, "TlsHandshakeTimeout", "tls-handshake-timeout", "30 s", "1 s"..="5 min";
        /// How long a session may go on after the service has been told to stop.
        drain_time: Span, "DrainTime", "drain-time", "5 s", "0 s"..="10 min";
    }
}

section! {
    /// Logging in.
    LogInSettings = "log-in" {
        /// Whether SCRAM-SHA-256 is offered. Its keys are made when a password is set while this is on.
        scram_enabled: bool, "ScramEnabled", "scram-enabled", "false";
        /// How long a verified password is remembered, so that a client that polls does not cost a hash each time.
        remembered_credential_time: Span, "RememberedCredentialTime", "remembered-credential-time", "10 min", "0 s"..="1 d";
        /// How many log-ins may wait for a password hash. One more is told [SYS/TEMP].
        password_queue: u32, "PasswordQueue", "password-queue", "256", "1"..="100000";
        /// How many failed log-ins from one address are only slowed; from then on the address is refused for a while.
        failed_log_in_limit: u32, "FailedLogInLimit", "failed-log-in-limit", "20", "1"..="1000000";
        /// How long an address is refused after too many failed log-ins.
        failed_log_in_pause: Span, "FailedLogInPause", "failed-log-in-pause", "5 min", "1 s"..="1 d";
        /// Networks whose failed log-ins are neither slowed nor refused: a webmail server, a gateway.
        failed_log_in_exemptions: NetworkList, "FailedLogInExemptions", "failed-log-in-exemptions", "";
        /// How long a log-in waits for a database that is moving.
        waiting_window: Span, "WaitingWindow", "waiting-window", "15 s", "0 s"..="5 min";
        /// How many log-ins may wait for databases that are moving.
        waiting_log_ins: u32, "WaitingLogIns", "waiting-log-ins", "5000", "0"..="1000000";
        /// How many waiting log-ins a second go on once the database is there.
        waiting_release_rate: u32, "WaitingReleaseRate", "waiting-release-rate", "500", "1"..="1000000";
    }
}

section! {
    /// Peers that may say who the client really is. Anyone else who tries is told an error.
    PeerSettings = "peers" {
        /// Load balancers that send a PROXY protocol header, which is then required of them.
        proxy_protocol: NetworkList, "ProxyProtocol", "proxy-protocol", "";
        /// Proxies that may send XCLIENT.
        xclient: NetworkList, "Xclient", "xclient", "";
    }
}

section! {
    /// Delivery by LMTP.
    DeliverySettings = "delivery" {
        /// Where mail servers deliver on a client-access server.
        lmtp_bindings: Vec<Binding>, "LmtpBindings", "lmtp-bindings", ":24";
        /// A Unix socket for mail servers on the same machine, or "none". A relative path is taken from the folder of the
        /// server in the data directory.
        lmtp_socket: Option<FilePath>, "LmtpSocket", "lmtp-socket", "none";
        /// Who may deliver over the network.
        trusted_peers: NetworkList, "TrustedPeers", "trusted-peers", "127.0.0.0/8,::1";
        /// How many delivery connections there may be.
        max_connections: u32, "MaxConnections", "max-connections", "1000", "1"..="1000000";
        /// How long a mail server may say nothing.
        connection_timeout: Span, "ConnectionTimeout", "connection-timeout", "5 min", "10 s"..="1 h";
        /// How much of a message is kept in memory before it is spooled to a file.
        spool_memory: Size, "SpoolMemory", "spool-memory", "256 KB", "0 B"..="16 MB";
        /// How long a reply is held back while the recipient's database is moving.
        hold: Span, "Hold", "hold", "60 s", "0 s"..="4 min";
        /// How large a message may be.
        max_message_size: Size, "MaxMessageSize", "max-message-size", "100 MB", "64 KB"..="2 GB";
        /// How much space must stay free on the disk of a database; below it mail is turned away for a while.
        low_water_mark: Size, "LowWaterMark", "low-water-mark", "256 MB", "0 B"..="16 TB";
        /// The quota of users that have none of their own.
        default_quota: SizeLimit, "DefaultQuota", "default-quota", "unlimited";
        /// The character that parts a recipient from its detail, as in user+detail@example.com, or "none".
        recipient_delimiter: Option<RecipientDelimiter>, "RecipientDelimiter", "recipient-delimiter", "+";
    }
}

section! {
    /// The leg between the tiers. Its port for POP3 is proxy-target-port, among the settings of POP3.
    InnerSettings = "inner" {
        /// The port of the leg between the tiers for mail: a back end listens on it at its server's address. It must be the
        /// same on all servers.
        lmtp_port: u16, "LmtpPort", "lmtp-port", "1024", "1"..="65535";
        /// How long a front end tries to reach a back end.
        connect_timeout: Span, "ConnectTimeout", "connect-timeout", "5 s", "100 ms"..="1 min";
        /// How long a front end waits for a back end to answer a command.
        reply_timeout: Span, "ReplyTimeout", "reply-timeout", "10 min", "1 s"..="1 h";
    }
}

section! {
    /// What the probes on a server need to know about its clients.
    HealthSettings = "health" {
        /// The authorities, PEM, that clients trust. A relative path is taken from the data directory. With "none" these are
        /// our own CA and those of the system.
        client_authorities: Option<FilePath>, "ClientAuthorities", "client-authorities", "none";
    }
}

section! {
    /// What load balancers and Prometheus are told, by HTTP and whoever asks: keep these addresses to your own network.
    ReadySettings = "ready" {
        /// Where a client-access server answers: GET /ready/pop3 with 200, or 503 while it drains, for load balancers, and
        /// GET /metrics for Prometheus.
        bindings: Vec<Binding>, "Bindings", "bindings", "";
        /// Where the back end of a mailbox server answers GET /metrics.
        metrics_bindings: Vec<Binding>, "MetricsBindings", "metrics-bindings", "";
    }
}

section! {
    /// What is kept of the logs. The sizes and numbers of the service log and the memory for sessions hold from the next
    /// start; the rest at once.
    LogSettings = "log" {
        /// How old a file of the protocol log becomes before it is removed.
        keep_age: Span, "KeepAge", "keep-age", "30 d", "1 h"..="3650 d";
        /// How large the files of the protocol log become together before the oldest is removed.
        keep_size: Size, "KeepSize", "keep-size", "1 GB", "1 MB"..="16 TB";
        /// How much the service log says.
        service_log_level: ServiceLogLevel, "ServiceLogLevel", "service-log-level", "info";
        /// How large a file of the service log grows before a new one is begun.
        service_log_size: Size, "ServiceLogSize", "service-log-size", "10 MB", "64 KB"..="16 GB";
        /// How many older files of the service log are kept.
        service_log_files: u32, "ServiceLogFiles", "service-log-files", "5", "1"..="1000";
        /// How much memory the sessions kept for `session show` may take.
        session_ring: Size, "SessionRing", "session-ring", "4 MB", "64 KB"..="1 GB";
    }
}

section! {
    /// The process that starts the services of a server, where that is ours.
    InitSettings = "init" {
        /// How long a server stays off after it has lost its power.
        power_on_delay: Span, "PowerOnDelay", "power-on-delay", "20 s", "0 s"..="1 h";
        /// Whether a service that has died is started again.
        restart_services: bool, "RestartServices", "restart-services", "true";
        /// How long a service may take to stop before it is killed.
        stop_limit: Span, "StopLimit", "stop-limit", "10 s", "0 s"..="10 min";
    }
}

section! {
    /// The API of the agent on a server, by HTTPS. Commands on the same machine reach it without, through a Unix socket.
    ApiSettings = "api" {
        /// Where the API is served.
        bindings: Vec<Binding>, "Bindings", "bindings", "";
        /// Whether TLS is spoken on loopback addresses, too. Beyond the machine it always is.
        tls_on_loopback: bool, "TlsOnLoopback", "tls-on-loopback", "false";
        /// The file of the tokens that let people and programs in. A relative path is taken from the data directory.
        token_file: FilePath, "TokenFile", "token-file", "api-tokens";
    }
}

section! {
    /// How the power of a server is cut and returned, for the last rungs of recovery and for the fencing of a server that
    /// does not answer.
    PowerSettings = "power" {
        /// Who can do it: "grid" (`mailmedic up`, for its own servers), "logind" (systemd, of the machine itself),
        /// "command" (a command that reaches its power supply), or "none": then nobody reboots it but you.
        kind: PowerKind, "Kind", "kind", "none";
        /// The command that cuts a server's power and returns it, with its arguments. In them {server} stands for the name of
        /// the server, and {id} for the id of the request: a second one with the same id must not cut the power again.
        command: CommandLine, "Command", "command", "";
    }
}

section! {
    /// What the agent of a server may do by itself when a monitor is Unhealthy. docs/ladders.md tells what that is.
    RecoverySettings = "recovery" {
        /// Whether nothing is done and only written down: `mailmedic recovery report --would-have` shows it. So it begins;
        /// with "false" the modes below hold.
        observe: bool, "Observe", "observe", "true";
        /// Restarts of services: "automatic", "approval" (each waits for a person's word) or "observe".
        restart: RecoveryMode, "Restart", "restart", "automatic";
        /// Moves of databases off the server: "automatic", "approval" or "observe".
        fail_over: RecoveryMode, "FailOver", "fail-over", "automatic";
        /// Restarts of the server: "automatic", "approval" or "observe".
        reboot: RecoveryMode, "Reboot", "reboot", "approval";
        /// How often a service may be restarted within an hour. What its init has restarted counts.
        restarts_an_hour: u32, "RestartsAnHour", "restarts-an-hour", "3", "0"..="1000";
        /// How often a service may be restarted within a day.
        restarts_a_day: u32, "RestartsADay", "restarts-a-day", "8", "0"..="1000";
        /// How often the databases of the server may be moved away within an hour.
        fail_overs_an_hour: u32, "FailOversAnHour", "fail-overs-an-hour", "2", "0"..="1000";
        /// How often the server may be restarted within twelve hours.
        reboots_in_twelve_hours: u32, "RebootsInTwelveHours", "reboots-in-twelve-hours", "1", "0"..="1000";
        /// How long a server has to be in good health after a restart before what was moved away comes back.
        return_after: Span, "ReturnAfter", "return-after", "30 min", "0 s"..="7 d";
        /// How long a monitor of slow commands has to stay well after a rung of its ladder.
        look_again: Span, "LookAgain", "look-again", "10 min", "1 s"..="1 d";
        /// How long a recovery waits for something before a person is called about it.
        patience: Span, "Patience", "patience", "10 min", "1 s"..="7 d";
    }
}

section! {
    /// Who is called when a recovery is given up or needs a person's word. In the log, over the API and in `mailmedic recovery
    /// list` it always stands.
    EscalationSettings = "escalation" {
        /// Your own procedure for such a call, or where it stands; it comes first in whatever is sent.
        procedure: Line, "Procedure", "procedure", "";
        /// A Prometheus Alertmanager, by its address without a path, or "none". What is open is sent to it every minute.
        alertmanager: Option<HttpAddress>, "Alertmanager", "alertmanager", "none";
        /// Where a person's call, and its end, is posted once as JSON, or "none".
        webhook: Option<HttpAddress>, "Webhook", "webhook", "none";
        /// Where something is posted every minute as long as the agent works, or "none": whoever waits for it there calls a
        /// person when it ceases to come.
        heartbeat: Option<HttpAddress>, "Heartbeat", "heartbeat", "none";
    }
}

section! {
    /// Where it is kept which server has which database, by what all servers agree. The same for the whole cluster.
    CoordinatorSettings = "coordinator" {
        /// What it is: "local" (a process of ours, for servers of one machine) or "etcd".
        kind: CoordinatorKind, "Kind", "kind", "local";
        /// The members of the etcd cluster.
        endpoints: Vec<EtcdEndpoint>, "Endpoints", "endpoints", "";
        /// What all our keys in etcd begin with.
        prefix: KeyPrefix, "Prefix", "prefix", "mailmedic";
        /// The file of the authorities that may have signed the certificates of etcd, PEM, or "none". A relative path is taken
        /// from the data directory, here and below.
        ca: Option<FilePath>, "Ca", "ca", "none";
        /// The file of the certificate that we show to etcd, PEM, or "none".
        certificate: Option<FilePath>, "Certificate", "certificate", "none";
        /// The file of its key, PEM, or "none".
        key: Option<FilePath>, "Key", "key", "none";
        /// How long the lease of an agent outlives its last sign of life. Only then may others take over what it led.
        lease: Span, "Lease", "lease", "6 s", "1 s"..="5 min";
        /// How long connecting may take.
        connect_timeout: Span, "ConnectTimeout", "connect-timeout", "1 s", "100 ms"..="1 min";
        /// How long an answer may take. It must be shorter than the lease.
        request_timeout: Span, "RequestTimeout", "request-timeout", "2 s", "100 ms"..="1 min";
    }
}

section! {
    /// Which server serves which database, and how a database moves. The same for the whole cluster.
    PlacementSettings = "placement" {
        /// How long a back end may take to hand a database over, its sessions included, before it is fenced.
        hand_over: Span, "HandOver", "hand-over", "12 s", "1 s"..="5 min";
        /// How long a back end may take to mount a database that it has been assigned before another copy is tried.
        mount: Span, "Mount", "mount", "30 s", "1 s"..="10 min";
        /// How long a server that is starting may take before its databases are moved elsewhere.
        start_grace: Span, "StartGrace", "start-grace", "10 s", "0 s"..="10 min";
        /// How long the sessions of a database that moves have to come to a boundary. It must be shorter than hand-over.
        session_drain: Span, "SessionDrain", "session-drain", "5 s", "0 s"..="4 min";
    }
}
