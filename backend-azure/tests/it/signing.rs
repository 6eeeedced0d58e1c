//! Who calls, and whom: tokens, how long they are good, and whom a server must have been vouched for by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backend_azure::{Azure, VmssFleet};
use immutable_core::fleet::FleetId;
use immutable_core::provider::FleetProvider;
use immutable_core::{Applied, Error, ErrorKind, Result};
use immutable_fakes::arm::Fault;
use immutable_fakes::arm::https::authority;
use tokio::io::AsyncWriteExt;

use crate::account::{AUTHORITY, Account};
use crate::hand::play;

/// One call that needs a token.
async fn look(account: &Account, azure: &Azure) -> Result<()> {
    VmssFleet::new(azure).observe(&FleetId::new(account.place(), "web"), &[].into()).await.map(drop)
}

/// All that is said of why.
fn causes(error: &Error) -> String {
    let mut causes = String::new();
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        causes.push_str(&format!("{cause}; "));
        source = cause.source();
    }
    causes
}

#[test]
fn one_token_is_asked_for_and_sent_with_every_call() {
    play(async |account: Account| {
        for _ in 0..3 {
            look(&account, &account.azure).await.unwrap();
        }
        assert_eq!((account.fake.count("token"), account.fake.count("virtualMachineScaleSets.list")), (1, 3));
    });
}

#[test]
fn a_token_that_is_about_to_expire_is_renewed() {
    play(async |account: Account| {
        account.fake.tokens_last(Duration::from_secs(240));
        for _ in 0..3 {
            look(&account, &account.azure).await.unwrap();
            // By then the one that was given is good no more.
            account.wait(Duration::from_secs(300)).await;
        }
        assert_eq!(account.fake.count("token"), 3);
    });
}

#[test]
fn one_that_is_taken_back_is_told_and_nothing_was_done() {
    play(async |account: Account| {
        look(&account, &account.azure).await.unwrap();
        account.fake.revoke_tokens();
        let error = look(&account, &account.azure).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::No), "{error}");
        assert!(
            error.to_string().contains("sign in again") && error.to_string().contains("ExpiredAuthenticationToken"),
            "{error}"
        );
        // Whoever is signed in anew may call again.
        look(&account, &account.another().await.unwrap()).await.unwrap();
    });
}

#[test]
fn tokens_of_the_program_are_asked_for_again_once_one_was_refused() {
    play(async |account: Account| {
        let (asked, fake) = (Arc::new(AtomicUsize::new(0)), account.fake.clone());
        let count = asked.clone();
        let token = move || {
            let token = if count.fetch_add(1, Ordering::SeqCst) == 0 { "stale".to_owned() } else { fake.token() };
            async { Ok(token) }
        };
        let azure = account.signed(|builder| builder.access_token(token)).await.unwrap();
        let error = look(&account, &azure).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("InvalidAuthenticationToken"), "{error}");
        look(&account, &azure).await.unwrap();
        assert_eq!((asked.load(Ordering::SeqCst), account.fake.count("token")), (2, 0));
    });
}

#[test]
fn who_gives_tokens_is_waited_for() {
    for fault in [Fault::Refused, Fault::ServerErrorBefore(503), Fault::Throttled] {
        play(async |account: Account| {
            account.fake.faults().times("token", 2, fault.clone());
            look(&account, &account.azure).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert!(account.fake.count("token") >= 1, "{fault:?}");
        });
    }
}

#[test]
fn who_gives_tokens_may_be_away_for_long() {
    play(async |account: Account| {
        let client = account.fake.client();
        let away = |builder: backend_azure::Builder| {
            builder.authority("https://127.0.0.1:1").client_secret(client.tenant, client.id, client.secret)
        };
        let azure = account.signed(away).await.unwrap();
        let error = look(&account, &azure).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No), "{error}");
        assert!(error.to_string().contains("no token could be had"), "{error}");
    });
}

#[test]
fn only_who_was_vouched_for_is_called() {
    play(async |account: Account| {
        let stranger = authority().unwrap().ca_pem;
        let azure = account.signed(|builder| builder.certificate_authority(stranger)).await.unwrap();
        let error = look(&account, &azure).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No), "{error}");
        assert!(causes(&error).contains("certificate"), "{}", causes(&error));
        assert_eq!(account.fake.calls().len(), 0);
    });
}

#[test]
fn who_speaks_no_tls_is_told_nothing() {
    play(async |account: Account| {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let azure = account
            .signed(|builder| {
                builder
                    .endpoint(endpoint)
                    .certificate_authority(&AUTHORITY.ca_pem)
                    .access_token(|| async { Ok("t0ken".to_owned()) })
            })
            .await
            .unwrap();
        let error = look(&account, &azure).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(
            causes(&error).contains("InvalidContentType") || causes(&error).contains("corrupt message"),
            "{}",
            causes(&error)
        );
    });
}
