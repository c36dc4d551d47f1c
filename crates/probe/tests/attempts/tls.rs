//! The handshake: what is wrong with a certificate is told.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use health::{FailureReason, Outcome, Part, Phase};
use net::ServerTls;
use probe::{Attempt, Endpoint, Scenario, Security};

use crate::server::{Scene, Step, greeting, say, serve};
use crate::{LIMIT, failed};

const DAY: Duration = Duration::from_hours(24);

fn valid() -> Range<SystemTime> {
    SystemTime::now() - DAY..SystemTime::now() + DAY
}

fn implicit() -> Vec<Step> {
    [vec![Step::Tls], greeting(), vec![Step::Hear("QUIT"), say("+OK\r\n")]].concat()
}

async fn greet(server: ServerTls, client: &Scene, script: Vec<Step>, stls: bool) -> Attempt {
    let address = serve(vec![script], Some(server)).await;
    let (tls, name) = (client.client(), "mail.example.com".to_owned());
    let security = if stls { Security::StartTls(tls, name) } else { Security::Implicit(tls, name) };
    let endpoint = Endpoint { address: address.into(), security, part: Part::FrontEnd };
    Attempt::pop3(&endpoint, &Scenario::Greet, LIMIT).await
}

#[tokio::test]
async fn a_good_certificate_is_shown() {
    let scene = Scene::new();
    let attempt = greet(scene.serving("mail.example.com", valid()), &scene, implicit(), false).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
    assert!(attempt.certificate.is_some());
    assert_eq!(attempt.handshake.unwrap().version, "TLSv1_3");
}

#[tokio::test]
async fn stls_is_asked_for_and_the_capabilities_are_read_again() {
    let scene = Scene::new();
    let script = [
        vec![say("+OK hello\r\n"), Step::Hear("CAPA"), say("+OK\r\nSTLS\r\n.\r\n")],
        vec![Step::Hear("STLS"), say("+OK\r\n"), Step::Tls],
        vec![Step::Hear("CAPA"), say("+OK\r\nUSER\r\n.\r\n"), Step::Hear("QUIT"), say("+OK\r\n")],
    ];
    let attempt = greet(scene.serving("mail.example.com", valid()), &scene, script.concat(), true).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
    let refused = [
        vec![say("+OK hello\r\n"), Step::Hear("CAPA"), say("+OK\r\n.\r\n")],
        vec![Step::Hear("STLS"), say("-ERR no\r\n")],
    ];
    let attempt = greet(scene.serving("mail.example.com", valid()), &scene, refused.concat(), true).await;
    failed(&attempt, FailureReason::Refused, Phase::Tls);
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let scene = Scene::new();
    let stranger = Scene::new();
    let now = SystemTime::now();
    for (server, words) in [
        (scene.serving("mail.example.com", now - 2 * DAY..now - DAY), "has expired"),
        (scene.serving("mail.example.com", now + DAY..now + 2 * DAY), "is not valid yet"),
        (scene.serving("other.example.com", valid()), "is for another name: other.example.com"),
        (stranger.serving("mail.example.com", valid()), "comes from an unknown authority"),
    ] {
        let attempt = greet(server, &scene, implicit(), false).await;
        failed(&attempt, FailureReason::Certificate, Phase::Tls);
        let detail = attempt.finding.failure.unwrap().detail;
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_fails_the_handshake() {
    let scene = Scene::new();
    let server = scene.serving("mail.example.com", valid());
    let attempt = greet(server, &scene, vec![say("+OK hello\r\n"), Step::Hang], false).await;
    failed(&attempt, FailureReason::TlsHandshake, Phase::Tls);
}
