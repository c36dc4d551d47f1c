//! Real clients, as Debian has them, fetch real mail: in the clear, over STLS and over TLS, what each of them can.
//!
//! What a client files away is compared, octet by octet, with what was delivered. Each client runs as an ordinary user
//! with a home of its own.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod curl;
mod fetchmail;
mod getmail;
mod home;
mod mpop;
mod mutt;
mod poplib;
mod s_nail;

use std::net::SocketAddr;

use real_tests::program::Ran;
use real_tests::random::Random;
use real_tests::{Installation, LmtpClient, Preparation, mail};

use curl::Curl;
use fetchmail::Fetchmail;
use getmail::Getmail;
use home::Home;
use mpop::Mpop;
use mutt::Mutt;
use poplib::Poplib;
use s_nail::SNail;

const USER: &str = "user1";
const PASSWORD: &str = "secret";

/// How a client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Plain,
    Stls,
    Tls,
}

/// What a client is to do.
struct Errand<'a> {
    home: &'a Home,
    server: SocketAddr,
    door: Door,
    password: &'a str,
    /// Whether mail is deleted once it is fetched.
    delete: bool,
    /// A folder for what is fetched, below the home.
    inbox: &'a str,
    /// How much mail there is, for clients that do not look.
    count: usize,
}

impl Errand<'_> {
    /// A word for each kind of door.
    fn by_door<'a>(&self, plain: &'a str, stls: &'a str, tls: &'a str) -> &'a str {
        match self.door {
            Door::Plain => plain,
            Door::Stls => stls,
            Door::Tls => tls,
        }
    }
}

/// A program that fetches mail.
trait Client {
    /// Runs it. It files every message into a file of its own in the inbox.
    fn run(&self, errand: &Errand<'_>) -> Ran;

    /// How it ends, and what it says, when the password is wrong.
    fn refusal(&self) -> (i32, &str);

    /// How it ends when there is nothing new.
    fn nothing_new(&self) -> i32 {
        0
    }

    /// Whether it keeps the ends of lines as they are on the wire; else they are those of files.
    fn keeps_line_ends(&self) -> bool {
        false
    }
}

/// A user with mail, and a client that is after it.
struct Scene<'a> {
    client: &'a dyn Client,
    installation: Installation,
    home: Home,
    random: Random,
    sent: Vec<Vec<u8>>,
    inboxes: usize,
}

impl<'a> Scene<'a> {
    fn new(client: &'a dyn Client) -> Self {
        let installation = Preparation::new().start();
        installation.add_users(&[USER], PASSWORD);
        let home = Home::new(&installation.ca());
        Self { client, installation, home, random: Random::for_test(), sent: Vec::new(), inboxes: 0 }
    }

    /// Messages of these sizes arrive.
    fn deliver(&mut self, sizes: &[usize]) {
        let mut lmtp = LmtpClient::connect(self.installation.lmtp()).unwrap();
        for size in sizes {
            let message = mail::message(&format!("m{}", self.sent.len()), *size, &mut self.random);
            assert!(lmtp.deliver(&["user1@example.com"], &message)[0].is_accepted());
            self.sent.push(message);
        }
    }

    /// What is in the maildrop, which is what was sent.
    fn in_the_maildrop(&self) -> Vec<Vec<u8>> {
        let mail = self.installation.mail_of(USER, PASSWORD);
        for message in &mail {
            assert!(self.sent.iter().any(|sent| mail::is_intact(message, sent)));
        }
        mail
    }

    /// Sends the client; how it ended and what it filed away.
    fn send(&mut self, door: Door, password: &str, delete: bool) -> (Ran, Vec<Vec<u8>>) {
        self.inboxes += 1;
        let inbox = format!("inbox-{}", self.inboxes);
        self.home.folder(&inbox);
        let errand = Errand {
            home: &self.home,
            server: if door == Door::Tls { self.installation.pop3s() } else { self.installation.pop3() },
            door,
            password,
            delete,
            inbox: &inbox,
            count: self.sent.len(),
        };
        (self.client.run(&errand), self.home.files_below(&inbox))
    }

    /// Sends the client, which comes back with exactly these messages.
    #[track_caller]
    fn fetches(&mut self, door: Door, delete: bool, expected: &[Vec<u8>]) {
        let (ran, fetched) = self.send(door, PASSWORD, delete);
        let said = ran.everything();
        assert_eq!(ran.code, if expected.is_empty() { self.client.nothing_new() } else { 0 }, "{said}");
        assert_eq!(fetched.len(), expected.len(), "{said}");
        let as_filed = |message: &Vec<u8>| {
            if self.client.keeps_line_ends() { message.clone() } else { mail::as_file(message) }
        };
        let mut expected: Vec<_> = expected.iter().map(as_filed).collect();
        expected.sort();
        for (fetched, expected) in fetched.iter().zip(&expected) {
            let [shown, wanted] = [fetched, expected].map(|mail| String::from_utf8_lossy(mail));
            assert!(fetched == expected, "fetched:\n{shown}\nexpected:\n{wanted}");
        }
    }
}

