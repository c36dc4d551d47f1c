//! The promises of [`MailboxStore`], each a function that asks an engine to keep it.
//!
//! [`crate::conformance_suite`] makes one test of each. A function gets an empty [`super::TestDatabase`] and panics
//! if the promise is broken.

mod deletion;
mod delivery;
mod import;
mod mailboxes;
mod reading;
mod snapshots;

pub use deletion::*;
pub use delivery::*;
pub use import::*;
pub use mailboxes::*;
pub use reading::*;
pub use snapshots::*;

use crate::{MailboxError, MailboxId, MailboxStore, MessageEntry, Snapshot, Uid};

/// Makes a test of every promise: `conformance_suite!(block_on, MyDatabase::new())`, where `block_on` drives a future
/// and the expression makes an empty [`TestDatabase`](crate::testing::TestDatabase), anew for each test.
#[macro_export]
macro_rules! conformance_suite {
    ($block_on:expr, $database:expr) => {
        $crate::conformance_suite! { @tests $block_on, $database;
            // Snapshots.
            a_mailbox_that_never_had_mail_is_empty
            a_snapshot_counts_what_it_lists
            mail_that_arrives_later_is_not_in_the_snapshot
            a_message_that_another_session_deleted_is_seen_until_the_session_ends
            a_clone_of_a_snapshot_keeps_what_it_sees
            a_new_snapshot_ignores_deleted_messages
            a_snapshot_sees_nothing_of_other_mailboxes
            a_snapshot_of_an_earlier_mount_is_refused
            // Deletion.
            deletion_is_all_or_nothing
            deletion_of_deleted_messages_counts_as_done
            deletion_of_nothing_is_done
            overlapping_deletions_of_two_sessions_are_both_done
            deletion_survives_a_remount
            deleted_messages_are_kept_while_an_older_session_lives
            deleted_messages_go_when_every_older_session_has_ended
            a_large_deletion_is_removed_whole_and_nothing_else
            sessions_of_an_earlier_mount_keep_nothing
            // Delivery.
            uids_ascend_in_the_order_of_arrival
            deliveries_at_once_are_all_stored
            messages_survive_a_remount
            names_are_not_reused_after_deletion
            names_are_not_reused_after_a_restore
            imported_names_are_kept
            imported_names_that_are_taken_are_refused
            imported_names_that_are_yet_to_be_given_are_refused
            a_delivery_offered_again_is_stored_once
            a_delivery_is_found_by_its_id
            a_delivery_offered_again_after_a_remount_is_stored_once
            a_delivery_offered_twice_at_once_is_stored_once
            a_delivery_offered_again_after_its_deletion_is_not_stored
            one_delivery_to_two_mailboxes_is_stored_in_both
            a_message_that_cannot_be_read_fails_alone
            a_message_that_does_not_fit_is_refused
            quota_ignores_deleted_messages
            // Reading.
            octets_are_the_unstuffed_bytes_read
            the_header_ends_behind_the_blank_line
            every_chunk_but_the_last_is_full
            an_empty_message_has_one_empty_chunk
            a_chunk_beyond_the_last_is_no_such_message
            a_message_of_50_mb_is_read_chunk_by_chunk
            read_ahead_answers_whole_messages_in_the_order_asked
            read_ahead_stops_at_its_limit
            read_ahead_stops_before_a_message_of_two_chunks
            read_ahead_stops_before_a_message_that_is_not_there
            // Import.
            an_import_keeps_names_order_and_bodies
            an_import_offered_again_stores_nothing_twice
            an_import_is_all_or_nothing
            an_imported_message_of_50_mb_is_read_chunk_by_chunk
            an_import_needs_no_room_in_the_quota
            imported_deliveries_are_remembered
            deliveries_without_messages_are_remembered_too
            a_removed_mailbox_can_be_imported_again
            a_mailbox_comes_home_under_the_names_it_left_with
            a_name_that_an_old_session_sees_is_not_imported
            names_that_are_yet_to_be_given_are_not_imported
            mail_that_arrives_after_an_import_is_behind_it
            // Mailboxes.
            mailboxes_are_listed_by_name
            a_removed_mailbox_is_empty_and_not_listed
            removal_leaves_sessions_what_they_see
            removal_leaves_other_mailboxes_alone
            a_mailbox_begins_anew_after_its_removal
            removal_of_an_unknown_mailbox_is_done
        }
    };
    (@tests $block_on:expr, $database:expr; $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                $block_on($crate::testing::conformance::$promise($database));
            }
        )*
    };
}

async fn deliver(store: &dyn MailboxStore, number: u64, mailbox: MailboxId, raw: &[u8]) -> Uid {
    let delivered = store.deliver(super::delivery(number, mailbox, raw)).await;
    delivered.expect("the store takes mail").uid()
}

async fn snapshot(store: &dyn MailboxStore, mailbox: MailboxId) -> Snapshot {
    store.snapshot(&mailbox).await.expect("the store is mounted")
}

async fn list(store: &dyn MailboxStore, snapshot: &Snapshot) -> Vec<MessageEntry> {
    store.list(snapshot).await.expect("the snapshot can be listed")
}

/// The uids that a session which begins now is shown.
async fn current(store: &dyn MailboxStore, mailbox: MailboxId) -> Vec<Uid> {
    let snapshot = snapshot(store, mailbox).await;
    list(store, &snapshot).await.into_iter().map(|entry| entry.uid).collect()
}

/// A whole body, in wire form.
async fn read(store: &dyn MailboxStore, snapshot: &Snapshot, entry: &MessageEntry) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in 0..entry.chunks() {
        wire.extend(store.read_chunk(snapshot, entry.uid, chunk).await.expect("the message can be read"));
    }
    wire
}

#[track_caller]
fn assert_no_such_message<T: std::fmt::Debug>(answer: Result<T, MailboxError>, asked: Uid) {
    match answer {
        Err(MailboxError::NoSuchMessage { uid }) => assert_eq!(uid, asked),
        other => panic!("not NoSuchMessage but {other:?}"),
    }
}
