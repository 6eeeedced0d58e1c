//! The engine and its driver, judged from outside: tables over `decide`, `settle`, `command` and `evolve`, whole rollouts under an
//! oracle that knows the truth, rivals and watchers.

mod rollout {
    mod chaos;
    mod commands;
    mod decide_capacity;
    mod decide_failure;
    mod decide_finish;
    mod decide_health;
    mod decide_reports;
    mod evolve;
    mod evolve_any;
    mod evolve_effects;
    mod kit;
    mod once_broken;
    mod oracle;
    mod rivals;
    mod settle;
    mod sight;
    mod whole;
    mod world;
}
