//! The management shell.

use admin_api::routes::{
    AddOverride, AllowServer, Components, Copies, DrainServer, Health, HealthReport, MonitoringItemHelp,
    MonitoringItems, MoveDatabase, Overrides, PopSettings, RemoveOverride, RestartService, RunProbe, Servers,
    Services, SetPopSettings, SetRepairing, ShowMove,
};
use admin_api::rows::{
    HealthSetRow, ItemHelp, ItemRow, MonitorRow, MoveState, PopSettingRow, PopSettingsChange, PopSettingsRow,
    ServiceState,
};
use admin_api::{Kind, Listing, Moment, Problem, Unanswered};

use crate::agent::Script;
use crate::{golden, health, rows};

/// Each text as `mailmedic shell -c` gets it.
fn transcript(name: &str, script: impl Fn() -> Script, texts: &[&str]) {
    let lines: Vec<_> = texts.iter().map(|text| ["shell", "-c", text]).collect();
    let lines: Vec<&[&str]> = lines.iter().map(<[&str; 3]>::as_slice).collect();
    golden(name, script, &lines);
}

fn verdicts() -> Listing<MonitorRow> {
    let of = |set: &str, name: &str| MonitorRow {
        health_set: set.into(),
        name: name.into(),
        target_resource: None,
        ..health::monitors().remove(1)
    };
    let mut rows = health::monitors();
    rows.extend([of("POP", "PopCTPMonitor"), of("Store", "StoreMonitor")]);
    Listing::complete(rows)
}

fn settings() -> PopSettingsRow {
    let setting = |name: &str, value: &str| PopSettingRow {
        name: name.into(),
        value: value.into(),
        origin: "default".into(),
        default: value.into(),
    };
    PopSettingsRow {
        server: "cas1".into(),
        protocol_log: "/var/log/mailmedic/pop3".into(),
        settings: vec![
            setting("ProtocolLogEnabled", "false"),
            setting("LogFileLocation", "pop3"),
            setting("LoginType", "SecureLogin"),
            setting("MaxConnections", "2000"),
        ],
    }
}

/// The command lines of the page about troubleshooting, as they are written there.
#[test]
fn the_lines_of_the_runbook_run_as_they_are_written() {
    let script = || {
        let drained = vec![rows::moving("DB01", MoveState::Succeeded)];
        let change =
            PopSettingsChange { now: settings(), changes: vec!["ProtocolLogEnabled: true, live".into()] };
        Script::default()
            .answers::<Health>(&verdicts())
            .answers::<RunProbe>(&Listing::complete(vec![
                health::probe("Succeeded"),
                health::probe("Failed"),
            ]))
            .answers::<DrainServer>(&Listing::complete(drained))
            .answers::<AllowServer>(&rows::allowed())
            .answers::<Copies>(&Listing::complete(rows::copies()))
            .answers::<SetPopSettings>(&change)
            .answers::<PopSettings>(&Listing::complete(vec![settings()]))
    };
    transcript(
        "shell-runbook",
        script,
        &[
            "Get-ServerHealth mbx2 | ?{$_.HealthSetName -eq \"POP\"}",
            "Get-ServerHealth mbx2 | ?{$_.HealthSetName -like \"POP*\"}",
            "Invoke-MonitoringProbe POP\\PopCTPProbe -Server cas1 | Format-List",
            "Set-MailboxServer -Identity mbx1 -DatabaseCopyActivationDisabledAndMoveNow $true",
            "Get-MailboxDatabaseCopyStatus -Server mbx1 | group status",
            "Set-MailboxServer -Identity mbx1 -DatabaseCopyActivationDisabledAndMoveNow $false",
            "Set-PopSettings -server cas1 -ProtocolLoggingEnabled $true",
            "Get-PopSettings -server cas1",
            "Test-PopConnectivity -ClientAccessServer cas1",
        ],
    );
}

#[test]
fn health_is_reported_and_narrowed_down() {
    let set = HealthSetRow {
        server: "mbx1".into(),
        state: "Online".into(),
        health_set: "POP.Protocol".into(),
        health_group: "ServiceComponents".into(),
        alert_value: "Unhealthy".into(),
        last_transition_time: Moment::parse("2026-01-31T08:00:00Z").unwrap(),
        monitor_count: 2,
        why: "2 attempts failed".into(),
    };
    let unanswered = vec![Unanswered { server: "mbx2".into(), why: "connection refused".into() }];
    let script = || {
        Script::default()
            .answers::<HealthReport>(&Listing { rows: vec![set.clone()], unanswered: unanswered.clone() })
            .answers::<Health>(&verdicts())
            .answers::<RunProbe>(&Listing::complete(vec![health::probe("Failed")]))
    };
    transcript(
        "shell-health",
        script,
        &[
            "Get-HealthReport mbx1",
            "get-serverhealth -id mbx1 -healthset pop.protocol -haimpactingonly | ft Name, AlertValue",
            "Get-ServerHealth mbx1 | where { $_.AlertValue -ne 'Healthy' -and -not ($_.Blame -eq $null) } | fl Name, Why, Blame",
            "Get-ServerHealth mbx1 | Sort-Object Name -Descending | Select-Object -First 2 -ExpandProperty Name",
            "Get-ServerHealth mbx1 | measure",
            "Get-ServerHealth mbx1 | select Server, Name -First 1 | ConvertTo-Json",
            "Test-PopConnectivity cas1 -ConnectionType Ssl -LightMode",
        ],
    );
}

