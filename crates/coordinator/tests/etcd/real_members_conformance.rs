//! Those promises of a coordinator that members could break together though each keeps them alone, asked for by clients of
//! which each begins with another member.

use crate::fixture::block_on;
use crate::members::MembersStore;

coordinator::conformance_suite! { @tests block_on, MembersStore::new().await;
    absent_holds_only_without_the_entry
    modified_holds_only_for_the_last_put
    increments_by_many_at_once_are_all_counted
    only_one_of_many_makes_an_absent_entry
    an_empty_store_has_an_epoch_and_a_revision
    the_epoch_is_the_same_for_all
    what_one_client_put_all_read
    a_lease_kept_alive_outlasts_its_time
    a_lease_that_is_gone_cannot_be_used
    a_revoked_lease_takes_its_entries_along_at_once
    a_watch_can_begin_at_every_revision
    a_watch_tells_the_end_of_a_lease
    a_watch_after_what_is_forgotten_is_told_so
    a_watch_after_the_forgotten_goes_on
    a_watch_after_a_revision_to_come_is_told_so
    two_watches_tell_the_same
    a_watch_in_step_ends_as_a_reading
}
