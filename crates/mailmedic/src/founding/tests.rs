use std::fs;

use directory::Password;
use directory::administration::{NewUser, Secret};
use settings::Value;

use super::*;

/// A data directory with a configuration of its own domain and nothing else.
fn configured() -> (tempfile::TempDir, DataDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    let domain = HostName::parse("example.org").unwrap();
    write_loopback_configuration(&data, Some(&domain), &[]).unwrap();
    (folder, data)
}

/// Every file below a folder, with what is in it.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn add_user(site: &Site) {
    let user = NewUser {
        name: site.name("user1").unwrap(),
        secret: Secret::Password(Password::new("secret")),
        database: site.database("DB01").unwrap(),
        quota: None,
    };
    site.administration().unwrap().add(&user).unwrap();
}

#[test]
fn a_first_start_makes_everything_and_a_second_one_finds_it_all_again() {
    let (folder, data) = configured();
    let site = complete(&data).unwrap();
    assert_eq!(site.configuration.default_realm.as_str(), "example.org");
    for file in [
        data.directory(),
        data.client_authority().join("ca.pem"),
        data.client_authority().join("cas1.pem"),
        data.cluster_authority().join("cas1.pem"),
        data.cluster_authority().join("mbx1.key"),
        data.cluster_authority().join("mbx2.key"),
        data.coordinator().root().to_owned(),
        data.server("mbx2").root().to_owned(),
    ] {
        assert!(file.exists(), "{}", file.display());
    }
    Archive::open(&data.database("DB01")).unwrap();
    Archive::open(&data.database("DB02")).unwrap();
    let before = contents(folder.path());
    complete(&data).unwrap();
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&contents(folder.path())), names(&before));
    assert!(contents(folder.path()) == before, "something was made anew");
}

#[test]
fn a_first_start_that_died_half_way_is_finished_by_the_next() {
    let (_folder, data) = configured();
    complete(&data).unwrap();
    fs::remove_file(data.cluster_authority().join("mbx1.pem")).unwrap();
    fs::remove_dir_all(data.database("DB01")).unwrap();
    complete(&data).unwrap();
    assert!(data.cluster_authority().join("mbx1.pem").exists());
    Archive::open(&data.database("DB01")).unwrap();
}

#[test]
fn a_database_that_users_live_in_is_never_made_anew() {
    let (_folder, data) = configured();
    let site = complete(&data).unwrap();
    add_user(&site);
    complete(&data).unwrap();
    fs::remove_dir_all(data.database("DB01")).unwrap();
    let refused = complete(&data).err();
    assert!(
        matches!(&refused, Some(Failure::Failed(text)) if text.contains("1 users have their mail there")),
        "{refused:?}"
    );
    assert!(!data.database("DB01").exists());
}

#[test]
fn a_database_that_is_added_to_the_configuration_is_made() {
    let (_folder, data) = configured();
    complete(&data).unwrap();
    let mut text = fs::read_to_string(data.configuration()).unwrap();
    text += "\n[[database]]\nname = \"DB03\"\ncopies = [\"mbx1\"]\n";
    fs::write(data.configuration(), text).unwrap();
    complete(&data).unwrap();
    Archive::open(&data.database("DB03")).unwrap();
}

#[test]
fn certificates_whose_time_is_running_out_are_renewed() {
    let (_folder, data) = configured();
    let site = complete(&data).unwrap();
    let file = data.client_authority().join("cas1.pem");
    let first = fs::read(&file).unwrap();
    certificates(&site, SystemTime::now() + net::authority::CERTIFICATE_LIFE / 2).unwrap();
    assert_eq!(fs::read(&file).unwrap(), first);
    certificates(&site, SystemTime::now() + net::authority::CERTIFICATE_LIFE * 3 / 4).unwrap();
    assert_ne!(fs::read(&file).unwrap(), first);
}

#[test]
fn a_server_certificate_bears_the_names_that_clients_use() {
    let (_folder, data) = configured();
    let site = complete(&data).unwrap();
    let server = site.server("cas1").unwrap();
    let certificates = client_certificates(server, &site.settings_of(server).unwrap());
    let [(stem, Subject::Service { names, addresses })] = certificates.as_slice() else {
        panic!("{certificates:?}")
    };
    assert_eq!(stem, "cas1");
    assert_eq!(names, &["cas1", "cas1.example.org", "localhost"]);
    assert_eq!(addresses, &["127.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[test]
fn a_configuration_is_never_overwritten() {
    let (_folder, data) = configured();
    fs::write(data.configuration(), "mine").unwrap();
    assert!(write_loopback_configuration(&data, None, &[]).is_err());
    assert_eq!(fs::read_to_string(data.configuration()).unwrap(), "mine");
}

#[test]
fn a_data_directory_of_one_mailbox_server_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    // As the first version wrote it, but for what it said of defaults.
    let text = "[organisation]\ndefault-realm = \"example.com\"\n\
                [[server]]\nname = \"cas1\"\nroles = [\"client-access\"]\naddress = \"127.0.0.1\"\n\
                [[server]]\nname = \"mbx1\"\nroles = [\"mailbox\"]\naddress = \"127.0.0.21\"\n\
                [[database]]\nname = \"DB01\"\ncopies = [\"mbx1\"]\n\
                [delivery]\nlmtp-bindings = [\":10224\"]\n[ready]\nbindings = [\":10111\"]\n";
    fs::write(data.configuration(), text).unwrap();
    let site = complete(&data).unwrap();
    assert_eq!(site.databases().len(), 1);
    assert!(!data.server("mbx2").root().exists());
}

#[test]
fn servers_get_second_names_which_no_other_server_has() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    let alias = |text: &str| Alias::parse(text).unwrap();
    let domain = HostName::parse("contoso.com").unwrap();
    let refused = |aliases: &[Alias]| match write_loopback_configuration(&data, Some(&domain), aliases) {
        Err(Failure::BadInput(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(&[alias("server1=cas9")]).contains("cas1"));
    assert!(refused(&[alias("mbx1=cas1")]).contains("already"));
    assert!(refused(&[alias("s=cas1"), alias("S=mbx1")]).contains("already"));
    assert!(!data.configuration().exists());
    write_loopback_configuration(&data, Some(&domain), &[alias("server1=cas1")]).unwrap();
    let configuration = read_configuration(&data.configuration()).unwrap();
    for name in ["cas1", "CAS1.contoso.com", "server1", "Server1.Contoso.com"] {
        let called = configuration.server_called(name).map(|server| server.name.as_str());
        assert_eq!(called, Some("cas1"), "{name}");
    }
    for name in ["server1.example.com", "contoso.com", ".contoso.com", "server2"] {
        assert!(configuration.server_called(name).is_none(), "{name}");
    }
    assert!(Alias::parse("server1").is_err());
}
