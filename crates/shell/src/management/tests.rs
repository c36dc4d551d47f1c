use super::completion::complete;
use super::*;

#[test]
fn a_command_is_completed_at_the_beginning_and_behind_a_pipe() {
    assert_eq!(complete("get-mailboxs"), (0, vec!["Get-MailboxServer".to_owned()]));
    assert_eq!(complete("Get-Service|Sort"), (12, vec!["Sort-Object".to_owned()]));
    assert_eq!(complete("Get-Service mbx"), (12, Vec::new()));
}

#[test]
fn a_parameter_is_completed_as_the_command_has_it() {
    let (start, found) = complete("Get-Service; Set-MailboxServer mbx1 -database");
    assert_eq!(start, 36);
    assert_eq!(found, ["-DatabaseCopyActivationDisabledAndMoveNow", "-DatabaseCopyAutoActivationPolicy"]);
    assert_eq!(complete("Get-Nothing -a"), (12, Vec::new()));
}

/// What is printed and how it ends if this is read.
fn read(input: &str) -> Outcome {
    let open = || Err(Failure::failed("nobody is asked"));
    let screen = Screen::written_to(io::sink(), io::sink());
    let session = Session::new(&open, &screen, crate::screen::Format::Table);
    run_all(input.as_bytes(), &session)
}

#[test]
fn lines_run_as_they_come_until_one_does_not_work() {
    assert_eq!(read("Get-Command # all\n\nGet-Help |\n  fl\n"), Ok(()));
    let Err(Failure::BadInput(text)) = read("Get-Command\n\nGet-Commandd\nGet-Help") else {
        panic!("it ran")
    };
    assert!(text.contains("line 3: Get-Commandd"), "{text}");
    assert_eq!(read("Get-Command\nexit\nGet-Commandd"), Ok(()));
}

#[test]
fn input_that_ends_in_the_middle_is_a_mistake() {
    let Err(Failure::BadInput(text)) = read("Get-Command |\n") else { panic!("it ran") };
    assert!(text.starts_with("the name of a command is expected here"), "{text}");
}

#[test]
fn a_line_that_never_ends_is_refused() {
    let Err(Failure::BadInput(text)) = read(&"x".repeat(LONGEST * 2)) else { panic!("it ran") };
    assert!(text.contains("65536 are the most"), "{text}");
}
