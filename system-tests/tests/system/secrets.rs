//! No secret reaches a log.

use std::sync::Arc;
use std::time::Duration;

use pop3::Secret;
use pop3::client::LogIn;
use pop3::sasl::Nonce;
use service::admin::Ask;
use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::{LogSettings, ServiceLogLevel};
use system_tests::{Client, House, Plan, Transport, networks};

const USER: &str = "planted@example.com";
/// What nobody may find. The second one is not anybody's password.
const SECRETS: [&str; 2] = ["Plant3d-S3cret-A", "Plant3d-S3cret-B"];
/// What stands for the secrets where they are in base64: at each of the three places where a group may begin.
const IN_BASE64: [&str; 3] = ["UGxhbnQzZC1TM2NyZX", "bGFudDNkLVMzY3Jld", "YW50M2QtUzNjcmV0"];

fn mechanisms(password: &str) -> Vec<LogIn> {
    let (user, password) = (USER.to_owned(), Secret::new(password));
    vec![
        LogIn::Password { user: user.clone(), password: password.clone() },
        LogIn::Plain { authzid: None, user: user.clone(), password: password.clone() },
        LogIn::Plain { authzid: Some("a".repeat(200)), user: user.clone(), password: password.clone() },
        LogIn::Login { user: user.clone(), password: password.clone() },
        LogIn::ScramSha256 { user, password, nonce: Nonce::from_random([7; 24]) },
    ]
}

/// Everything that people and programs do with a password, rightly and wrongly.
async fn slips(client: &mut Client) {
    let [right, wrong] = SECRETS;
    let plain = "AHBsYW50ZWRAZXhhbXBsZS5jb20AUGxhbnQzZC1TM2NyZXQtQQ==";
    for line in [
        format!("PASS {right}"),
        format!("pass {wrong}"),
        format!("PASS  {right} "),
        format!("PASS {right}\0"),
        format!("PASS {right} {}", "x".repeat(600)),
        format!("PASSWORD {right}"),
        format!("AUTH PLAIN {plain}="),
        format!("AUTH NTLM {plain}"),
        right.to_owned(),
        format!("STAT {right}"),
        format!("APOP {USER} {right}"),
    ] {
        client.says(&line).await;
        client.hears("-ERR ").await;
    }
}

#[tokio::test]
async fn no_secret_reaches_a_log_whatever_is_done_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = ServiceLogSettings::new(folder.path().join("service.log"), &LogSettings::default(), false);
    let log = ServiceLogSettings { level: ServiceLogLevel::Trace, ..log };
    let log = Arc::new(ServiceLog::start(&log).unwrap());
    let mut house = House::build(Plan {
        scram: true,
        service_log: Some(Arc::clone(&log)),
        settings: Box::new(|settings| {
            settings.pop.protocol_log_enabled = true;
            settings.log.service_log_level = ServiceLogLevel::Trace;
            settings.log_in.scram_enabled = true;
            settings.log_in.failed_log_in_exemptions = networks("127.0.0.0/8");
            settings.session.error_limit = 1000;
        }),
        ..Plan::default()
    });
    house.add_user(USER, SECRETS[0], "DB01");
    house.start_back_end("mbx1").await;
    house.start_front_end().await;

    for transport in Transport::ALL {
        let mut client = house.client_over(transport).await;
        slips(&mut client).await;
        for log_in in mechanisms(SECRETS[1]) {
            assert!(client.logs_in_by(log_in).await.is_err());
        }
        for log_in in mechanisms(SECRETS[0]) {
            let mut client = house.client_over(transport).await;
            // To act for somebody else is refused.
            if client.logs_in_by(log_in).await.is_ok() {
                slips(&mut client).await;
                client.gets("QUIT").await;
            }
        }
    }
    // At the inner door, as somebody who is no front end.
    let mut client = house.at_inner_door(&house.node_tls("mbx2").client()).await;
    slips(&mut client).await;
    assert_eq!(client.logs_in(USER, SECRETS[1]).await, "-ERR [AUTH] Wrong user name or password");
    assert_eq!(client.logs_in(USER, SECRETS[0]).await, "+OK logged in");
    slips(&mut client).await;

    // What can be asked while sessions are on.
    let mut told = Vec::new();
    for question in [Ask::Sessions { limit: 100 }, Ask::Counters, Ask::Status, Ask::Settings] {
        told.push(format!("{:?}", house.front_end().ask(question.clone()).await));
        told.push(format!("{:?}", house.back_end().ask(question).await));
    }
    client.gets("QUIT").await;
    let services = [house.front_end().service(), house.back_end().service()].map(Arc::clone);
    system_tests::until("every session is over", || !house.anybody_is_on()).await;
    for service in &services {
        assert!(service.protocol_log.flush(Duration::from_secs(30)));
        let kept = service.ring.ids().into_iter().map(|id| format!("{:?}", service.ring.find(id)));
        told.extend(kept);
    }
    assert!(log.flush(Duration::from_secs(30)));

    let mut files = house.files();
    files
        .push((folder.path().join("service.log"), std::fs::read(folder.path().join("service.log")).unwrap()));
    files.extend(told.into_iter().map(|text| ("an answer".into(), text.into_bytes())));
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, octets)| (path, String::from_utf8_lossy(&octets).into_owned()))
        .collect();
    for (path, content) in &files {
        for secret in SECRETS.iter().chain(&IN_BASE64) {
            assert!(!content.contains(secret), "{} holds {secret}", path.display());
        }
    }
    // It has been looked for in the right places.
    let logged = |name: &str, text: &str| {
        let mut logs = files.iter().filter(|(path, _)| path.to_string_lossy().contains(name));
        assert!(logs.any(|(_, content)| content.contains(text)), "{name} does not hold {text}");
    };
    logged("protocol-log/frontend-", "PASS,*****");
    logged("protocol-log/frontend-", "SCRAM-SHA-256 *****");
    logged("protocol-log/backend-", "PASS,*****");
    logged("protocol-log/backend-", "AUTH,EXTERNAL");
    logged("service.log", "\"message\":\"log-in\"");
}
