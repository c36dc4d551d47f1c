use super::*;

/// Hashes made by other systems: the tool, the password, the hash.
const FIXTURES: &str = include_str!("../../tests/fixtures/hashes.tsv");

fn fixtures() -> impl Iterator<Item = (&'static str, Password, &'static str)> {
    FIXTURES.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        let [tool, password, hash] = fields[..] else { panic!("a fixture has three fields: {line}") };
        (tool, Password::new(password), hash)
    })
}

#[test]
fn hashes_of_other_systems_are_verified() {
    let mut schemes = std::collections::BTreeSet::new();
    for (tool, password, hash) in fixtures() {
        let credential = Credential::parse(hash).unwrap_or_else(|error| panic!("{tool}: {error}"));
        assert!(credential.verify(&password), "{tool}: {hash}");
        assert!(!credential.verify(&Password::new("wrong")), "{tool}: {hash}");
        schemes.insert(credential.scheme());
    }
    assert_eq!(Vec::from_iter(schemes), ["ARGON2ID", "BLF-CRYPT", "SHA512-CRYPT"]);
}

#[test]
fn what_is_exposed_is_read_back_as_the_same() {
    for (tool, _, hash) in fixtures() {
        let credential = Credential::parse(hash).unwrap();
        assert_eq!(Credential::parse(credential.expose()).unwrap(), credential, "{tool}");
        assert!(credential.expose().ends_with(&hash[hash.find('$').unwrap()..]), "{tool}");
    }
}

#[test]
fn new_hashes_are_argon2id_with_a_salt_of_their_own() {
    let password = Password::new("secret");
    let one = Credential::new(&password, Hashing::RECOMMENDED).unwrap();
    let other = Credential::new(&password, Hashing::CHEAPEST).unwrap();
    assert!(one.expose().starts_with("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(other.expose().starts_with("{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$"));
    assert!(one.verify(&password) && other.verify(&password));
    assert_ne!(Credential::new(&password, Hashing::CHEAPEST).unwrap(), other);
}

#[test]
fn weaker_and_foreign_hashes_are_outdated_and_stronger_ones_are_not() {
    let password = Password::new("secret");
    let hashing = Hashing { memory: 16, passes: 2, parallelism: 1 };
    let outdated = |memory, passes| {
        let credential = Credential::new(&password, Hashing { memory, passes, parallelism: 1 }).unwrap();
        credential.is_outdated(hashing)
    };
    assert!(!outdated(16, 2));
    assert!(!outdated(32, 1));
    assert!(outdated(16, 1));
    assert!(outdated(8, 4));
    let foreign = fixtures().filter_map(|(_, _, hash)| Credential::parse(hash).ok());
    for credential in foreign.filter(|credential| credential.scheme() != "ARGON2ID") {
        assert!(credential.is_outdated(Hashing::CHEAPEST));
    }
}

#[test]
fn unknown_schemes_are_named_in_the_error() {
    let error = |text: &str| Credential::parse(text).unwrap_err().to_string();
    assert_eq!(
        error("{SSHA}qnBTgJdNeuzKVe4SkiREsyhB"),
        "SSHA is not supported: {ARGON2ID}, {SHA512-CRYPT} and {BLF-CRYPT} are"
    );
    assert!(
        error("$y$j9T$/q32YQEqKYUJHiITmkWB00$R.k5A08").starts_with("a yescrypt hash ($y$) is not supported")
    );
    assert!(error("$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$6r67").starts_with("an argon2i hash"));
}

#[test]
fn what_may_be_a_password_is_not_in_the_error() {
    for text in
        ["{hunter2}hunter2", "hunter2", "{hunter2", "$hunter2$", "{ARGON2ID}hunter2", "{CRYPT}hunter2"]
    {
        let error = Credential::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn malformed_hashes_are_refused() {
    let malformed = [
        "{ARGON2ID}$6$abc$dv7v",
        "{ARGON2ID}$argon2id$v=19$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0",
        "{ARGON2ID}$argon2id$v=18$m=1024,t=2,p=2$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
        "{ARGON2ID}$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$6r67VUwFlwgxyd/wk8105OEw1SW080CjOSYO5h7rHHg",
        "{SHA512-CRYPT}$6$abc$tooshort",
        "{SHA512-CRYPT}$6$rounds=many$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.",
        "{SHA512-CRYPT}$6$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.$x",
        "{BLF-CRYPT}$2y$05$QuCETIgVMLcd5tcQkIy12uLjdy2fibK3QtbfGwCbQr/I.3UvGPCE",
        "{BLF-CRYPT}$2x$05$QuCETIgVMLcd5tcQkIy12uLjdy2fibK3QtbfGwCbQr/I.3UvGPCEO",
        "{BLF-CRYPT}$2y$03$QuCETIgVMLcd5tcQkIy12uLjdy2fibK3QtbfGwCbQr/I.3UvGPCEO",
    ];
    for text in malformed {
        assert!(matches!(Credential::parse(text), Err(CredentialError::Malformed { .. })), "{text}");
    }
}

#[test]
fn hashes_that_would_starve_others_are_refused() {
    let too_costly = [
        "$argon2id$v=19$m=1048576,t=4,p=1$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
        "$argon2id$v=19$m=1024,t=11,p=1$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
        "$argon2id$v=19$m=1024,t=1,p=17$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuSh+G60VnJQ8/VSJ/sz2V2m1c",
        "$6$rounds=999999999$abc$dv7vAygfDghQeO8lNAuLv4y4HAQXw9d6a14dcjFGfTijFc0S6MgzM7g53hZv6MaGDXhNpGxhpXakWuTlqHtzn.",
        "$2y$31$QuCETIgVMLcd5tcQkIy12uLjdy2fibK3QtbfGwCbQr/I.3UvGPCEO",
    ];
    for text in too_costly {
        assert!(matches!(Credential::parse(text), Err(CredentialError::TooCostly { .. })), "{text}");
    }
}

#[test]
fn a_password_that_cannot_be_set_never_matches() {
    let long = Password::new(vec![b'x'; 506]);
    assert!(!Credential::new(&long, Hashing::CHEAPEST).unwrap().verify(&long));
    let empty = Password::new("");
    assert!(!Credential::new(&empty, Hashing::CHEAPEST).unwrap().verify(&empty));
    // bcrypt ends at a NUL, so that "secret" and "secret\0secret" are the same to it.
    let credential = Credential::parse(&bcrypt::hash("secret", 4).unwrap()).unwrap();
    assert!(credential.verify(&Password::new("secret")));
    assert!(!credential.verify(&Password::new("secret\0secret")));
}

#[test]
fn neither_password_nor_hash_is_shown() {
    let password = Password::new("hunter2");
    let credential = Credential::new(&password, Hashing::CHEAPEST).unwrap();
    let keys = ScramKeys::derive(&password).unwrap();
    let shown = format!("{password:?} {credential:?} {keys:?}");
    assert_eq!(shown, "Password(..) Credential({ARGON2ID}..) Some(ScramKeys(4096 iterations, ..))");
}
