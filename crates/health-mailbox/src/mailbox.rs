//! How a health mailbox is called.

use settings::{DatabaseName, Value as _};

/// The domain of every health mailbox. Nobody can have it (RFC 2606 section 2), so no user is called like one.
pub const DOMAIN: &str = "mailmedic.invalid";

/// What stands before the name of the database.
const PREFIX: &str = "health-";

/// The mailbox of a database that probes log in to and deliver to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HealthMailbox {
    database: DatabaseName,
    user: String,
}

impl HealthMailbox {
    /// The one of `database`.
    pub fn of(database: &DatabaseName) -> Self {
        let user = format!("{PREFIX}{}@{DOMAIN}", database.as_str().to_ascii_lowercase());
        Self { database: database.clone(), user }
    }

    /// The one whose user is called `user`, in letters of either case; none if that is an ordinary name.
    pub fn of_user(user: &str) -> Option<Self> {
        let (local, domain) = user.split_once('@')?;
        let (prefix, database) = local.split_at_checked(PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX) || !domain.eq_ignore_ascii_case(DOMAIN) {
            return None;
        }
        DatabaseName::parse(&database.to_ascii_lowercase()).ok().map(|database| Self::of(&database))
    }

    /// The name of its user, in lower case: what it logs in with, and its address.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database it is in, and never leaves.
    pub fn database(&self) -> &DatabaseName {
        &self.database
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn database(name: &str) -> DatabaseName {
        DatabaseName::parse(name).unwrap()
    }

    #[test]
    fn the_user_bears_the_name_of_the_database_in_lower_case() {
        let mailbox = HealthMailbox::of(&database("DB01"));
        assert_eq!(mailbox.user(), "health-db01@mailmedic.invalid");
        assert_eq!(mailbox.database().as_str(), "DB01");
    }

    #[test]
    fn databases_whose_names_differ_in_case_only_have_one_health_mailbox() {
        assert_eq!(HealthMailbox::of(&database("DB01")), HealthMailbox::of(&database("db01")));
    }

    #[test]
    fn a_user_is_recognised_in_letters_of_either_case() {
        let mailbox = HealthMailbox::of_user("HEALTH-Db_01@Mailmedic.Invalid").unwrap();
        assert_eq!(mailbox, HealthMailbox::of(&database("DB_01")));
        assert_eq!(mailbox.user(), "health-db_01@mailmedic.invalid");
    }

    #[test]
    fn an_ordinary_name_is_not_taken_for_one() {
        for name in [
            "",
            "@",
            "health-db01",
            "health-db01@example.com",
            "health-db01@mailmedic.invalid.example.com",
            "health-@mailmedic.invalid",
            "health-a b@mailmedic.invalid",
            "health--x@mailmedic.invalid",
            "health-db01@x@mailmedic.invalid",
            "healthdb01@mailmedic.invalid",
            "hälth-db01@mailmedic.invalid",
            " health-db01@mailmedic.invalid",
            "health-db01@mailmedic.invalid ",
        ] {
            assert_eq!(HealthMailbox::of_user(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_longest_name_of_a_database_leaves_an_address_that_mail_takes() {
        let longest =
            (1..=100).rev().find_map(|length| DatabaseName::parse(&"d".repeat(length)).ok()).unwrap();
        let user = HealthMailbox::of(&longest).user().to_owned();
        // RFC 5321 section 4.5.3.1.1.
        assert!(user.split_once('@').unwrap().0.len() <= 64, "{user}");
    }

    proptest! {
        #[test]
        fn every_database_has_one_and_its_user_leads_back_to_it(name in "[A-Za-z0-9][A-Za-z0-9_-]{0,56}") {
            let mailbox = HealthMailbox::of(&database(&name));
            prop_assert_eq!(HealthMailbox::of_user(mailbox.user()), Some(mailbox));
        }

        #[test]
        fn no_text_at_all_makes_the_reader_stumble(text in any::<String>()) {
            if let Some(mailbox) = HealthMailbox::of_user(&text) {
                prop_assert_eq!(mailbox.user(), text.to_ascii_lowercase());
            }
        }
    }
}
