//! Packer's own files, from Packer 1.6.6, and everything that can be wrong with them.

use immutable_core::artifact::{BuiltFile, Digest};
use immutable_core::pipeline::packer;
use immutable_core::{Artifact, ArtifactName, ErrorKind, Version};

const ACCOUNT: &str = "123456789012";
const ROWS: &str = include_str!("fixtures/packer-1.6.6-machine-readable.txt");
const FAILED_ROWS: &str = include_str!("fixtures/packer-1.6.6-machine-readable-failed.txt");

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/packer-1.6.6-{name}", env!("CARGO_MANIFEST_DIR"))
}

fn name() -> ArtifactName {
    "acmeinc/web".parse().unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn images(artifact: &Artifact) -> Vec<String> {
    artifact.images().map(ToString::to_string).collect()
}

/// A manifest of one run, `run-1`, of these builds: `(name, type, artifact id, custom data)`.
fn manifest(builds: &[(&str, &str, &str, &str)]) -> String {
    let build = |(name, kind, id, data): &(&str, &str, &str, &str)| {
        format!(
            r#"{{"name":"{name}","builder_type":"{kind}","files":null,"artifact_id":"{id}","packer_run_uuid":"run-1","custom_data":{data}}}"#
        )
    };
    format!(r#"{{"builds":[{}],"last_run_uuid":"run-1"}}"#, builds.iter().map(build).collect::<Vec<_>>().join(","))
}

const NAMED: &str = r#"{"name":"acmeinc/web","version":"1.0.0"}"#;

#[test]
fn a_manifest_becomes_an_artifact() {
    for (release, east, west, at) in [
        ("1.0.0", "ami-cac44bc49d8b65306", "ami-ed7f6192739ed1205", "2026-11-21T03:50:27.000Z"),
        ("1.1.0", "ami-99cc2c34afa728d7b", "ami-d72dfa3892070ad3c", "2026-11-21T03:50:27.000Z"),
        ("1.2.0", "ami-010e2e4e8f21afbb8", "ami-ebacfddbdc2d2aa44", "2026-11-21T03:50:28.000Z"),
    ] {
        let path = fixture(&format!("acmeinc-web-{release}.json"));
        let web = packer::read(&path).expect(["amazon-ebs"]).aws_account(ACCOUNT).artifact().unwrap();
        assert_eq!(web.to_string(), format!("acmeinc/web {release}"));
        assert_eq!(images(&web), [format!("{east} in aws/{ACCOUNT}/us-east-1"), format!("{west} in aws/{ACCOUNT}/us-west-2")]);
        let provenance = web.provenance();
        assert_eq!((provenance.builder.as_str(), provenance.built_at.unwrap().to_string().as_str()), ("amazon-ebs", at));
        let labels: Vec<_> = provenance.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(labels, ["source_commit=9fceb02d0ae598e95dc970b74767f19372d61af8"]);

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("\"last_run_uuid\": \"{}\"", provenance.build_id)));
        let parsed = packer::parse(text).succeeded().aws_account(ACCOUNT).artifact().unwrap();
        assert_eq!(parsed, web, "what is known of the run beside the manifest does not change what was built");
        let shipped = format!("{}/../examples/manifests/acmeinc-web-{release}.json", env!("CARGO_MANIFEST_DIR"));
        assert_eq!(packer::read(shipped).succeeded().aws_account(ACCOUNT).artifact().unwrap(), web);
    }
}

#[test]
fn only_the_last_run_counts() {
    let web = packer::read(fixture("manifest-3runs.json")).expect(["a", "img"]).name(name()).artifact().unwrap();
    assert_eq!(web.to_string(), "acmeinc/web 1.2.3");
    assert_eq!(web.provenance().build_id, "ba346198-430a-d842-6dab-63e58e709ca4");
    assert_eq!(web.provenance().built_at.unwrap().as_millis(), 1_795_226_275_000);
    assert_eq!(web.provenance().builder, "file+null");
    assert_eq!(web.files(), [BuiltFile { name: "image.raw".to_owned(), size: Some(12) }]);
    assert_eq!(web.images().count(), 0);
}

