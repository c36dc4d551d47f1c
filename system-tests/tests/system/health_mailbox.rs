//! The health mailbox of a database, as probes come to it through both tiers.

use std::sync::Arc;

use health_mailbox::{
    HealthKey, HealthMailbox, HealthSecret, PROBE_HEADER, Whose, digest, known_message, whose,
};
use mailbox::MailboxStore as _;
use settings::{DatabaseName, Value as _};
use system_tests::{Client, House, Plan, Settings, Transport, networks, without_trace};

const WRONG: &str = "-ERR [AUTH] Wrong user name or password";
const STRANGER: &str = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n";

fn db01() -> DatabaseName {
    DatabaseName::parse("DB01").unwrap()
}

fn user() -> String {
    HealthMailbox::of(&db01()).user().to_owned()
}

fn secret() -> HealthSecret {
    HealthKey::new([7; 32]).secret(&HealthMailbox::of(&db01()))
}

/// A house whose first database has a health mailbox with the known message in it.
async fn house(change: impl Fn(&mut Settings) + Send + Sync + 'static) -> House {
    let mut house = House::build(Plan { settings: Box::new(change), ..Plan::default() });
    house.administration.provision_health_mailbox(&db01(), &secret()).unwrap();
    house.start_back_end("mbx1").await;
    house.start_front_end().await;
    let store = Arc::clone(&house.back_end().store);
    while store.mailboxes().await.unwrap().iter().map(|mailbox| mailbox.messages).sum::<u64>() == 0 {
        tokio::task::yield_now().await;
    }
    house
}

async fn probe(house: &House) -> Client {
    let mut client = house.client_over(Transport::Tls).await;
    assert_eq!(client.logs_in(&user(), secret().expose()).await, "+OK logged in");
    client
}

async fn introduced(house: &House, header: &str) -> Client {
    let mut client = house.connect_from(60, house.pop3_address()).await;
    client.sends(header.as_bytes()).await;
    client.hears("+OK ").await;
    client
}

#[tokio::test]
async fn a_probe_logs_in_through_both_tiers_and_finds_the_known_message_octet_for_octet() {
    let house = house(|_| ()).await;
    let mut probe = probe(&house).await;
    let known = known_message(&db01());
    assert_eq!(probe.stat().await, (1, known.len()));
    assert_eq!(digest(&probe.retrieves(1).await), digest(&known));
    probe.gets("QUIT").await;
}

#[tokio::test]
async fn a_probe_finds_what_it_has_delivered_and_deletes_it() {
    let house = house(|_| ()).await;
    let message = format!("{PROBE_HEADER}: cas1-17\r\nSubject: probe\r\n\r\n.Hi.\r\n").into_bytes();
    let replies = house.mail_server().await.delivers(&message, &[&user()]).await;
    assert!(replies[0].is_positive(), "{}", replies[0]);
    let mut first = probe(&house).await;
    let found = first.retrieves(2).await;
    assert_eq!(without_trace(&found), message);
    first.gets("TOP 2 0").await;
    assert_eq!(whose(&first.message().await), Whose::Prober("cas1-17"));
    first.gets("DELE 2").await;
    first.gets("QUIT").await;
    assert_eq!(probe(&house).await.stat().await.0, 1);
}

#[tokio::test]
async fn from_elsewhere_a_health_mailbox_is_refused_as_an_unknown_user_is() {
    let house = house(|settings| {
        settings.peers.proxy_protocol = networks(&settings.at(60).to_string());
        settings.log_in.failed_log_in_limit = 100;
    })
    .await;
    let mut answers = Vec::new();
    // A client of which the proxy knows nothing may be anybody.
    for header in [STRANGER, "PROXY UNKNOWN\r\n"] {
        for user in [user(), "nobody@example.com".to_owned()] {
            let mut client = introduced(&house, header).await;
            client.gets("STLS").await;
            client.starts_tls(house.client_tls(), "cas1").await;
            answers.push(client.logs_in(&user, secret().expose()).await);
        }
    }
    assert_eq!(answers, [WRONG; 4]);
    let server = house.addresses.at(22);
    let mut client = introduced(&house, &format!("PROXY TCP4 {server} {server} 4711 110\r\n")).await;
    assert_eq!(client.logs_in(&user(), secret().expose()).await, "+OK logged in");
}

