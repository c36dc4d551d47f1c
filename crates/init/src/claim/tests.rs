use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn at(folder: &Path) -> DataDirectory {
    DataDirectory::new(folder)
}

#[test]
fn a_new_folder_becomes_a_data_directory_and_is_found_again() {
    let above = folder();
    let data = at(&above.path().join("a/b"));
    assert!(matches!(check(&data), Err(ClaimError::Missing(_))));
    let claim = Claim::take(&data).unwrap();
    assert!(claim.is_new());
    drop(claim);
    check(&data).unwrap();
    assert!(!Claim::take(&data).unwrap().is_new());
}

#[test]
fn a_second_claim_is_refused_and_names_the_holder() {
    let data = folder();
    let first = Claim::take(&at(data.path())).unwrap();
    let own = std::process::id();
    let error = Claim::take(&at(data.path())).unwrap_err();
    assert!(error.to_string().contains(&format!("process {own} runs it")), "{error}");
    assert!(!error.is_bad_input());
    assert_eq!(holder(&at(data.path())).unwrap(), Some(own));
    drop(first);
    assert_eq!(holder(&at(data.path())).unwrap(), None);
    Claim::take(&at(data.path())).unwrap();
}

#[test]
fn a_folder_with_something_else_in_it_is_refused_and_left_alone() {
    let data = folder();
    fs::write(data.path().join("letters.txt"), "dear").unwrap();
    let error = Claim::take(&at(data.path())).unwrap_err();
    assert!(error.to_string().contains("holds letters.txt"), "{error}");
    assert!(error.is_bad_input());
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
}

#[test]
fn a_first_start_that_died_at_once_does_not_spoil_the_folder() {
    let data = folder();
    fs::write(data.path().join("lock"), "").unwrap();
    fs::write(data.path().join("format.new"), "mail").unwrap();
    assert!(Claim::take(&at(data.path())).unwrap().is_new());
}

#[test]
fn a_folder_that_was_given_a_configuration_first_becomes_a_data_directory() {
    let data = folder();
    fs::write(data.path().join("mailmedic.toml"), "").unwrap();
    assert!(Claim::take(&at(data.path())).unwrap().is_new());
}

#[test]
fn a_folder_of_another_format_is_refused() {
    let data = folder();
    fs::write(data.path().join("format"), "mailmedic data 2\n").unwrap();
    let error = Claim::take(&at(data.path())).unwrap_err();
    assert!(error.to_string().contains("mailmedic data 2"), "{error}");
}

#[test]
fn a_file_is_not_a_folder() {
    let above = folder();
    let file = above.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Claim::take(&at(&file)), Err(ClaimError::NotAFolder(_))));
    assert!(matches!(Claim::take(&at(&file.join("below"))), Err(ClaimError::NotAFolder(_))));
    assert!(matches!(check(&at(&file)), Err(ClaimError::NotAFolder(_))));
}