#[test]
fn the_callers_word_goes_before_custom_data() {
    let base = Digest::of(b"base");
    let import = packer::read(fixture("manifest-amazon-ebs.json")).expect(["amazon-ebs"]).aws_account(ACCOUNT).name(name());
    let web = import.clone().artifact().unwrap();
    assert_eq!((web.to_string().as_str(), web.provenance().base), ("acmeinc/web 1.0.0", None));
    let web = import.version(version("2.0.0")).base(base).build_id("ci-7").artifact().unwrap();
    assert_eq!((web.to_string().as_str(), web.provenance().base), ("acmeinc/web 2.0.0", Some(base)));
    assert_eq!(web.provenance().build_id, "ci-7");
}

#[test]
fn an_artifact_is_marked_irreversible_by_the_caller_alone() {
    let text = manifest(&[("web", "null", "Null", r#"{"name":"acmeinc/web","version":"1.0.0","irreversible":"a label"}"#)]);
    let import = packer::parse(text).succeeded();
    let plain = import.clone().artifact().unwrap();
    assert_eq!((plain.irreversible(), plain.provenance().labels["irreversible"].as_str()), (None, "a label"));
    let marked = import.clone().irreversible("schema 12").artifact().unwrap();
    assert_eq!(marked.irreversible(), Some("schema 12"));
    assert_ne!(marked.digest(), plain.digest());
    let error = import.irreversible("").artifact().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_failed_run_that_wrote_its_other_builds_is_refused() {
    let import = packer::read(fixture("manifest-partial-failure.json")).name(name()).version(version("1.0.0"));
    let path = fixture("manifest-partial-failure.json");
    assert_eq!(
        import.clone().expect(["a", "b"]).artifact().unwrap_err().to_string(),
        format!(
            "build b is missing from run e9876d47-d086-6945-8ce1-a7e40a44226c in {path}, which has a; it failed or was not run, so nothing of the run is taken"
        )
    );
    assert_eq!(
        import.clone().artifact().unwrap_err().to_string(),
        format!(
            "nothing says that {path} is of a whole run, since Packer writes what succeeded of a failed one too; name the builds with expect([..]), or say succeeded() if packer exited with 0"
        )
    );
    let web = import.expect(["a"]).artifact().unwrap();
    assert_eq!((web.images().count(), web.files().len()), (0, 0), "a null build makes nothing");
}

#[test]
fn each_expectation_stands_for_a_build_of_its_own() {
    let two = manifest(&[("web", "null", "Null", NAMED), ("null", "null", "Null", NAMED)]);
    let expect = |expected: &[&str]| packer::parse(two.as_str()).expect(expected.iter().copied()).artifact().map(|_| ());
    assert!(expect(&["web"]).is_ok());
    assert!(expect(&["null"]).is_ok());
    assert!(expect(&["null", "null"]).is_ok(), "one by its name, one by its type");
    assert!(expect(&["null", "web"]).is_ok(), "a type does not use up what is named");
    assert_eq!(
        expect(&["null", "null", "null"]).unwrap_err().to_string(),
        "build null is missing from run run-1 in the manifest, which has web, null; it failed or was not run, so nothing of the run is taken"
    );
}

#[test]
fn machine_readable_rows_become_an_artifact() {
    let import = packer::machine_readable(ROWS).name(name()).version(version("1.0.0"));
    for expected in [["web.null.a", "web.file.img"], ["a", "img"], ["null", "file"]] {
        let web = import.clone().expect(expected).artifact().unwrap();
        assert_eq!(web.provenance().builder, "file+null");
        assert_eq!(web.provenance().build_id, Digest::of(ROWS.as_bytes()).to_string());
        assert_eq!(web.provenance().built_at.unwrap().as_millis(), 1_795_225_446_000);
        assert_eq!(web.files(), [BuiltFile { name: "out/image.raw".to_owned(), size: None }], "what post-processors made is not");
    }
    let missing = import.expect(["db.null.a"]).artifact().unwrap_err().to_string();
    assert!(missing.starts_with("build db.null.a is missing from run sha256:"), "{missing}");
}

#[test]
fn machine_readable_commas_are_read_back() {
    let rows = ROWS
        .replace("fnoeding.null", "mitchellh.amazonebs")
        .replace("id,Null", "id,us-east-1:ami-1a%!(PACKER_COMMA)us-west-2:ami-2b")
        .replace("file,0,out/image.raw", "file,0,out/a%!(PACKER_COMMA) b.raw");
    let import = packer::machine_readable(rows).succeeded().name(name()).version(version("1.0.0")).aws_account(ACCOUNT);
    let web = import.artifact().unwrap();
    assert_eq!(images(&web), [format!("ami-1a in aws/{ACCOUNT}/us-east-1"), format!("ami-2b in aws/{ACCOUNT}/us-west-2")]);
    assert_eq!(web.files()[0].name, "out/a, b.raw");
}

#[test]
fn machine_readable_rows_that_are_not_whole_are_refused() {
    let refused = |rows: &str| {
        let import = packer::machine_readable(rows).succeeded().name(name()).version(version("1.0.0"));
        import.artifact().unwrap_err().to_string()
    };
    assert_eq!(
        refused(FAILED_ROWS),
        "build null.b of the output failed: Script exited with non-zero exit status: 3.Allowed exit codes are: [0]"
    );
    let nameless = FAILED_ROWS.replace("null.b,error,", "null.b,other,");
    assert_eq!(refused(&nameless), "the output counts 1 failed builds and does not name them; build again");
    assert_eq!(refused(""), "the output has no artifacts; give the whole output of packer build -machine-readable");
    let second = ROWS.find("web.null.a,artifact,2,end").unwrap();
    assert_eq!(
        refused(&ROWS[..second]),
        "build web.null.a of the output announces 3 artifacts, and number 2 is not as announced; the output was cut"
    );
    assert_eq!(
        refused(&ROWS.replace("web.file.img,artifact,0,file,0,out/image.raw\n", "\n")),
        "build web.file.img of the output announces 3 artifacts, and number 0 is not as announced; the output was cut",
        "a file less than announced"
    );
    assert_eq!(
        refused(&ROWS.replace("web.null.a,artifact-count,3", "web.null.a,artifact-count,2")),
        "build web.null.a of the output announces 2 artifacts, and number 2 is not as announced; the output was cut",
        "an artifact more than announced"
    );
    assert_eq!(
        refused(&ROWS.replace("web.null.a,artifact-count,3", "")),
        "build web.null.a of the output does not say how many artifacts it has; the output was cut"
    );
    assert_eq!(
        refused(&ROWS.replace("packer.file", "transcend.qemu")),
        "build web.file.img of the output is by the builder of id `transcend.qemu`, which is not understood; these types are: amazon-ebs, amazon-ebssurrogate, amazon-chroot, amazon-instance, azure-arm, googlecompute, file, null"
    );
    assert_eq!(
        refused(&ROWS.replacen("id,File", "id,Other", 1)),
        "build web.file.img of the output has two artifacts of its builder, `Other` and `File`, of which only one can be it"
    );
    // Whatever is cut off, at whatever byte, either nothing of a build is there or it is refused; never half of one.
    let all = ["web.null.a", "web.file.img"];
    for end in (0..ROWS.trim_end().len()).filter(|end| ROWS.is_char_boundary(*end)) {
        let import = packer::machine_readable(&ROWS[..end]).expect(all).name(name()).version(version("1.0.0"));
        let whole = import.artifact();
        let after_the_last_row = ROWS[..end].contains("web.file.img,artifact,2,end");
        assert_eq!(whole.is_ok(), after_the_last_row, "cut at {end}");
    }
}

#[test]
fn every_cloud_has_its_place() {
    let lower = |id: &str| id.to_lowercase();
    let managed = "/subscriptions/5ub/resourceGroups/images/providers/Microsoft.Compute/images/web-1";
    let gallery = "/subscriptions/5ub/resourceGroups/images/providers/Microsoft.Compute/galleries/g/images/web/versions/1.0.0";
    let all = |azure| {
        manifest(&[
            ("a", "amazon-ebssurrogate", "eu-west-1:ami-0a", NAMED),
            ("b", "azure-arm", azure, "null"),
            ("c", "googlecompute", "web-17", "{}"),
        ])
    };
    let import = |azure| packer::parse(all(azure)).expect(["a", "b", "c"]).aws_account(ACCOUNT).gcp_project("acme-images");
    let web = import(managed).azure_regions(["westeurope"]).artifact().unwrap();
    assert_eq!(web.provenance().builder, "amazon-ebssurrogate+azure-arm+googlecompute");
    assert_eq!(
        images(&web),
        [
            format!("ami-0a in aws/{ACCOUNT}/eu-west-1"),
            format!("{} in azure/5ub/westeurope", lower(managed)),
            "projects/acme-images/global/images/web-17 in gcp/acme-images/global".to_owned(),
        ]
    );
    let web = import(gallery).azure_regions(["westeurope", "northeurope"]).artifact().unwrap();
    assert_eq!(
        images(&web)[1..3],
        ["northeurope", "westeurope"].map(|region| format!("{} in azure/5ub/{region}", lower(gallery)))
    );

    let refused = |import: packer::Import| import.artifact().unwrap_err().to_string();
    assert_eq!(
        refused(import(managed)),
        "build b of the manifest made an Azure image, whose id does not say in which region it is; give azure_regions([..])"
    );
    assert_eq!(
        refused(import(managed).azure_regions(["westeurope", "northeurope"])),
        "build b of the manifest made a managed image, which is in one region and not in northeurope, westeurope; publish it to a gallery to have it in several"
    );
    for wrong in ["UNKNOWN ID", "https://acme.blob.core.windows.net/system/web.vhd", &gallery.replace("1.0.0", "latest")] {
        assert_eq!(
            refused(import(wrong).azure_regions(["westeurope"])),
            format!(
                "build b of the manifest has the artifact id `{wrong}`, which is neither a managed image (/subscriptions/…/images/web) nor a gallery's version (/subscriptions/…/galleries/…/images/web/versions/1.0.0)"
            )
        );
    }
}

#[test]
fn labels_on_which_builds_disagree_are_kept_for_each() {
    let arm = r#"{"arch":"arm64","commit":"9fceb02"}"#;
    let x86 = r#"{"arch":"x86_64","commit":"9fceb02","name":"acmeinc/web","version":"1.0.0"}"#;
    let text = manifest(&[("arm", "null", "Null", arm), ("x86", "null", "Null", x86)]);
    let labels = packer::parse(text).succeeded().artifact().unwrap().provenance().labels.clone();
    let labels: Vec<_> = labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(labels, ["arm.arch=arm64", "commit=9fceb02", "x86.arch=x86_64"]);
}

#[test]
fn what_is_wrong_is_said_in_one_line_that_names_it() {
    let ebs = |id: &str| manifest(&[("web", "amazon-ebs", id, NAMED)]);
    let null = |data: &str| manifest(&[("web", "null", "Null", data)]);
    for (text, message) in [
        ("{".to_owned(), "the manifest is not a Packer manifest: EOF while parsing an object at line 1 column 1"),
        (
            "[]".to_owned(),
            "the manifest is not a Packer manifest: invalid length 0, expected an object with builds and last_run_uuid at line 1 column 2",
        ),
        (
            r#"{"builds":"none","last_run_uuid":"x"}"#.to_owned(),
            "the manifest is not a Packer manifest: invalid type: string \"none\", expected a sequence at line 1 column 16",
        ),
        (
            r#"{"builds":[]}"#.to_owned(),
            "the manifest is not a Packer manifest: missing field `last_run_uuid` at line 1 column 13",
        ),
        (
            r#"{"builds":[],"last_run_uuid":"x"}"#.to_owned(),
            "the manifest has no builds; run packer build with the manifest post-processor",
        ),
        (
            null(NAMED).replace(r#""last_run_uuid":"run-1""#, r#""last_run_uuid":"run-2""#),
            "the manifest has no build of its last run, `run-2`; delete it and run packer build again",
        ),
        (
            manifest(&[("disk", "qemu", "VM", "null")]),
            "build disk of the manifest is of builder type `qemu`, which is not understood; these are: amazon-ebs, amazon-ebssurrogate, amazon-chroot, amazon-instance, azure-arm, googlecompute, file, null",
        ),
        (
            null("null"),
            "the manifest gives the artifact no name; put `name` into the custom_data of Packer's manifest post-processor, or give name(..)",
        ),
        (
            null(r#"{"name":"acmeinc/web"}"#),
            "the manifest gives the artifact no version; put `version` into the custom_data of Packer's manifest post-processor, or give version(..)",
        ),
        (
            null(r#"{"name":"acmeinc/web","version":"v1"}"#),
            "build web of the manifest has a version in its custom_data that is none: `v1` is not a semantic version: unexpected character 'v' while parsing major version number; write it as 1.2.0",
        ),
        (
            manifest(&[("a", "null", "Null", NAMED), ("b", "null", "Null", r#"{"version":"2.0.0"}"#)]),
            "the builds of the manifest disagree on the version: a says 1.0.0 and b says 2.0.0; make them agree, or give version(..)",
        ),
        (
            ebs("ami-1234"),
            "build web of the manifest has the artifact id `ami-1234`, which is not like us-east-1:ami-a,us-west-2:ami-b",
        ),
        (
            ebs("us-east-1:ami-1,us-east-1:ami-2"),
            "acmeinc/web 1.0.0 has two images in aws/123456789012/us-east-1: ami-1 and ami-2; give each a name of its own",
        ),
        (
            ebs("us east:ami-1"),
            "build web of the manifest has an image in no possible place: `aws/123456789012/us east` is not a place; write it as provider/scope/region, as in aws/123456789012/us-east-1",
        ),
        (manifest(&[("img", "file", "File", NAMED)]), "build img of the manifest has no files"),
        (
            manifest(&[("web", "googlecompute", "Web 1", NAMED)]),
            "build web of the manifest has the artifact id `Web 1`, which is not a GCP image's name, such as web-1700000000",
        ),
    ] {
        let error = packer::parse(text).succeeded().aws_account(ACCOUNT).gcp_project("acme").artifact().unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, message));
    }
    let homeless =
        |kind, id| packer::parse(manifest(&[("web", kind, id, NAMED)])).succeeded().artifact().unwrap_err().to_string();
    assert_eq!(
        homeless("amazon-ebs", "us-east-1:ami-1"),
        "build web of the manifest made AMIs, whose ids don't say whose they are; give aws_account(..)"
    );
    assert_eq!(
        homeless("googlecompute", "web-1"),
        "build web of the manifest made a GCP image, whose name does not say whose it is; give gcp_project(..)"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = packer::read("no/such/manifest.json").succeeded().artifact().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "there is no file no/such/manifest.json; give the `output` of Packer's manifest post-processor"
    );
    let folder = env!("CARGO_MANIFEST_DIR");
    let error = packer::read(folder).succeeded().artifact().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{folder} cannot be read: ")), "{error}");
    let rows = fixture("machine-readable.txt");
    let error = packer::read(&rows).succeeded().artifact().unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{rows} is not a Packer manifest: invalid type: integer `1795225446`, expected an object with builds and last_run_uuid at line 1 column 10"
        )
    );
}