/// Messages of everyday sizes, one of them empty but for its header.
const SIZES: [usize; 4] = [2_000, 0, 40_000, 300];

fn keeps(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&SIZES);
    let mail = scene.in_the_maildrop();
    scene.fetches(door, false, &mail);
    assert_eq!(scene.in_the_maildrop(), mail);
}

fn deletes(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&SIZES);
    let mail = scene.in_the_maildrop();
    scene.fetches(door, true, &mail);
    assert_eq!(scene.in_the_maildrop(), Vec::<Vec<u8>>::new());
}

fn fetches_five_megabytes(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&[500, 5_000_000, 500]);
    let mail = scene.in_the_maildrop();
    scene.fetches(door, true, &mail);
    assert_eq!(scene.in_the_maildrop(), Vec::<Vec<u8>>::new());
}

fn fetches_many_at_once(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&[1_000; 60]);
    let mail = scene.in_the_maildrop();
    scene.fetches(door, true, &mail);
    assert_eq!(scene.in_the_maildrop(), Vec::<Vec<u8>>::new());
}

fn fetches_only_what_is_new(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&SIZES);
    let mail = scene.in_the_maildrop();
    scene.fetches(door, false, &mail);
    scene.fetches(door, false, &[]);
    scene.deliver(&[1_000]);
    // UIDLs are the same after a restart.
    scene.installation.stop();
    scene.installation.start();
    let new = scene.in_the_maildrop().split_off(mail.len());
    scene.fetches(door, false, &new);
}

fn is_told_that_the_password_is_wrong(client: &dyn Client, door: Door) {
    let mut scene = Scene::new(client);
    scene.deliver(&[1_000]);
    let (ran, fetched) = scene.send(door, "wrong", true);
    let (code, words) = client.refusal();
    let said = ran.failed_with(code);
    assert!(said.contains(words), "{words} is not in {said}");
    assert_eq!(fetched, Vec::<Vec<u8>>::new());
    assert_eq!(scene.in_the_maildrop().len(), 1);
}

macro_rules! matrix {
    ($($client:expr => { $($name:ident: $what:ident, $door:expr;)* })*) => {
        $($(#[test] fn $name() { $what(&$client, $door); })*)*
    };
}

matrix! {
    Curl => {
        curl_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        curl_fetches_and_keeps_over_stls: keeps, Door::Stls;
        curl_fetches_and_keeps_over_tls: keeps, Door::Tls;
        curl_deletes_over_stls: deletes, Door::Stls;
        curl_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        curl_fetches_many_over_one_connection: fetches_many_at_once, Door::Tls;
        curl_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Plain;
    }
    Fetchmail => {
        fetchmail_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        fetchmail_fetches_and_keeps_over_stls: keeps, Door::Stls;
        fetchmail_fetches_and_keeps_over_tls: keeps, Door::Tls;
        fetchmail_fetches_and_deletes_over_stls: deletes, Door::Stls;
        fetchmail_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        fetchmail_fetches_only_what_is_new: fetches_only_what_is_new, Door::Stls;
        fetchmail_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Tls;
    }
    Getmail => {
        getmail_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        getmail_fetches_and_keeps_over_tls: keeps, Door::Tls;
        getmail_fetches_and_deletes_over_tls: deletes, Door::Tls;
        getmail_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        getmail_fetches_only_what_is_new: fetches_only_what_is_new, Door::Plain;
        getmail_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Plain;
    }
    Mpop => {
        mpop_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        mpop_fetches_and_keeps_over_stls: keeps, Door::Stls;
        mpop_fetches_and_keeps_over_tls: keeps, Door::Tls;
        mpop_fetches_and_deletes_over_stls: deletes, Door::Stls;
        mpop_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        mpop_pipelines_its_commands: fetches_many_at_once, Door::Stls;
        mpop_fetches_only_what_is_new: fetches_only_what_is_new, Door::Tls;
        mpop_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Stls;
    }
    Mutt => {
        mutt_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        mutt_fetches_and_keeps_over_stls: keeps, Door::Stls;
        mutt_fetches_and_keeps_over_tls: keeps, Door::Tls;
        mutt_fetches_and_deletes_over_stls: deletes, Door::Stls;
        mutt_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        mutt_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Plain;
    }
    Poplib => {
        poplib_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        poplib_fetches_and_keeps_over_stls: keeps, Door::Stls;
        poplib_fetches_and_keeps_over_tls: keeps, Door::Tls;
        poplib_fetches_and_deletes_over_stls: deletes, Door::Stls;
        poplib_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        poplib_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Stls;
    }
    SNail => {
        s_nail_fetches_and_keeps_in_the_clear: keeps, Door::Plain;
        s_nail_fetches_and_keeps_over_stls: keeps, Door::Stls;
        s_nail_fetches_and_keeps_over_tls: keeps, Door::Tls;
        s_nail_fetches_and_deletes_over_stls: deletes, Door::Stls;
        s_nail_fetches_five_megabytes_over_tls: fetches_five_megabytes, Door::Tls;
        s_nail_is_told_that_the_password_is_wrong: is_told_that_the_password_is_wrong, Door::Plain;
    }
}
