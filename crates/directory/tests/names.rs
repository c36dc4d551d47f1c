//! Names of users and addresses of recipients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use directory::{
    Administration, Hashing, Name, NameError, Password, Realm, Recipient, SqliteDirectory, SqliteSettings,
    administration::{AdministrationSettings, NewUser, Secret},
};
use proptest::prelude::*;
use settings::{RecipientDelimiter, Value as _};

fn realm() -> Realm {
    Realm::parse("example.com").unwrap()
}

fn name(text: &str) -> Result<String, NameError> {
    Name::parse(text, &realm()).map(|name| name.to_string())
}

fn plus() -> RecipientDelimiter {
    RecipientDelimiter::parse("+").unwrap()
}

#[test]
fn names_are_lower_cased_and_get_the_default_realm() {
    assert_eq!(name("Anna").unwrap(), "anna@example.com");
    assert_eq!(name("Anna.Maria_2@Mail.Example.ORG").unwrap(), "anna.maria_2@mail.example.org");
    let name = Name::parse("Anna@example.org", &realm()).unwrap();
    assert_eq!((name.local(), name.realm(), name.as_str()), ("anna", "example.org", "anna@example.org"));
}

#[test]
fn cr_lf_and_nul_are_refused_wherever_they_stand() {
    for character in ['\r', '\n', '\0', ' ', '\t', '\u{7f}', '\u{85}'] {
        for text in [format!("{character}anna"), format!("an{character}na"), format!("anna{character}")] {
            assert_eq!(name(&text), Err(NameError::Character), "{text:?}");
            let address = Recipient::parse(&text, &realm(), Some(plus()));
            assert_eq!(address, Err(NameError::Character), "{text:?}");
            let with_detail = Recipient::parse(&format!("anna+{text}"), &realm(), Some(plus()));
            assert_eq!(with_detail, Err(NameError::Character), "{text:?}");
        }
        assert_eq!(name(&format!("anna@example.com{character}")), Err(NameError::Realm));
    }
}

#[test]
fn what_could_be_mistaken_for_something_else_is_refused() {
    let refused = [
        ("", NameError::Empty),
        ("@example.com", NameError::Empty),
        ("-rf", NameError::Punctuation),
        ("..", NameError::Punctuation),
        (".anna", NameError::Punctuation),
        ("anna.", NameError::Punctuation),
        ("an..na", NameError::Punctuation),
        ("a/b", NameError::Character),
        ("a:b", NameError::Character),
        ("a@b@example.com", NameError::Character),
        ("\"anna\"", NameError::Character),
        ("<anna>", NameError::Character),
        ("änna", NameError::Character),
        ("anna@", NameError::Realm),
        ("anna@-example.com", NameError::Realm),
        ("anna@example-.com", NameError::Realm),
        ("anna@example..com", NameError::Realm),
        ("anna@example.com.", NameError::Realm),
        ("anna@exämple.com", NameError::Realm),
        ("anna@exa_mple.com", NameError::Realm),
    ];
    for (text, error) in refused {
        assert_eq!(name(text), Err(error), "{text:?}");
    }
}

#[test]
fn lengths_are_bounded_as_in_rfc_5321() {
    let local = |length: usize| "x".repeat(length);
    let realm = |length: usize| "y".repeat(length);
    assert!(name(&local(64)).is_ok());
    assert_eq!(name(&local(65)), Err(NameError::TooLong));
    assert!(name(&format!("x@{}", realm(63))).is_ok());
    assert_eq!(name(&format!("x@{}", realm(64))), Err(NameError::Realm));
    let long = format!("{0}.{0}.{0}", realm(63));
    assert!(name(&format!("{}@{long}", local(62))).is_ok());
    assert_eq!(name(&format!("{}@{long}", local(63))), Err(NameError::TooLong));
    assert_eq!(name(&format!("x@{long}.{long}")), Err(NameError::TooLong));
}

#[test]
fn a_text_without_realm_is_no_whole_name() {
    assert_eq!("anna".parse::<Name>(), Err(NameError::Realm));
    assert_eq!("Anna@example.com".parse::<Name>().unwrap().as_str(), "anna@example.com");
}

#[test]
fn the_default_realm_of_the_settings_is_a_realm() {
    let host = settings::HostName::parse("Mail.Example.com").unwrap();
    assert_eq!(Realm::from(&host), Realm::parse("mail.example.com").unwrap());
}

