use clap::Parser;

use super::*;
use crate::founding;

/// The arguments as they are typed after `mailmedic user`.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    arguments: Arguments,
}

fn installation() -> (tempfile::TempDir, DataDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    init::claim::Claim::take(&data).unwrap();
    founding::write_loopback_configuration(&data, None, &[]).unwrap();
    founding::complete(&data).unwrap();
    (folder, data)
}

fn run(data: &DataDirectory, arguments: &[&str]) -> Outcome {
    Typed::parse_from(["user"].iter().chain(arguments)).arguments.run(data, &shell::Access::default())
}

fn import(data: &DataDirectory, text: &str) -> Outcome {
    let file = data.root().join("users.txt");
    std::fs::write(&file, text).unwrap();
    run(data, &["import", file.to_str().unwrap()])
}

fn names(data: &DataDirectory) -> Vec<String> {
    let users = Site::open(data).unwrap().administration().unwrap().list().unwrap();
    users.iter().map(|user| user.name.to_string()).collect()
}

#[track_caller]
fn refused(outcome: Outcome, with: &str) {
    let Err(Failure::BadInput(text)) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains(with), "{text}");
}

#[test]
fn a_password_on_the_command_line_is_refused_with_the_reason_and_nobody_is_added() {
    let (_folder, data) = installation();
    for arguments in [
        &["add", "user1", "secret"][..],
        &["add", "user1", "--password", "secret"],
        &["add", "user1", "--password=secret", "--password-stdin"],
    ] {
        refused(run(&data, arguments), "can be read by every user of this machine");
    }
    assert!(names(&data).is_empty());
}

#[test]
fn an_import_adds_all_or_none_and_says_which_lines_are_wrong() {
    let (_folder, data) = installation();
    refused(import(&data, "a:pw\nb\nc:pw:DB07\n"), "users.txt:2: there is no password");
    assert!(names(&data).is_empty());
    import(&data, "# two users\na:pw\n\nb:pw:DB01:1 GB\n").unwrap();
    assert_eq!(names(&data), ["a@example.com", "b@example.com"]);
}

#[test]
fn mail_may_be_at_the_end_of_a_third_party_route_but_only_if_that_is_said() {
    let (_folder, data) = installation();
    let route = "\n[[route]]\nname = \"archive\"\nkind = \"pass-through\"\naddress = \"192.0.2.1:110\"\ntls = \"none\"\n";
    let configuration = std::fs::read_to_string(data.configuration()).unwrap() + route;
    std::fs::write(data.configuration(), configuration).unwrap();
    import(&data, "a:pw:archive\nb:pw\nc:pw\n").unwrap();
    let users = Site::open(&data).unwrap().administration().unwrap().list().unwrap();
    let databases: Vec<&str> = users.iter().map(|user| user.database.as_str()).collect();
    assert_eq!(databases, ["archive", "DB01", "DB02"]);
}

#[test]
fn a_mailbox_goes_where_the_fewest_users_are_unless_that_is_said() {
    let (_folder, data) = installation();
    import(&data, "a:pw\nb:pw:DB01\n").unwrap();
    import(&data, "c:pw\nd:pw\ne:pw\n").unwrap();
    let users = Site::open(&data).unwrap().administration().unwrap().list().unwrap();
    let databases: Vec<&str> = users.iter().map(|user| user.database.as_str()).collect();
    // Where both have as many it is the first.
    assert_eq!(databases, ["DB01", "DB01", "DB02", "DB02", "DB01"]);
}

#[test]
fn an_unknown_user_is_answered_with_the_name_that_was_meant() {
    let (_folder, data) = installation();
    import(&data, "user1:pw\n").unwrap();
    refused(run(&data, &["show", "usre1@example.com"]), "did you mean user1@example.com?");
    refused(run(&data, &["remove", "somebody"]), "there is user1@example.com");
}

#[test]
fn an_unknown_database_is_answered_with_the_name_that_was_meant() {
    let (_folder, data) = installation();
    refused(run(&data, &["add", "user1", "--password-stdin", "--database", "DB1"]), "did you mean DB01?");
}

#[test]
fn an_alias_leads_to_its_user_and_is_named_as_one_when_it_is_changed() {
    let (_folder, data) = installation();
    import(&data, "user1:pw\n").unwrap();
    run(&data, &["alias", "add", "user1", "boss"]).unwrap();
    refused(run(&data, &["disable", "boss"]), "boss@example.com is an alias of user1@example.com");
    refused(run(&data, &["add", "boss", "--password-stdin"]), "is an alias of user1@example.com");
    run(&data, &["alias", "remove", "user1", "boss"]).unwrap();
    refused(run(&data, &["show", "boss"]), "there is no user");
}

#[test]
fn the_mail_of_a_removed_user_is_kept_until_it_is_purged() {
    let (_folder, data) = installation();
    import(&data, "user1:pw\nuser2:pw\n").unwrap();
    run(&data, &["remove", "user1"]).unwrap();
    run(&data, &["remove", "user2", "--delete-mail"]).unwrap();
    assert!(names(&data).is_empty());
}
