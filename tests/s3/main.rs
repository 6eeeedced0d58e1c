//! `ObjectStoreJournal` over the S3 API passes the journal suite. `./tests/run moto` starts the server and says where it is.

mod http;

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use immutable_core::conformance::journal::Subject;
use immutable_core::journal::Journal;
use immutable_core::{ObjectStoreJournal, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, PutMode, PutOptions};

fn s3() -> AmazonS3 {
    let endpoint =
        std::env::var("IMMUTABLE_MOTO_ENDPOINT").expect("IMMUTABLE_MOTO_ENDPOINT says where the server is: run ./tests/run moto");
    let store = AmazonS3Builder::new().with_endpoint(endpoint).with_allow_http(true).with_http_connector(http::Http);
    store
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .with_bucket_name("journals")
        .build()
        .unwrap()
}

async fn fresh() -> Result<Subject> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("{}/{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // Each has connections of its own, as each process has.
    let open = move || Arc::new(ObjectStoreJournal::new(Arc::new(s3()), &prefix)) as Arc<dyn Journal>;
    Ok(Subject::new(open()).reopen(move || ready(Ok(open()))))
}

mod journal {
    immutable_core::journal_conformance!(super::fresh);
}

/// Everything rests on it, so it is looked at right there.
#[tokio::test]
async fn an_object_is_made_only_if_it_is_not_there() {
    let (store, path) = (s3(), Path::from(format!("{}/conditional", std::process::id())));
    let make = || store.put_opts(&path, "x".into(), PutOptions::from(PutMode::Create));
    make().await.unwrap();
    assert!(matches!(make().await, Err(Error::AlreadyExists { .. })));
}
