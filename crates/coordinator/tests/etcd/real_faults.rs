//! An etcd that dies, hangs, forgets, is cut off or is made anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coordinator::{Coordinator, CoordinatorError, Mirror, Prefix, Standing};

use crate::counting::{Counters, number};
use crate::fixture::{
    Etcd, block_on, change, client, client_of, client_with, compact, eventually, free_port, put,
};
use crate::proxy::Proxy;

const SHORT: Duration = Duration::from_millis(500);

#[test]
fn what_was_acknowledged_survives_kills_under_load() {
    block_on(async {
        let mut etcd = Etcd::start().await;
        let looking = client(&[etcd.clients]);
        let epoch = looking.epoch().await.unwrap();
        let counters = Counters::start((0..3).map(|_| client(&[etcd.clients])));
        let mut reached = 0;
        for _ in 0..3 {
            reached = eventually("the counting goes on", async || {
                let (now, _) = number(&looking).await.ok()?;
                (now > reached + 10).then_some(now)
            })
            .await;
            etcd.kill();
            etcd.start_again();
        }
        eventually("the counting goes on", async || {
            number(&looking).await.ok().filter(|(now, _)| *now > reached)
        })
        .await;
        counters.prove(&looking).await;
        assert_eq!(looking.epoch().await.unwrap(), epoch);
    });
}

#[test]
fn a_hung_etcd_is_told_within_the_deadline_and_goes_on() {
    block_on(async {
        let etcd = Etcd::start().await;
        let client = client_with(&[etcd.clients], SHORT);
        let now = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let lease = client.grant(Duration::from_mins(1)).await.unwrap();
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        etcd.stop();
        let began = Instant::now();
        let (put, read, kept, told, granted) = tokio::join!(
            change(&client, vec![put("a", "two")]),
            client.read(&Prefix::everything()),
            client.keep_alive(lease.id),
            watch.next(),
            client.grant(Duration::from_secs(5)),
        );
        assert!(began.elapsed() < SHORT * 6, "it took {:?}", began.elapsed());
        assert!(matches!(put, Err(CoordinatorError::OutcomeUnknown { .. })), "{put:?}");
        assert!(matches!(granted, Err(CoordinatorError::OutcomeUnknown { .. })), "{granted:?}");
        assert!(matches!(read, Err(CoordinatorError::Unavailable { .. })), "{read:?}");
        assert!(matches!(kept, Err(CoordinatorError::Unavailable { .. })), "{kept:?}");
        assert!(matches!(told, Err(CoordinatorError::Unavailable { .. })), "{told:?}");
        etcd.go_on();
        eventually("etcd answers again", async || client.epoch().await.ok()).await;
    });
}

#[test]
fn an_etcd_that_is_not_there_has_changed_nothing() {
    block_on(async {
        let client = client_with(&[free_port()], SHORT);
        let away = change(&client, vec![put("a", "one")]).await;
        assert!(matches!(away, Err(CoordinatorError::Unavailable { .. })), "{away:?}");
        assert!(matches!(client.epoch().await, Err(CoordinatorError::Unavailable { .. })));
    });
}

#[test]
fn the_next_endpoint_is_asked_when_one_is_away_or_hangs() {
    block_on(async {
        let (etcd, hung) = (Etcd::start().await, Etcd::start().await);
        let client = client(&[free_port(), hung.clients, etcd.clients]);
        hung.stop();
        let now = client.read(&Prefix::everything()).await.unwrap().revision;
        let put_at = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        assert_eq!(watch.next().await.unwrap()[0].revision(), put_at);
    });
}

#[test]
fn a_watch_outlives_its_silence() {
    block_on(async {
        let etcd = Etcd::start().await;
        let client = client_with(&[etcd.clients], Duration::from_millis(100));
        let now = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        // Long enough for the watch to be begun anew some times.
        assert!(tokio::time::timeout(Duration::from_secs(1), watch.next()).await.is_err());
        let later = change(&client, vec![put("a", "two")]).await.unwrap().revision;
        let told = watch.next().await.unwrap();
        assert_eq!((told.len(), told[0].revision()), (1, later));
    });
}

#[test]
fn a_mirror_is_stale_while_cut_off_and_in_step_again_afterwards() {
    block_on(async {
        let etcd = Etcd::start().await;
        let proxy = Proxy::to(etcd.clients).await;
        let direct = client(&[etcd.clients]);
        change(&direct, vec![put("a/1", "one")]).await.unwrap();
        let through = client_with(&[proxy.address], SHORT);
        let mirror = Mirror::start(Arc::new(through.clone()), Prefix::new("a/").unwrap(), None);
        let mut changes = mirror.changes();
        let patience = Duration::from_secs(30);
        let live = changes.wait_for(|view| view.standing == Standing::Live);
        tokio::time::timeout(patience, live).await.expect("the mirror is in step").unwrap();
        proxy.cut();
        let stale = changes.wait_for(|view| matches!(view.standing, Standing::Stale { .. }));
        tokio::time::timeout(patience, stale).await.expect("the mirror sees that it is cut off").unwrap();
        let unknown = change(&through, vec![put("a/1", "cut off")]).await;
        assert!(unknown.is_err(), "{unknown:?}");
        // It is sent on when the way is mended, which is why the outcome was unknown.
        let revision = change(&direct, vec![put("a/2", "two")]).await.unwrap().revision;
        change(&direct, vec![put("a/3", "three")]).await.unwrap();
        compact(etcd.clients, &direct).await;
        proxy.mend();
        let again = changes.wait_for(|view| view.standing == Standing::Live && view.revision > revision);
        let view = tokio::time::timeout(patience, again)
            .await
            .expect("the mirror is in step again")
            .unwrap()
            .clone();
        assert!(view.entries.len() == 3, "{view:?}");
    });
}

#[test]
fn an_etcd_made_anew_has_a_greater_epoch() {
    block_on(async {
        let mut etcd = Etcd::start().await;
        let client = client(&[etcd.clients]);
        let epoch = client.epoch().await.unwrap();
        let now = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        etcd.kill();
        etcd.start_anew();
        let told = watch.next().await;
        assert!(told.is_err(), "{told:?}");
        let later = client_of(&[etcd.clients], |settings| settings.born += 1);
        let reading = eventually("etcd answers", async || later.read(&Prefix::everything()).await.ok()).await;
        assert!(reading.epoch > epoch && reading.entries.is_empty(), "{reading:?}, {epoch} before");
    });
}
