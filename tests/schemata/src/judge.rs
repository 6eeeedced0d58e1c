//! Shows each mutant the tests that come by its place, the quick ones first, until one fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::build::Tree;

/// How long a test may take that is shown to mutants together with others of its program.
const QUICK: Duration = Duration::from_millis(50);

/// What takes longer than this, and than twenty times as long as without the mutant, does not end.
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Test {
    program: PathBuf,
    name: String,
    takes: Duration,
}

pub(crate) struct Judge {
    home: PathBuf,
    /// The tests that come by each mutant.
    by: BTreeMap<usize, Vec<Test>>,
}

impl Judge {
    /// Runs each test by itself once, to know where it comes by. All have to pass.
    pub(crate) fn of(tree: &Tree<'_>, skip: &[&str]) -> Result<Self, String> {
        let (home, passed) = (tree.home(), tree.at.join("passed"));
        fs::create_dir_all(&passed).map_err(|why| format!("{}: {why}", passed.display()))?;
        let mut tests = Vec::new();
        for program in tree.tests()? {
            let listed = Command::new(&program).current_dir(&home).args(["--list", "--format", "terse"]).output();
            let listed = listed.map_err(|why| format!("{}: {why}", program.display()))?;
            let named = String::from_utf8_lossy(&listed.stdout).into_owned();
            let asked = named
                .lines()
                .filter_map(|line| line.strip_suffix(": test"))
                .filter(|name| !skip.iter().any(|part| name.contains(part)));
            tests.extend(asked.map(|name| (program.clone(), name.to_owned())));
        }
        let (by, failed) = (Mutex::new(BTreeMap::<usize, Vec<Test>>::new()), Mutex::new(Vec::new()));
        let numbers: Vec<_> = (0..tests.len()).collect();
        at_once(&numbers, |number| {
            let (program, name) = &tests[*number];
            let path = passed.join(number.to_string());
            let _ = fs::remove_file(&path);
            let mut command = command(program, &home, &[name]);
            let start = Instant::now();
            let status = command.env("MUTANTS_PASSED", &path).status();
            let test = Test { program: program.clone(), name: name.clone(), takes: start.elapsed() };
            if !status.is_ok_and(|status| status.success()) {
                failed.lock().expect("no panic").push(name.clone());
            }
            let came_by = fs::read_to_string(&path).unwrap_or_default();
            let mut by = by.lock().expect("no panic");
            came_by.lines().filter_map(|id| id.parse().ok()).for_each(|id| by.entry(id).or_default().push(test.clone()));
        });
        let failed = failed.into_inner().expect("no panic");
        if !failed.is_empty() {
            return Err(format!("without any mutant these fail: {}", failed.join(", ")));
        }
        eprintln!("{} tests", tests.len());
        Ok(Self { home, by: by.into_inner().expect("no panic") })
    }

    /// What becomes of each: `caught`, `timeout`, `missed`, or `unreached` if no test comes by.
    pub(crate) fn each(&self, mutants: &BTreeSet<usize>, tell: impl Fn(usize, &str) + Sync) {
        let mutants: Vec<_> = mutants.iter().copied().collect();
        at_once(&mutants, |id| {
            tell(*id, self.judge(*id));
        });
    }

    fn judge(&self, id: usize) -> &'static str {
        let Some(tests) = self.by.get(&id) else { return "unreached" };
        let (quick, mut slow): (Vec<&Test>, Vec<&Test>) = tests.iter().partition(|test| test.takes < QUICK);
        let mut together: BTreeMap<&Path, Vec<&Test>> = BTreeMap::new();
        quick.into_iter().for_each(|test| together.entry(&test.program).or_default().push(test));
        let mut together: Vec<_> = together.into_values().collect();
        together.sort_by_key(|tests| tests.iter().map(|test| test.takes).sum::<Duration>());
        slow.sort_by_key(|test| test.takes);
        for tests in together.into_iter().chain(slow.into_iter().map(|test| vec![test])) {
            let takes: Duration = tests.iter().map(|test| test.takes).sum();
            let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
            let program = &tests[0].program;
            let mut command = command(program, &self.home, &names);
            // It ran before: that it cannot be started is nothing that a test has noticed.
            let child = command.env("MUTANT", id.to_string()).spawn().expect("the tests can be started");
            match ends(child, AT_LEAST.max(takes * 20)) {
                Some(true) => {}
                Some(false) => return "caught",
                None => return "timeout",
            }
        }
        "missed"
    }
}

fn command(program: &Path, home: &Path, names: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).args(["--exact", "--test-threads", "1"]).args(names);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether it succeeds; none if it had to be killed.
fn ends(mut child: Child, within: Duration) -> Option<bool> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if start.elapsed() < within => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// As many at once as there are cores.
fn at_once<T: Sync>(all: &[T], of: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    of(one);
                }
            });
        }
    });
}
