use clap::Parser;

use super::*;

#[derive(Parser, Debug)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn parse(words: &[&str]) -> Result<Arguments, String> {
    let words = std::iter::once("token").chain(words.iter().copied());
    Line::try_parse_from(words).map(|line| line.arguments).map_err(|error| error.to_string())
}

fn added(words: &[&str]) -> Add {
    match parse(words).unwrap().command {
        Command::Add(add) => add,
        other => panic!("{other:?}"),
    }
}

fn file(folder: &tempfile::TempDir) -> TokenFile {
    TokenFile::new(folder.path().join("api-tokens"))
}

#[test]
fn a_role_that_is_misspelt_is_told_with_the_nearest() {
    let told = parse(&["add", "ann", "--role", "oprator"]).unwrap_err();
    assert!(told.contains("did you mean operator?"), "{told}");
    let told = parse(&["add", "ann", "--role", "emperor"]).unwrap_err();
    assert!(told.contains("viewer, operator, administrator"), "{told}");
    assert!(parse(&["add", "ann"]).is_err());
    assert!(parse(&["add", "two words", "--role", "viewer"]).is_err());
}

#[test]
fn a_token_lives_as_long_as_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-11-25T20:00:00.5Z".parse().unwrap();
    add(&added(&["add", "ann", "--role", "viewer", "--expires", "90d"]), &file(&folder), now).unwrap();
    let (entries, _) = file(&folder).read().unwrap();
    assert_eq!(entries[0].expires, Some("2027-02-23T20:00:00Z".parse().unwrap()));
    for never in ["0 s", "100000000000 d"] {
        let refused =
            add(&added(&["add", "bob", "--role", "viewer", "--expires", never]), &file(&folder), now);
        assert!(matches!(refused, Err(Failure::BadInput(_))), "{never}: {refused:?}");
    }
}

#[test]
fn a_name_that_has_a_token_gets_another_only_if_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let again = |words: &[&str]| add(&added(words), &file(&folder), Timestamp::now());
    again(&["add", "ann", "--role", "viewer"]).unwrap();
    let refused = again(&["add", "ann", "--role", "operator"]);
    assert!(matches!(refused, Err(Failure::BadInput(text)) if text.contains("--replace")));
    again(&["add", "ann", "--role", "operator", "--replace"]).unwrap();
    assert_eq!(file(&folder).read().unwrap().0[0].role, Role::Operator);
}

#[test]
fn a_token_that_is_not_there_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    add(&added(&["add", "backup", "--role", "viewer"]), &file(&folder), Timestamp::now()).unwrap();
    let refused = remove("bakcup", &file(&folder));
    assert!(matches!(refused, Err(Failure::BadInput(text)) if text.contains("did you mean backup?")));
    remove("backup", &file(&folder)).unwrap();
}
