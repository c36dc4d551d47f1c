use std::process::Command;
use std::time::SystemTime;

use super::*;

fn arguments(folder: &Path) -> Arguments {
    Arguments {
        domain: HostName::parse("example.com").unwrap(),
        listen: "192.0.2.1".parse().unwrap(),
        host_name: None,
        certificate: None,
        user: "mailmedic".to_owned(),
        // It must exist for systemd to be content.
        program: "/bin/true".into(),
        into: folder.join("setup"),
    }
}

fn written(folder: &Path) -> impl Fn(&str) -> String {
    let folder = folder.join("setup");
    move |name| std::fs::read_to_string(folder.join(name)).unwrap()
}

const UNITS: [&str; 7] = [
    "mailmedic.target",
    "mailmedic-prepare.service",
    "mailmedic-prepare.timer",
    "mailmedic-coordinator.service",
    "mailmedic-agent.service",
    "mailmedic-backend.service",
    "mailmedic-frontend.service",
];

fn systemd_analyze(arguments: &[&str], folder: &Path) -> (bool, String) {
    let units = UNITS.map(|unit| folder.join("setup").join(unit));
    let units = if arguments.contains(&"security") { &units[3..] } else { &units[..] };
    let ran = Command::new("systemd-analyze").args(arguments).args(units).output().unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn the_configuration_is_for_one_machine_with_both_roles() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/var/lib/mailmedic")).unwrap();
    let text = written(folder.path())("mailmedic.toml");
    let configuration = Configuration::parse(&text, "mailmedic.toml").unwrap();
    let [server] = configuration.servers.as_slice() else { panic!("{configuration:?}") };
    assert_eq!(server.roles.len(), 2);
    let settings = configuration.settings_of(server, &Layer::default());
    assert_eq!(settings.pop3_addresses(), ["192.0.2.1:110".parse().unwrap()]);
    assert_eq!(settings.pop3s_addresses(), ["192.0.2.1:995".parse().unwrap()]);
    assert_eq!(settings.lmtp_addresses(), ["127.0.0.1:24".parse().unwrap()]);
}

#[test]
fn postfix_delivers_to_where_lmtp_listens() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/var/lib/mailmedic")).unwrap();
    let text = written(folder.path())("postfix-main.cf");
    assert!(text.contains("\nvirtual_transport = lmtp:inet:127.0.0.1:24\n"), "{text}");
    assert!(text.contains("\nvirtual_mailbox_domains = example.com\n"), "{text}");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/var/lib/mailmedic")).unwrap();
    let (success, text) = systemd_analyze(&["verify", "--man=no", "--recursive-errors=no"], folder.path());
    // It also reads what else is installed on the machine: only what it says about ours counts.
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("mailmedic")).collect();
    assert!(success && ours.is_empty(), "{text}");
}

#[test]
fn systemd_finds_the_services_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/var/lib/mailmedic")).unwrap();
    // Of 100; a service without any hardening has 96.
    let (success, text) =
        systemd_analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"], folder.path());
    assert!(success, "{text}");
}

#[test]
fn services_are_of_type_notify_with_a_watchdog_and_run_without_privileges() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/srv/mail")).unwrap();
    let read = written(folder.path());
    for (name, server, capability) in [
        ("coordinator", "", ""),
        ("agent", " --server mail", ""),
        ("backend", " --server mail", ""),
        ("frontend", " --server mail", "CAP_NET_BIND_SERVICE"),
    ] {
        let unit = read(&format!("mailmedic-{name}.service"));
        for line in [
            "Type=notify",
            "WatchdogSec=30",
            "Restart=always",
            "User=mailmedic",
            "ReadWritePaths=/srv/mail",
            "RestartPreventExitStatus=78",
            &format!("ExecStart=/bin/true run {name}{server} --data /srv/mail"),
            &format!("CapabilityBoundingSet={capability}"),
        ] {
            assert!(unit.lines().any(|found| found == line), "{name} lacks {line}:\n{unit}");
        }
    }
}

#[test]
fn mail_does_not_wait_for_the_coordinator_or_the_agent_and_the_target_starts_all() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/srv/mail")).unwrap();
    let read = written(folder.path());
    for name in ["backend", "frontend"] {
        let unit = read(&format!("mailmedic-{name}.service"));
        assert!(!unit.contains("coordinator") && !unit.contains("agent"), "{unit}");
    }
    let target = read("mailmedic.target");
    for unit in UNITS.iter().skip(3) {
        assert!(target.contains(unit), "{target}");
    }
}

#[test]
fn what_is_there_already_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    arguments(folder.path()).run(Path::new("/var/lib/mailmedic")).unwrap();
    let again = arguments(folder.path()).run(Path::new("/var/lib/mailmedic"));
    assert!(
        matches!(again, Err(Failure::BadInput(text)) if text.contains("mailmedic.toml is there already"))
    );
}

#[test]
fn what_systemd_would_misread_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |data: &str, user: &str| {
        let arguments = Arguments { user: user.to_owned(), ..arguments(folder.path()) };
        matches!(arguments.run(Path::new(data)), Err(Failure::BadInput(_)))
    };
    assert!(refused("/srv/my mail", "mailmedic"));
    assert!(refused("/srv/100%", "mailmedic"));
    assert!(refused("/tmp/mail", "mailmedic"));
    assert!(refused("/srv/mail", "root user"));
    assert!(!folder.path().join("setup").exists());
}

#[test]
fn a_certificate_must_be_for_the_name_that_clients_connect_to() {
    let folder = tempfile::tempdir().unwrap();
    let authority =
        net::Authority::load_or_create(&folder.path().join("ca"), "test", SystemTime::now()).unwrap();
    let names = vec!["*.example.com".to_owned()];
    let subject = net::authority::Subject::Service { names, addresses: Vec::new() };
    authority.ensure("mail", &subject, SystemTime::now()).unwrap();
    let files = authority.files("mail");
    let files = format!("{}:{}", files.certificate.display(), files.key.display());
    let arguments = |name: &str| Arguments {
        certificate: Some(files.clone()),
        host_name: Some(HostName::parse(name).unwrap()),
        ..arguments(folder.path())
    };
    let refused = arguments("pop.example.org").run(Path::new("/var/lib/mailmedic"));
    assert!(matches!(refused, Err(Failure::BadInput(text)) if text.contains("but for *.example.com")));
    arguments("pop.example.com").run(Path::new("/var/lib/mailmedic")).unwrap();
    let text = written(folder.path())("mailmedic.toml");
    assert!(text.contains(&files), "{text}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Arguments {
        certificate: Some("/nowhere/cert.pem:/nowhere/key.pem".to_owned()),
        ..arguments(folder.path())
    };
    let refused = arguments.run(Path::new("/var/lib/mailmedic"));
    assert!(matches!(refused, Err(Failure::BadInput(text)) if text.contains("/nowhere/cert.pem")));
}
