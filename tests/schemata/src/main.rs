//! Judges the mutants that `cargo mutants --list --json` names, all of them in one build (mutant schemata; Untch, Offutt and Harrold, 1993): each is
//! written into the source behind a switch, and then every mutant is shown those tests that come by its place. To build each by itself would take
//! longer than to test it.
//!
//! `schemata MUTANTS.json FROM INTO PACKAGE SKIP,… CARGO-ARG…`: `FROM` is the workspace, `INTO` a folder for a copy of it and what is built of it, `SKIP` parts of the
//! names of tests that are not asked. Prints a line for each mutant, what became of it and its name: `caught`, `timeout`, `missed`, `unreached` if no test
//! comes by it, `unviable` if it does not compile, or `alone` if it has to be compiled by itself, should it compile at all.

mod build;
mod embed;
mod judge;

use std::process::ExitCode;

use serde_json::Value;

/// One of cargo-mutants' list.
struct Mutant {
    /// Its place in the list, from 1.
    id: usize,
    name: String,
    file: String,
    line: usize,
    column: usize,
    genre: String,
    replacement: String,
}

impl Mutant {
    fn of(id: usize, said: &Value) -> Option<Self> {
        let text = |of: &Value| of.as_str().map(str::to_owned);
        let number = |of: &Value| of.as_u64().and_then(|number| usize::try_from(number).ok());
        let start = &said["span"]["start"];
        Some(Self {
            id,
            name: text(&said["name"])?,
            file: text(&said["file"])?,
            line: number(&start["line"])?,
            column: number(&start["column"])?,
            genre: text(&said["genre"])?,
            replacement: text(&said["replacement"])?,
        })
    }
}

fn run() -> Result<(), String> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [list, from, into, package, skip, cargo @ ..] = &args[..] else {
        return Err("usage: schemata MUTANTS.json FROM INTO PACKAGE SKIP,... CARGO-ARG...".to_owned());
    };
    let text = std::fs::read_to_string(list).map_err(|why| format!("{list}: {why}"))?;
    let said: Vec<Value> = serde_json::from_str(&text).map_err(|why| format!("{list}: {why}"))?;
    let mutants: Option<Vec<_>> = said.iter().enumerate().map(|(at, said)| Mutant::of(at + 1, said)).collect();
    let mutants = mutants.ok_or_else(|| format!("{list} is no list of cargo-mutants"))?;
    let tree = build::Tree { from: from.into(), at: into.into(), package, cargo };
    let (embedded, unfit) = tree.embed(&mutants)?;
    eprintln!("{} of {} mutants are in one build", embedded.len(), mutants.len());
    let skip: Vec<_> = skip.split(',').filter(|part| !part.is_empty()).collect();
    let judge = judge::Judge::of(&tree, &skip)?;
    let names = |id: usize| &mutants[id - 1].name;
    judge.each(&embedded, |id, verdict| println!("{verdict}\t{}", names(id)));
    for mutant in mutants.iter().filter(|mutant| !embedded.contains(&mutant.id)) {
        // What a function cannot return here it cannot return by itself.
        let never = unfit.contains(&mutant.id) && mutant.genre == "FnValue";
        println!("{}\t{}", if never { "unviable" } else { "alone" }, mutant.name);
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