#[tokio::test]
async fn the_back_end_looks_at_the_address_again_that_the_front_end_tells() {
    let house = house(|_| ()).await;
    let node = house.node_tls("cas1").client();
    let (user, mut answers) = (user(), Vec::new());
    for address in ["192.0.2.7", "127.0.0.1"] {
        let mut client = house.at_inner_door(&node).await;
        client.gets(&format!("XCLIENT ADDR={address} PORT=4711")).await;
        answers.push(client.asks(&format!("AUTH EXTERNAL {}", base64(&user))).await);
    }
    assert_eq!(answers, [WRONG, "+OK logged in"]);
}

/// RFC 4648, for the few octets of a name.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for octets in text.as_bytes().chunks(3) {
        let bits = octets.iter().fold(0_usize, |bits, octet| bits << 8 | usize::from(*octet));
        let bits = bits << (8 * (3 - octets.len()));
        for place in 0..4 {
            let is_there = place <= octets.len();
            let digit = ALPHABET[bits >> (18 - 6 * place) & 63];
            encoded.push(if is_there { char::from(digit) } else { '=' });
        }
    }
    encoded
}

#[tokio::test]
async fn neither_the_lock_nor_the_limit_of_sessions_holds_for_a_health_mailbox() {
    let house = house(|settings| {
        settings.session.exclusive_maildrop_lock = true;
        settings.pop.max_connections_per_user = 1;
    })
    .await;
    let mut probes = Vec::new();
    for _ in 0..3 {
        probes.push(probe(&house).await);
    }
    for probe in &mut probes {
        assert_eq!(probe.stat().await.0, 1);
    }
    house.back_end().change(|settings| settings.session.exclusive_maildrop_lock = false);
    assert_eq!(probe(&house).await.stat().await.0, 1);
}

#[tokio::test]
async fn no_quota_holds_for_a_health_mailbox() {
    let limit = settings::SizeLimit::AtMost(settings::Size::octets(1000));
    let house = house(move |settings| settings.delivery.default_quota = limit).await;
    let replies = house.mail_server().await.delivers(&b"x".repeat(5000), &[&user()]).await;
    assert!(replies[0].is_positive(), "{}", replies[0]);
}

#[tokio::test]
async fn a_probe_is_let_in_while_guessers_at_its_address_are_kept_waiting() {
    let house = house(|settings| settings.log_in.failed_log_in_limit = 2).await;
    for _ in 0..2 {
        let mut guesser = house.client().await;
        assert_eq!(guesser.logs_in("user1@example.com", "guess").await, WRONG);
    }
    let refused = house.client().await.logs_in("user1@example.com", "secret").await;
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
    probe(&house).await.gets("QUIT").await;
    // Nor does the probe pardon the guesser.
    let refused = house.client().await.logs_in("user1@example.com", "secret").await;
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
}

#[tokio::test]
async fn a_probe_with_a_wrong_secret_is_told_what_everybody_is_told() {
    let mut house = house(|_| ()).await;
    let mut client = house.client().await;
    assert_eq!(client.logs_in(&user(), "wrong").await, WRONG);
    let other = HealthKey::new([8; 32]).secret(&HealthMailbox::of(&db01()));
    house.administration.reset_health_mailbox(&db01(), &other).unwrap();
    assert_eq!(client.logs_in(&user(), secret().expose()).await, WRONG);
    assert_eq!(client.logs_in(&user(), other.expose()).await, "+OK logged in");
}

#[tokio::test]
async fn a_probe_is_kept_in_the_ring_of_sessions_though_the_log_is_off() {
    let house = house(|settings| settings.pop.protocol_log_enabled = false).await;
    probe(&house).await.gets("QUIT").await;
    house.logged_in("user1@example.com").await.gets("QUIT").await;
    let kept = |service: &service::Service| {
        let find = |id| service.ring.find(id).into_iter();
        let mut kept: Vec<_> = service.ring.ids().into_iter().flat_map(find).map(|kept| kept.user).collect();
        kept.dedup();
        kept
    };
    for service in [house.front_end().service(), house.back_end().service()] {
        assert_eq!(kept(service), [user()], "{}", service.name);
    }
}
