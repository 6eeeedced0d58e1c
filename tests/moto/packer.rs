//! With real tools: Packer builds two images, the program replaces one by the other, and boto3 looks at what is there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_ec2::types::Filter;
use immutable_core::Result;
use serde_json::Value;

use crate::account::{Account, endpoint, failed};
use crate::built::{example, repository, text};
use crate::program::of;

/// Runs a tool, which must be there and succeed; what it said.
fn done(mut tool: Command) -> String {
    let name = tool.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } =
        tool.output().unwrap_or_else(|why| panic!("{name} does not start ({why}); ./tests/run moto installs what it needs"));
    assert!(status.success(), "{name}: {status}\n{}\n{}", text(&stdout), text(&stderr));
    text(&stdout)
}

/// Has Packer build an image, and returns the manifest and the image's id.
async fn build(account: &Account, folder: &Path, version: &str) -> Result<(PathBuf, String)> {
    let ec2 = aws_sdk_ec2::Client::new(&account.config);
    let of_amazon = ec2.describe_images().owners("amazon");
    let ebs = of_amazon.filters(Filter::builder().name("root-device-type").values("ebs").build());
    let images = ebs.send().await.map_err(failed)?;
    let base = images.images().iter().filter_map(|image| image.image_id()).min().expect("moto has images of Amazon's");
    let manifest = folder.join(format!("{version}.json"));
    let mut packer = of(Command::new("packer"), account);
    packer.env("CHECKPOINT_DISABLE", "1").current_dir(folder).arg("build").arg("-color=false");
    let variables =
        [("version", version), ("endpoint", &endpoint()), ("source_ami", base), ("output", manifest.to_str().expect("a path"))];
    packer.args(variables.iter().flat_map(|(name, value)| ["-var".to_owned(), format!("{name}={value}")]));
    packer.arg(repository().join("tests/moto/web.json").canonicalize().expect("it is there"));
    done(packer);
    let written: Value = serde_json::from_slice(&std::fs::read(&manifest).expect("Packer has written it")).expect("JSON");
    let id = written["builds"][0]["artifact_id"].as_str().expect("an id");
    Ok((manifest.clone(), id.strip_prefix("us-east-1:").expect("of the region").to_owned()))
}

/// What boto3 sees.
fn look(account: &Account) -> Value {
    let python = std::env::var("IMMUTABLE_MOTO_PYTHON").expect("IMMUTABLE_MOTO_PYTHON has boto3: run ./tests/run moto");
    let mut look = of(Command::new(python), account);
    look.arg(repository().join("tests/moto/look.py"));
    serde_json::from_str(&done(look)).expect("JSON")
}

fn program(account: &Account, manifests: &[&Path]) -> Command {
    let mut program = of(example("aws_rollout"), account);
    program.args(["--endpoint", &endpoint(), "--fleet", "shop", "--size", "4", "--bake", "3", "--lag", "1"]);
    program.args(manifests.iter().flat_map(|path| [Path::new("--manifest"), path]));
    program
}

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("immutable-packer-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn what_packer_built_replaces_what_packer_built() -> Result<()> {
    let (account, folder) = (Account::new().await?, Folder::new());
    let (first, _) = build(&account, &folder.0, "1.0.0").await?;
    let (next, image) = build(&account, &folder.0, "1.1.0").await?;
    // Packer's own machines are gone by then.
    assert_eq!(account.live().await?, [""; 0]);

    let told = done(program(&account, &[&first, &next]));
    assert!(told.contains("operator: approve"), "{told}");

    let there = look(&account);
    let count = |what: &str| there[what].as_array().map(Vec::len);
    assert_eq!((count("instances"), count("groups"), count("templates")), (Some(4), Some(1), Some(1)), "{there:#}");
    assert_eq!(there["images"], serde_json::json!([image]), "{there:#}");
    assert_eq!(there["fleets"], serde_json::json!(["shop"]), "{there:#}");
    let group = &there["groups"][0];
    assert_eq!((&group["members"], &group["size"]), (&there["instances"], &Value::from(4)), "{there:#}");
    assert_eq!(group["template"], there["templates"][0], "{there:#}");
    // Everybody's requests go to the one target group that the new ones are in, and nobody else is in any.
    let arn = group["target_groups"][0].as_str().expect("a target group");
    let weights = there["weights"].as_object().expect("weights");
    assert_eq!(weights.len(), 2, "{there:#}");
    assert!(weights.iter().all(|(other, weight)| (weight.as_u64() > Some(0)) == (other == arn)), "{there:#}");
    assert_eq!(there["healthy"][arn], there["instances"], "{there:#}");
    Ok(())
}
