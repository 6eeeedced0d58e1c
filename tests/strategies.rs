//! The examples of strategies as a reader meets them: their transcripts, and what they say of wrong input.

mod built;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use built::{example, is_golden, repository, text};

#[test]
fn their_transcripts_are_the_golden_ones() {
    is_golden("blue_green", "rolled back to acmeinc/web 1.1.0: 12 of 12 proven");
    is_golden("canary", "rolled back to acmeinc/web 1.1.0: 10 of 10 proven");
    is_golden("custom_strategy", "replaced by acmeinc/web 1.1.0: 12 of 12 proven");
}

#[test]
fn they_end_the_same_with_other_input() {
    let ends = |name: &str, args: &[&str], last: &str| {
        let output = example(name).args(args).output().expect("it runs");
        assert!(output.status.success(), "{name} {args:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().last(), Some(last), "{name} {args:?}");
    };
    for split in ["weighted", "binary", "pooled"] {
        let last = "rolled back to acmeinc/web 1.1.0: 3 of 3 proven";
        ends("blue_green", &["--split", split, "--size", "3"], last);
    }
    ends("canary", &["--shares", "5%,25%,50%"], "rolled back to acmeinc/web 1.1.0: 10 of 10 proven");
    let steps = r#"[{"scale":{"to":"100%"}},{"approve":{"by":["zoe","bob"],"least":2,"otherwise":"hold"}}]"#;
    ends("custom_strategy", &["--steps", steps], "replaced by acmeinc/web 1.1.0: 12 of 12 proven");
}

#[test]
fn wrong_input_gives_one_clear_line() {
    let refused = |name: &str, args: &[&str], why: &str| {
        let output = example(name).args(args).output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name} {args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("error: ") && said.contains(why), "of {name} {args:?} it said: {said}");
    };
    refused("blue_green", &["--split", "both"], "`both` is no way to divide requests; use weighted, binary or pooled");
    refused("blue_green", &["--size", "0"], "`0` is no size for this walk; use 1 to 10000");
    refused("blue_green", &["--size", "many"], "`many` is no size for this walk");
    refused("canary", &["--shares", "10"], "`10` is no share; write a percentage, as in 10%");
    refused("canary", &["--shares", "a few"], "`a few` is not a number of instances");
    refused("canary", &["--shares", "0%,50%"], "0% is no share to begin with; use 1% to 99%");
    refused("canary", &["--shares", "50%,10%"], "scale up from step to step");
    refused("custom_strategy", &["--steps", "scale"], "these are no steps: expected value at line 1 column 1");
    refused("custom_strategy", &["--steps", "[]"], "a strategy whose last scale does not go to 100% never ends");
    refused("custom_strategy", &["--steps", r#"[{"scale":{"to":"50%"}}]"#], "never ends; add `Step::scale` to 100%");
    refused("custom_strategy", &["--steps", r#"[{"shift":{"to":10}}]"#], "10 is not a share; write a percentage");
}

/// The files of a folder that end so, by name.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.to_string_lossy().ends_with(end)).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn the_diagrams_are_what_is_drawn_now() {
    let pages = repository().join("docs/strategies");
    let drawn = Path::new(env!("CARGO_TARGET_TMPDIR")).join("diagrams");
    std::fs::create_dir_all(&drawn).expect("a folder");
    let folder = if std::env::var_os("UPDATE_GOLDEN").is_some() { &pages } else { &drawn };
    let output = example("diagrams").arg(folder).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for new in files(folder, ".svg") {
        let [new, old] = [&new, &pages.join(name(&new))].map(|file| std::fs::read_to_string(file).unwrap_or_default());
        assert!(new == old, "a diagram has changed; if it should: UPDATE_GOLDEN=1 cargo test --workspace, and look at it");
    }
    let names = |folder: &Path| files(folder, ".svg").iter().map(|file| name(file)).collect::<Vec<_>>();
    assert_eq!(names(folder), names(&pages));
    let missing = example("diagrams").arg("no/such/folder").output().expect("it runs");
    assert_eq!(text(&missing.stderr).lines().count(), 1);
    assert!(text(&missing.stderr).starts_with("error: no/such/folder/rolling.svg cannot be written: "));
}

#[test]
fn the_pages_show_what_was_printed_and_lead_somewhere() {
    let pages = repository().join("docs/strategies");
    let golden: String = ["blue_green", "canary", "custom_strategy"]
        .map(|name| std::fs::read_to_string(repository().join(format!("tests/golden/{name}.txt"))).expect("a transcript"))
        .concat();
    let (mut shown, mut printed) = (BTreeSet::new(), 0);
    for file in files(&pages, ".md") {
        let page = std::fs::read_to_string(&file).expect("a page");
        let blocks = page.split("```text\n").skip(1).filter_map(|block| block.split("```").next());
        printed += blocks.filter(|block| golden.contains(block.trim_end())).count();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            assert!(pages.join(path).exists(), "{} leads to {link}, which is not there", file.display());
            shown.insert(path.to_owned());
        }
    }
    // The others are what a plan was refused with: immutable-core/tests/strategies.rs.
    assert_eq!(printed, 5, "a page shows something that no example prints");
    for diagram in files(&pages, ".svg") {
        assert!(shown.contains(&name(&diagram)), "no page shows {}", diagram.display());
    }
}
