use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;

// `printf secret | sha256sum`
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn found(text: &str, token: &str) -> Option<(String, Role)> {
    find(text, token).map(|entry| (entry.name, entry.role))
}

fn name(text: &str) -> TokenName {
    TokenName::parse(text).unwrap()
}

fn now() -> Timestamp {
    "2026-11-25T20:00:00Z".parse().unwrap()
}

#[test]
fn a_token_lets_in_whoever_its_line_names() {
    let text = format!("# people\n\nann operator {SECRET}\nbob viewer {}\n", "0".repeat(64));
    assert_eq!(found(&text, "secret"), Some(("ann".into(), Role::Operator)));
    assert_eq!(found(&text, "Secret"), None);
    assert_eq!(found(&text, ""), None);
}

#[test]
fn a_broken_line_lets_nobody_in_and_hides_no_other() {
    let text = format!("ann {SECRET}\nann emperor {SECRET}\nann viewer {SECRET} soon\nbob viewer {SECRET}\n");
    assert_eq!(found(&text, "secret"), Some(("bob".into(), Role::Viewer)));
    let broken: Vec<_> = lines(&text).filter_map(Result::err).map(|line| line.number).collect();
    assert_eq!(broken, [1, 2, 3]);
}

#[test]
fn without_a_file_nobody_is_let_in() {
    let problem = TokenFile::new("/nonexistent/tokens").caller("secret", now()).unwrap_err();
    assert_eq!(problem.kind, Kind::Unauthenticated);
}

#[test]
fn a_token_that_was_added_lets_in_until_its_life_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("api-tokens"));
    let for_ever = file.add(&name("ann"), Role::Operator, None, false).unwrap();
    let expires = now() + Duration::from_mins(1);
    let brief = file.add(&name("bob"), Role::Viewer, Some(expires), false).unwrap();
    assert_eq!(file.caller(&for_ever, now()), Ok(Caller { name: "ann".into(), role: Role::Operator }));
    assert!(file.caller(&brief, now()).is_ok());
    let problem = file.caller(&brief, expires).unwrap_err();
    assert_eq!(problem.kind, Kind::Unauthenticated);
    assert!(problem.detail.contains("token of bob ended"), "{problem}");
}

#[test]
fn the_file_is_for_its_owner_alone_and_never_holds_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("api-tokens"));
    fs::write(file.path(), "").unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let token = file.add(&name("ann"), Role::Viewer, None, false).unwrap();
    let mode = fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!fs::read_to_string(file.path()).unwrap().contains(&token));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_name_has_one_token_until_it_is_replaced_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("api-tokens"));
    let first = file.add(&name("ann"), Role::Viewer, None, false).unwrap();
    let taken = file.add(&name("ann"), Role::Operator, None, false).unwrap_err();
    assert!(matches!(taken, ChangeError::Taken { name } if name == "ann"));
    let second = file.add(&name("ann"), Role::Operator, None, true).unwrap();
    assert!(file.caller(&first, now()).is_err());
    assert_eq!(file.caller(&second, now()).unwrap().role, Role::Operator);
    assert!(file.remove("ann").unwrap());
    assert!(!file.remove("ann").unwrap());
    assert!(file.caller(&second, now()).is_err());
}

#[test]
fn what_somebody_wrote_by_hand_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("api-tokens"));
    let written = format!("# people\n\nann operator {SECRET}\nnonsense\n# last");
    fs::write(file.path(), &written).unwrap();
    file.add(&name("bob"), Role::Viewer, None, false).unwrap();
    assert!(file.remove("bob").unwrap());
    assert_eq!(fs::read_to_string(file.path()).unwrap(), format!("{written}\n"));
    let (entries, broken) = file.read().unwrap();
    assert_eq!((entries.len(), broken.len()), (1, 1));
}

#[test]
fn tokens_made_at_the_same_time_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("api-tokens"));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || file.add(&name(&format!("t{number}")), Role::Viewer, None, false).unwrap());
        }
    });
    assert_eq!(file.read().unwrap().0.len(), 8);
}

#[test]
fn a_name_that_would_spoil_the_file_is_refused() {
    for bad in ["", "two words", "#ann", "a\nb", &"x".repeat(65)] {
        assert_eq!(TokenName::parse(bad), Err(NotAName), "{bad:?}");
    }
    assert!(TokenName::parse("ann@example.com").is_ok());
}
