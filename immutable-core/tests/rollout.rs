//! The engine and its driver, judged from outside: tables over `decide`, `settle`, `command` and `evolve`, whole
//! rollouts that once went wrong, rivals and watchers.

mod rollout {
    mod commands;
    mod decide_capacity;
    mod decide_failure;
    mod decide_finish;
    mod decide_gates;
    mod decide_health;
    mod decide_leftovers;
    mod decide_reports;
    mod decide_routes;
    mod decide_traffic;
    mod decide_unseen;
    mod drift;
    mod drift_weights;
    mod evolve;
    mod evolve_any;
    mod evolve_effects;
    mod keep;
    mod kit;
    mod lints;
    mod makespan;
    mod nomad;
    mod once_broken;
    mod patience;
    mod plans;
    mod pool_check;
    mod resize;
    mod rivals;
    mod settle;
    mod shares;
    mod sight;
    mod supersede;
    mod upkeep;
    mod zone_floors;
    mod zones;
    mod zones_amiss;
    mod zones_whole;
}
