//! A copy of the workspace, with as many mutants in it as can be compiled together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Mutant;
use crate::embed::embed;

pub(crate) struct Tree<'a> {
    /// The workspace.
    pub(crate) from: PathBuf,
    /// Where the copy is, and what is built of it.
    pub(crate) at: PathBuf,
    pub(crate) package: &'a str,
    /// Which targets are built.
    pub(crate) cargo: &'a [String],
}

impl Tree<'_> {
    fn tree(&self) -> PathBuf {
        self.at.join("tree")
    }

    /// Where the tests of the package run.
    pub(crate) fn home(&self) -> PathBuf {
        self.tree().join(self.package)
    }

    fn cargo(&self, verb: &str, args: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.tree()).args([verb, "--locked", "--quiet", "--message-format=json", "--package", self.package]);
        cargo.args(args).stderr(Stdio::inherit());
        // What is switched is warned about in a thousand places.
        cargo.env("RUSTFLAGS", "--cap-lints=allow").env("CARGO_TARGET_DIR", self.at.join("build")).env("CARGO_INCREMENTAL", "0");
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "none").env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        cargo
    }

    /// Writes all into the copy that can be compiled, and says which those are, and which the compiler refused.
    pub(crate) fn embed(&self, mutants: &[Mutant]) -> Result<(BTreeSet<usize>, BTreeSet<usize>), String> {
        self.copy().map_err(|why| format!("{}: {why}", self.at.display()))?;
        let template = include_str!("mutation.rs.in").replace("COUNT", &(mutants.len() + 1).to_string());
        write(&self.home().join("src/mutation.rs"), &template)?;
        let root = self.home().join("src/lib.rs");
        write(&root, &(read(&root)? + "\nmod mutation;\n"))?;
        let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        mutants.iter().for_each(|mutant| files.entry(&mutant.file).or_default().push(mutant));
        let mut unfit = BTreeSet::new();
        loop {
            let mut embedded = BTreeSet::new();
            for (file, mutants) in &files {
                let (text, these) =
                    embed(&read(&self.from.join(file))?, mutants, &unfit).map_err(|why| format!("{file}: {why}"))?;
                write(&self.tree().join(file), &text)?;
                embedded.extend(these);
            }
            let wrong = self.wrong(mutants)?;
            if wrong.is_empty() {
                return Ok((embedded, unfit));
            }
            unfit.extend(wrong);
        }
    }

    /// The files that are tracked, and those that are new.
    fn copy(&self) -> std::io::Result<()> {
        let git = Command::new("git")
            .current_dir(&self.from)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()?;
        let _ = fs::remove_dir_all(self.tree());
        for file in String::from_utf8_lossy(&git.stdout).split_terminator('\0') {
            let (from, to) = (self.from.join(file), self.tree().join(file));
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap_or(&to))?;
                fs::copy(from, to)?;
            }
        }
        Ok(())
    }

    /// Which do not compile: of each error the switch before it.
    fn wrong(&self, mutants: &[Mutant]) -> Result<BTreeSet<usize>, String> {
        let output = self.cargo("check", &["--lib"]).output().map_err(|why| format!("cargo: {why}"))?;
        if output.status.success() {
            return Ok(BTreeSet::new());
        }
        let mut wrong = BTreeSet::new();
        for error in messages(&output.stdout).iter().map(|said| &said["message"]).filter(|said| said["level"] == "error") {
            for span in error["spans"].as_array().into_iter().flatten().filter(|span| span["is_primary"] == true) {
                let number = |of: &str| span[of].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(1);
                let text = read(&self.tree().join(span["file_name"].as_str().unwrap_or_default()))?;
                let (first, last) = (number("line_start") - 1, number("line_end"));
                let before: String =
                    text.lines().nth(first).unwrap_or_default().chars().take(number("column_start") - 1).collect();
                let within: Vec<_> = text.lines().skip(first).take(last - first).collect();
                wrong.extend(switches(&before).last().or_else(|| switches(&within.join("\n")).next()));
            }
        }
        match wrong.is_empty() || wrong.iter().any(|id| *id > mutants.len()) {
            true => Err("it does not compile, and no mutant is to blame: see `cargo check` in the copy".to_owned()),
            false => Ok(wrong),
        }
    }

    /// The programs of the tests.
    pub(crate) fn tests(&self) -> Result<Vec<PathBuf>, String> {
        let args: Vec<_> = self.cargo.iter().map(String::as_str).chain(["--no-run"]).collect();
        let output = self.cargo("test", &args).output().map_err(|why| format!("cargo: {why}"))?;
        if !output.status.success() {
            let said: Vec<_> = messages(&output.stdout)
                .iter()
                .filter_map(|said| Some(said["message"]["rendered"].as_str()?.to_owned()))
                .collect();
            return Err(format!("the tests cannot be built:\n{}", said.concat()));
        }
        Ok(messages(&output.stdout).iter().filter_map(|said| Some(said["executable"].as_str()?.into())).collect())
    }
}

fn switches(text: &str) -> impl Iterator<Item = usize> {
    text.split("mutation::on(").skip(1).filter_map(|rest| rest.split(')').next()?.parse().ok())
}

fn messages(stdout: &[u8]) -> Vec<Value> {
    stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|why| format!("{}: {why}", path.display()))
}