#[test]
fn what_is_watched_is_explained_marked_and_overridden() {
    let item = ItemRow {
        identity: "POP\\PopCTPProbe\\DB01".into(),
        item_type: "Probe".into(),
        name: "PopCTPProbe".into(),
        health_set: "POP".into(),
        server: "cas1".into(),
        target_resource: Some("DB01".into()),
    };
    let help = ItemHelp {
        identity: "POP\\PopCTPMonitor".into(),
        item_type: "Monitor".into(),
        what: "Whether clients can fetch mail.".into(),
        how: "judges PopCTPProbe".into(),
        depends_on: vec!["Directory".into(), "Store".into()],
        recovery: Vec::new(),
        notes: None,
    };
    let script = || {
        Script::default()
            .answers::<MonitoringItems>(&Listing::complete(vec![item.clone()]))
            .answers::<MonitoringItemHelp>(&help)
            .answers::<SetRepairing>(&Listing::complete(health::monitors()))
            .answers::<AddOverride>(&health::made())
            .answers::<Overrides>(&Listing::complete(vec![health::made()]))
            .answers::<RemoveOverride>(&health::made())
    };
    let override_of = "POP\\PopCTPMonitor\\DB01 -ItemType Monitor -PropertyName Failures";
    let add = format!(
        "Add-GlobalMonitoringOverride {override_of} -PropertyValue 5 -Duration 02:00:00 -Reason 'slow link'"
    );
    let (remove, other) = (
        format!("Remove-GlobalMonitoringOverride {override_of}"),
        "Remove-GlobalMonitoringOverride POP\\PopCTPMonitor\\DB02 -ItemType Monitor -PropertyName Failures",
    );
    let of_probe = add.replace("Monitor -Prop", "Probe -Prop");
    let endless = add.replace("-Duration 02:00:00", "");
    transcript(
        "shell-monitoring",
        script,
        &[
            "Get-MonitoringItemIdentity POP -Server cas1",
            "Get-MonitoringItemHelp POP\\PopCTPMonitor",
            "Set-ServerMonitor PopDeepTestMonitor -Server mbx1 -TargetResource DB01 -Repairing $true | ft Name, AlertValue",
            &add,
            &of_probe,
            &endless,
            "Get-GlobalMonitoringOverride",
            "Get-ServerMonitoringOverride cas1 | fl Identity, ExpirationTime",
            &remove,
            other,
        ],
    );
}

#[test]
fn services_servers_and_databases_are_managed() {
    let script = || {
        let backend = |state, pid| Listing::complete(vec![rows::backend(state, pid)]);
        Script::default()
            .answers::<Services>(&backend(ServiceState::Running, Some(100)))
            .answers::<Services>(&backend(ServiceState::Running, Some(200)))
            .answers::<RestartService>(&rows::backend(ServiceState::Running, Some(100)))
            .answers::<Servers>(&Listing::complete(rows::servers()))
            .answers::<Components>(&Listing::complete(rows::components()))
            .answers::<MoveDatabase>(&rows::moving("DB01", MoveState::Waiting))
            .answers::<ShowMove>(&rows::moving("DB01", MoveState::Succeeded))
    };
    transcript(
        "shell-management",
        script,
        &[
            "Get-Service MSExchangePOP3BE",
            "Restart-Service MSExchangePOP3BE -ComputerName mbx1",
            "Get-MailboxServer",
            "Get-ServerComponentState mbx1",
            "Move-ActiveMailboxDatabase DB01 -ActivateOnServer mbx2",
            "Test-ServiceHealth",
        ],
    );
}

#[test]
fn mistakes_are_shown_at_their_places_and_nothing_is_asked() {
    transcript(
        "shell-mistakes",
        Script::default,
        &[
            "Get-ServerHelth mbx1",
            "Get-ServerHealth",
            "Get-ServerHealth mbx1 -HealthSett POP",
            "Get-ServerHealth mbx1 | Format-List | group Name",
            "?{$_.Name -eq 'x'}",
            "Get-ServerHealth mbx1 | ?{$_.Name -equals 'x'}",
            "Get-ServerHealth mbx1 | ?{$_.Name -eq \"x}",
            "Get-ServerHealth $server",
            "Get-MailboxServer; Get-Serverhealth mbx1 mbx2",
            "Set-ServerMonitor PopCTPMonitor -Server cas1 -Repairing yes",
            "Test-PopConnectivity cas1 -ConnectionType Plaintext",
            "Set-MailboxServer mbx1",
            "Add-GlobalMonitoringOverride POP\\PopCTPProbe -ItemType Prob -PropertyName Enabled",
        ],
    );
}

#[test]
fn what_the_agents_do_not_know_or_do_is_told() {
    let script = || {
        Script::default()
            .refuses::<Health>(&Problem::unknown("server", "mbx9", ["mbx1", "mbx2"].into_iter()))
            .refuses::<RunProbe>(&Problem::new(Kind::Unavailable, "cas1 does not answer"))
            .answers::<Copies>(&Listing::complete(rows::copies()))
    };
    transcript(
        "shell-refused",
        script,
        &[
            "Get-ServerHealth mbx9; Get-MailboxDatabaseCopyStatus",
            "Invoke-MonitoringProbe POP\\PopCTPProbe -Server cas1",
            "Get-MailboxDatabaseCopyStatus | ?{$_.Statuss -eq 'Mounted'}",
        ],
    );
}

#[test]
fn the_shell_explains_itself() {
    transcript(
        "shell-help",
        Script::default,
        &["Get-Help", "help Get-ServerHealth", "Get-Command *Override", "# a comment alone"],
    );
}
