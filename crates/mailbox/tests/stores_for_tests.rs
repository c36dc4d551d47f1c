//! The slow and the failing store do what tests rely on.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use mailbox::{
    MailboxError, MailboxStore, Octets, Uid,
    testing::{MemoryStore, Operation, delivery, failing_store, mailbox_id, ready, slow_store},
};

fn is_waiting<F: Future + Unpin>(future: &mut F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_slow_store_waits_at_a_closed_gate_until_it_is_opened() {
    let (store, gates) = slow_store(Arc::new(MemoryStore::new()));
    gates.close(Operation::Deliver);
    let mut offer = store.deliver(delivery(1, mailbox_id(1), b"mail"));
    assert!(is_waiting(&mut offer));
    ready(gates.reached(Operation::Deliver, 1));
    assert_eq!(ready(store.snapshot(&mailbox_id(1))).unwrap().messages(), 0);
    gates.open(Operation::Deliver);
    ready(offer).unwrap();
    assert_eq!(ready(store.snapshot(&mailbox_id(1))).unwrap().messages(), 1);
}

#[test]
fn a_call_given_up_at_a_gate_never_reaches_the_store() {
    let (store, gates) = slow_store(Arc::new(MemoryStore::new()));
    gates.close(Operation::Deliver);
    let mut offer = store.deliver(delivery(1, mailbox_id(1), b"mail"));
    assert!(is_waiting(&mut offer));
    drop(offer);
    let mut another = Box::pin(gates.reached(Operation::Deliver, 1));
    assert!(is_waiting(&mut another));
    gates.open(Operation::Deliver);
    assert_eq!(ready(store.snapshot(&mailbox_id(1))).unwrap().messages(), 0);
}

#[test]
fn a_failing_store_fails_the_call_that_was_ordered_and_no_other() {
    let (store, failures) = failing_store(Arc::new(MemoryStore::new()));
    failures.fail_nth(Operation::Deliver, 2, MailboxError::NoSpace);
    ready(store.deliver(delivery(1, mailbox_id(1), b"mail"))).unwrap();
    assert!(matches!(ready(store.deliver(delivery(2, mailbox_id(1), b"mail"))), Err(MailboxError::NoSpace)));
    ready(store.deliver(delivery(2, mailbox_id(1), b"mail"))).unwrap();
    assert_eq!(ready(store.snapshot(&mailbox_id(1))).unwrap().messages(), 2);
    assert_eq!(failures.calls(Operation::Deliver), 3);
}

#[test]
fn a_failing_store_fails_every_call_until_it_is_healed() {
    let (store, failures) = failing_store(Arc::new(MemoryStore::new()));
    failures.fail_always(Operation::Snapshot, MailboxError::NotMounted);
    for _ in 0..3 {
        assert!(matches!(ready(store.snapshot(&mailbox_id(1))), Err(MailboxError::NotMounted)));
    }
    failures.heal(Operation::Snapshot);
    assert!(ready(store.snapshot(&mailbox_id(1))).is_ok());
    assert_eq!(failures.calls(Operation::Snapshot), 4);
}

#[test]
fn the_reference_shows_corruption_and_want_of_space_when_told_to() {
    let store = MemoryStore::new();
    ready(store.deliver(delivery(1, mailbox_id(1), b"mail"))).unwrap();
    let session = ready(store.snapshot(&mailbox_id(1))).unwrap();
    store.corrupt(Uid::new(1), 0);
    let read = ready(store.read_chunk(&session, Uid::new(1), 0));
    assert!(matches!(read, Err(MailboxError::Corrupt { .. })), "{read:?}");
    assert!(ready(store.read_ahead(&session, &[Uid::new(1)], 100)).unwrap().is_empty());

    store.set_space(false);
    assert!(matches!(ready(store.admit(&mailbox_id(1), None, Octets::ZERO)), Err(MailboxError::NoSpace)));
    assert!(matches!(ready(store.deliver(delivery(2, mailbox_id(1), b"mail"))), Err(MailboxError::NoSpace)));
    ready(store.delete(&session, &[Uid::new(1)])).unwrap();

    store.dismount();
    assert!(matches!(ready(store.snapshot(&mailbox_id(1))), Err(MailboxError::NotMounted)));
}

#[test]
fn a_future_that_waits_is_woken_when_its_gate_is_opened() {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        task::Wake,
    };

    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let (store, gates) = slow_store(Arc::new(MemoryStore::new()));
    gates.close(Operation::Mailboxes);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let mut answer = store.mailboxes();
    assert!(matches!(answer.as_mut().poll(&mut Context::from_waker(&flag.clone().into())), Poll::Pending));
    gates.open(Operation::Mailboxes);
    assert!(flag.0.load(Ordering::SeqCst));
}
