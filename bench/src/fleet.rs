//! All servers of a run, started and filled with the same mail.

use anyhow::{Context, Result};

use crate::client::Lmtp;
use crate::load;
use crate::mail;
use crate::plan::Plan;
use crate::servers::{Ceilings, Dovecot, DovecotProxy, Fsync, Laboratory, Mailmedic, Nginx};

/// Users with one purpose each, beside the readers and recipients of the loads.
pub(crate) const FEW: &str = "few";
pub(crate) const MANY: &str = "many";
pub(crate) const HUGE: &str = "huge";

/// Fields are dropped in their order: the laboratory's folder goes last.
pub(crate) struct Fleet {
    pub(crate) mailmedic: Option<Mailmedic>,
    pub(crate) ceilings: Ceilings,
    pub(crate) nginx: Nginx,
    pub(crate) dovecot_proxy: DovecotProxy,
    pub(crate) dovecot: Dovecot,
    pub(crate) dovecot_always: Dovecot,
    pub(crate) laboratory: Laboratory,
}

impl Fleet {
    pub(crate) async fn start(plan: &Plan) -> Result<Self> {
        let laboratory = Laboratory::open(&plan.temporary)?;
        let users = users(plan);
        println!("starting ceilings and peers");
        let ceilings = Ceilings::start(&laboratory, plan.messages, plan.octets)?;
        let dovecot = Dovecot::start(&laboratory, "dovecot", Fsync::Optimized, &users).await?;
        let dovecot_always = Dovecot::start(&laboratory, "dovecot-always", Fsync::Always, &users).await?;
        let dovecot_proxy = DovecotProxy::start(&laboratory, &dovecot).await?;
        let nginx = Nginx::start(&laboratory, &dovecot.server.pop3).await?;
        println!("filling Dovecot");
        let readers: Vec<String> = (0..plan.readers).map(load::reader).collect();
        load::fill(&dovecot.lmtp, &readers, plan.messages, plan.octets).await.context("filling Dovecot")?;
        let mut mailmedic = None;
        if !plan.peers_only {
            println!("building and starting mailmedic");
            let travellers: Vec<_> = (0..load::TRAVELLERS).map(load::traveller).collect();
            let ours = Mailmedic::start(&laboratory, &users, &travellers).await?;
            println!("filling mailmedic");
            load::fill(&ours.lmtp, &readers, plan.messages, plan.octets)
                .await
                .context("filling mailmedic")?;
            mailmedic = Some(ours);
        }
        println!("measuring\n");
        Ok(Self { mailmedic, ceilings, nginx, dovecot_proxy, dovecot, dovecot_always, laboratory })
    }

    /// Starts the servers again that have sessions to measure the memory of.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.dovecot.restart().await?;
        self.dovecot_proxy.restart().await?;
        if let Some(ours) = &mut self.mailmedic {
            ours.restart().await?;
        }
        Ok(())
    }

    /// The mailbox of 100 messages, and the large one: delivered to mailmedic; in Dovecot, where that would take
    /// minutes, a part is delivered and then copied until there are enough.
    pub(crate) async fn fill_large_mailboxes(&self, plan: &Plan) -> Result<()> {
        const OCTETS: usize = 1000;
        let (few, many) = ([FEW.to_owned()], [MANY.to_owned()]);
        let doublings = plan.many.trailing_zeros();
        load::fill(&self.dovecot.lmtp, &few, 100, OCTETS).await?;
        load::fill(&self.dovecot.lmtp, &many, plan.many >> doublings, OCTETS).await?;
        self.dovecot.double(MANY, doublings)?;
        if let Some(ours) = &self.mailmedic {
            load::fill(&ours.lmtp, &few, 100, OCTETS).await?;
            load::fill(&ours.lmtp, &many, plan.many, OCTETS).await?;
        }
        Ok(())
    }

    pub(crate) async fn deliver_huge_message(&self, octets: usize) -> Result<()> {
        let message = mail::compose(HUGE, 0, octets);
        for lmtp in self.mailmedic.iter().map(|ours| &ours.lmtp).chain([&self.dovecot.lmtp]) {
            let address = format!("{HUGE}{}", lmtp.domain);
            Lmtp::connect(lmtp.address).await?.deliver(&address, &message).await?;
        }
        Ok(())
    }
}

/// Every user of a run.
fn users(plan: &Plan) -> Vec<String> {
    let readers = (0..plan.readers).map(load::reader);
    let recipients = (0..plan.connections).map(load::recipient);
    readers.chain(recipients).chain([FEW, MANY, HUGE].map(str::to_owned)).collect()
}
