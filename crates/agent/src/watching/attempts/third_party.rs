//! POP3 servers that are not ours, each as its `[[target]]` says.

use health::{Failure, FailureReason, Finding, Part};
use health_mailbox::Whose;
use net::ClientTls;
use net::tls::CertificateError;
use probe::{Account, Address, Attempt, Endpoint, Mailbox, Scenario, Security};
use service::credentials::Credentials;
use settings::{Target, TargetHost, TargetTls, ThirdParty, Verification};

use super::{Aim, Attempts, cannot_test, hindrance};

impl Attempts {
    /// The targets that are watched from this server.
    pub(super) fn third_parties(&self) -> Vec<String> {
        let settled = self.live.snapshot();
        let targets = settled.configuration.targets_of(self.server.as_str());
        targets.map(|target| target.name.to_string()).collect()
    }

    /// Greets it; logs in and reads the newest message, if there are credentials; delivers a message, fetches and deletes it,
    /// if it takes mail.
    pub(super) async fn visit(&self, name: &str, aim: &Aim) -> Finding {
        let settled = self.live.snapshot();
        let target = settled.configuration.targets_of(self.server.as_str()).find(|it| it.name == *name);
        let Some(target) = target else {
            return cannot_test(hindrance(
                FailureReason::NotConfigured,
                "the configuration has no such [[target]]",
            ));
        };
        let (endpoint, account) = match self.way_to(target, aim) {
            Ok(way) => way,
            Err(why) => return cannot_test(why),
        };
        let Some(account) = account else {
            return Attempt::pop3(&endpoint, &Scenario::Greet, aim.limit).await.finding;
        };
        match &target.delivery {
            None => Attempt::pop3(&endpoint, &Scenario::ReadNewest(&account), aim.limit).await.finding,
            Some(door) => self.send_and_fetch(target, door, (&endpoint, &account), aim).await,
        }
    }

    async fn send_and_fetch(
        &self,
        target: &ThirdParty,
        door: &Target,
        (endpoint, account): (&Endpoint, &Account),
        aim: &Aim,
    ) -> Finding {
        let door = Endpoint { address: address(door), security: Security::Plain, part: Part::ThirdParty };
        let message = self.third_party_deliveries.compose(&target.name, &account.user);
        let delivered = Attempt::deliver(&door, &account.user, &message, aim.limit).await;
        if delivered.finding.failure.is_some() {
            return delivered.finding;
        }
        let whose = |header: &[u8]| match health_mailbox::whose(header) {
            Whose::Prober(tag) => self.third_party_deliveries.whose(&target.name, tag),
            Whose::Known | Whose::Stray => probe::Whose::Others,
        };
        let mailbox = Mailbox { account, known: None, whose: &whose };
        let left = aim.limit.saturating_sub(delivered.took);
        let fetched = Attempt::pop3(endpoint, &Scenario::Touch(&mailbox), left).await.finding;
        let phases = delivered.finding.phases.into_iter().chain(fetched.phases).collect();
        Finding { phases, ..fetched }
    }

    /// Where it is, how it proves who it is, and who logs in. Files are read anew each time: they may be replaced at any time.
    fn way_to(&self, target: &ThirdParty, aim: &Aim) -> Result<(Endpoint, Option<Account>), Failure> {
        let unusable = |what: &str, why: &dyn std::error::Error| {
            let cause = why.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            hindrance(FailureReason::NotConfigured, &format!("{what}: {why}{cause}"))
        };
        let folder = self.data.root();
        let tls = |verification: &Verification| {
            let tls = match &verification.ca {
                Some(ca) => ClientTls::verified_by(&ca.from_folder(folder)),
                None => ClientTls::as_clients_have_it(None),
            };
            let tls = tls.map_err(|error: CertificateError| unusable("its authorities", &error))?;
            let name = verification.name.as_ref().map(ToString::to_string);
            Ok((tls, name.unwrap_or_else(|| target.address.host.to_string())))
        };
        let security = match &target.tls {
            TargetTls::Plain => Security::Plain,
            TargetTls::Stls(verification) => {
                tls(verification).map(|(tls, name)| Security::StartTls(tls, name))?
            }
            TargetTls::Implicit(verification) => {
                tls(verification).map(|(tls, name)| Security::Implicit(tls, name))?
            }
        };
        let account = target.credentials.as_ref().map(|file| {
            let file = file.from_folder(folder);
            let read = Credentials::read(&file);
            let read =
                read.map_err(|error| unusable(&format!("its credentials, {}", file.display()), &error))?;
            Ok(Account { user: read.user, secret: pop3::Secret::new(read.password) })
        });
        let address = aim.endpoint.clone().unwrap_or_else(|| address(&target.address));
        Ok((Endpoint { address, security, part: Part::ThirdParty }, account.transpose()?))
    }
}

fn address(target: &Target) -> Address {
    match &target.host {
        TargetHost::Address(address) => std::net::SocketAddr::new(*address, target.port).into(),
        TargetHost::Name(name) => Address::Host(name.to_string(), target.port),
    }
}
