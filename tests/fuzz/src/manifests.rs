//! What Packer wrote.

use immutable_core::pipeline::packer;

use super::survives;

/// A manifest, or rows: an error that says something or an artifact, and the same when read again.
pub fn manifests(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for import in [packer::parse(&*text), packer::machine_readable(&*text)] {
        let import = import.succeeded().aws_account("123456789012").azure_regions(["westeurope"]).gcp_project("acme");
        let named = import.clone().name("acmeinc/web".parse().unwrap()).version("1.0.0".parse().unwrap());
        for import in [import, named] {
            match (import.artifact(), import.artifact()) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(one, other);
                    survives(&one);
                }
                (one, other) => {
                    let [one, other] = [one, other].map(|refused| refused.unwrap_err().to_string());
                    assert_eq!(one, other);
                    assert!(!one.is_empty());
                }
            }
        }
    }
}