#[test]
fn a_detail_is_kept_apart_from_the_name() {
    let names = |text: &str| -> Vec<String> {
        Recipient::parse(text, &realm(), Some(plus())).unwrap().names().map(ToString::to_string).collect()
    };
    assert_eq!(names("Anna"), ["anna@example.com"]);
    assert_eq!(names("Anna+Lists@Example.org"), ["anna+lists@example.org", "anna@example.org"]);
    assert_eq!(names("anna+a+b"), ["anna+a+b@example.com", "anna@example.com"]);
    assert_eq!(names("+anna"), ["+anna@example.com"]);
    // What no name has, a detail may have.
    assert_eq!(names("anna+a/b=c:d"), ["anna@example.com"]);
    assert_eq!(names("anna+"), ["anna+@example.com", "anna@example.com"]);

    let detail =
        |text: &str| Recipient::parse(text, &realm(), Some(plus())).unwrap().detail().map(str::to_owned);
    assert_eq!(detail("anna+Lists+x@example.org").as_deref(), Some("Lists+x"));
    assert_eq!(detail("anna+").as_deref(), Some(""));
    assert_eq!(detail("anna"), None);
    assert_eq!(detail("+anna"), None);
}

#[test]
fn the_delimiter_is_the_one_of_the_settings() {
    let names = |text: &str, delimiter: Option<RecipientDelimiter>| -> Vec<String> {
        let recipient = Recipient::parse(text, &realm(), delimiter).unwrap();
        recipient.names().map(ToString::to_string).collect()
    };
    let hyphen = Some(RecipientDelimiter::parse("-").unwrap());
    assert_eq!(names("anna-maria", hyphen), ["anna-maria@example.com", "anna@example.com"]);
    assert_eq!(names("anna+lists", hyphen), ["anna+lists@example.com"]);
    assert_eq!(names("anna+lists", None), ["anna+lists@example.com"]);
    assert_eq!(Recipient::parse("anna+a/b", &realm(), None), Err(NameError::Character));
}

#[tokio::test]
async fn a_user_called_like_the_whole_address_gets_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.sqlite");
    let settings = AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false };
    let mut administration = Administration::open(&path, settings).unwrap();
    for name in ["anna@example.com", "anna+boss@example.com"] {
        let secret = Secret::Password(Password::new("secret"));
        let database = settings::DatabaseName::parse("DB01").unwrap();
        administration.add(&NewUser { name: name.parse().unwrap(), secret, database, quota: None }).unwrap();
    }
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let found = async |text: &str| {
        let recipient = Recipient::parse(text, &realm(), Some(plus())).unwrap();
        recipient.find(&directory).await.unwrap().map(|user| user.name.to_string())
    };
    assert_eq!(found("anna+lists").await.as_deref(), Some("anna@example.com"));
    assert_eq!(found("anna+boss").await.as_deref(), Some("anna+boss@example.com"));
    assert_eq!(found("otto+boss").await, None);
}

proptest! {
    #[test]
    fn any_text_is_refused_or_becomes_a_name_that_reads_as_itself(text in "\\PC{0,80}|[a-zA-Z0-9.@+-]{0,80}") {
        if let Ok(name) = Name::parse(&text, &realm()) {
            prop_assert!(name.as_str().len() <= 254);
            prop_assert!(name.as_str().bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
            prop_assert!(!name.as_str().contains(['/', ':', '"', '<', '>', '\\']));
            prop_assert!(!name.as_str().starts_with(['-', '.', '@']));
            prop_assert_eq!(format!("{}@{}", name.local(), name.realm()), name.as_str());
            prop_assert_eq!(name.as_str().parse::<Name>().unwrap(), name.clone());
            prop_assert_eq!(Name::parse(name.as_str(), &Realm::parse("example.org").unwrap()).unwrap(), name);
        }
    }

    #[test]
    fn any_bytes_that_are_text_are_refused_or_become_a_recipient(text in any::<String>()) {
        if let Ok(recipient) = Recipient::parse(&text, &realm(), Some(plus())) {
            prop_assert!(recipient.names().count() > 0);
            prop_assert!(!text.contains(['\r', '\n', '\0']));
        }
    }

    #[test]
    fn every_plain_name_is_a_name(local in "[a-z0-9][a-z0-9_-]{0,30}(\\.[a-z0-9_-]{1,10}){0,2}", realm in "[a-z0-9]{1,20}(\\.[a-z]{2,8}){1,3}") {
        let text = format!("{local}@{realm}");
        prop_assert_eq!(text.parse::<Name>().unwrap().to_string(), text.as_str());
        prop_assert_eq!(text.to_ascii_uppercase().parse::<Name>().unwrap().to_string(), text.as_str());
    }
}
