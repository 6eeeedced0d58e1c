//! What the simulation has found in the engine: the shortest script that showed it, by what was wrong.

use immutable_core::simulation::{Patience, Script, Simulation};

/// What was wrong, and a script that shows it.
const FOUND: &[(&str, &str)] = &[
    (
        "a first instance lost to the platform used up the only attempt, and the rollout then waited for its deadline",
        r#"{"seed":111,"cloud":{"boot":[42,130],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":5},"strategy":{"max_surge":3,"max_unavailable":0,"max_failed":"25%","probe_attempts":1,"progress_deadline":"21m","rollback_deadline":"1h 5m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":101,"what":{"kill":11}}],"crashes":[{"rollout":1,"at":{"after":18},"down":8}]}"#,
    ),
    (
        "one that was removed in a black-out, charged to nobody, used up an attempt",
        r#"{"seed":64,"cloud":{"boot":[65,65],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":"25%","probe_attempts":2,"progress_deadline":"29m","rollback_deadline":"1h 12m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"never_boots"}],"disturbances":[{"rollout":1,"at":275,"what":{"black_out":420}}]}"#,
    ),
    (
        "two were retired for one first instance, the second while the first was not yet seen to be gone",
        r#"{"seed":504,"cloud":{"boot":[26,123],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":10,"boot_deadline":600,"poll":5},"strategy":{"max_surge":0,"max_unavailable":3,"max_failed":0,"probe_attempts":2,"progress_deadline":"37m","rollback_deadline":"27m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":7,"release":"good"},{"size":2,"release":"good"}]}"#,
    ),
    (
        "the same, where the first was only accepted",
        r#"{"seed":539,"cloud":{"boot":[63,63],"drain":0,"latency_ms":3000,"operations_take":10,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":0,"max_unavailable":3,"max_failed":0,"probe_attempts":2,"progress_deadline":"21m","rollback_deadline":"1h 6m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"good"}]}"#,
    ),
    (
        "of a group not seen now, a leaver and the one that is to replace it counted as one: the ceiling was broken",
        r#"{"seed":809,"cloud":{"boot":[53,111],"drain":90,"latency_ms":0,"operations_take":0,"heals":"always"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":600,"poll":5},"strategy":{"max_surge":0,"max_unavailable":2,"max_failed":"25%","probe_attempts":1,"progress_deadline":"15m","rollback_deadline":"37m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":294,"what":{"sicken":[0,900]}}],"wire":{"until":650,"throttled":42,"late":34,"stale":342,"late_by":60,"stale_by":60}}"#,
    ),
    (
        "a whole fleet that was said to be ill was taken down as soon as a page was missing",
        r#"{"seed":8181,"cloud":{"boot":[35,68],"drain":90,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":30,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":0,"max_failed":1,"probe_attempts":2,"progress_deadline":"23m","rollback_deadline":"1h 16m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"never_boots"}],"disturbances":[{"rollout":1,"at":824,"what":{"swap":[10,34]}},{"rollout":1,"at":395,"what":{"lie":646}}],"wire":{"until":1468,"slow":49,"partial":277,"late_by":5,"stale_by":10}}"#,
    ),
    (
        "a fleet that came back under a lie was taken down at its boot deadline",
        r#"{"seed":3585,"cloud":{"boot":[45,45],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":15},"strategy":{"max_surge":"10%","max_unavailable":3,"max_failed":"25%","probe_attempts":2,"progress_deadline":"16m","rollback_deadline":"1h 12m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":0,"release":"good"},{"size":5,"release":"never_boots"}],"disturbances":[{"rollout":2,"at":253,"what":{"lie":554}}]}"#,
    ),
    (
        "a deadline that passed under a lie turned the rollout round, and took the fleet down for a baseline that was not there yet",
        r#"{"seed":319037,"cloud":{"boot":[78,167],"drain":0,"latency_ms":0,"operations_take":10,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":15},"strategy":{"max_surge":3,"max_unavailable":2,"max_failed":"25%","probe_attempts":2,"progress_deadline":"14m","rollback_deadline":"24m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":4,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":423,"what":{"lie":835}}]}"#,
    ),
    (
        "a call that the provider had accepted, unheard, was withdrawn, and done later",
        r#"{"seed":105849,"cloud":{"boot":[74,114],"drain":20,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":3,"min_ready":10,"boot_deadline":300,"poll":5},"strategy":{"max_surge":1,"max_unavailable":"25%","max_failed":"25%","probe_attempts":1,"progress_deadline":"32m","rollback_deadline":"35m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":5,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":383,"what":{"lie":148}}],"wire":{"until":484,"error":21,"lost_request":155,"lost_reply":167,"late":158,"partial":143,"late_by":5,"stale_by":60}}"#,
    ),
    (
        "an end was decided that could not follow: the generation was deleted by somebody while its rollout was finishing",
        r#"{"seed":100764,"cloud":{"boot":[69,134],"drain":20,"latency_ms":0,"operations_take":70,"heals":"switchable"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":1,"max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"21m","rollback_deadline":"34m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":571,"what":{"delete_group":4}}],"wire":{"until":719,"error":89,"lost_reply":69,"late":196,"stale":326,"late_by":5,"stale_by":10},"journal":{"until":620,"lost_request":12,"late":157,"slow":74,"late_by":1},"crashes":[{"rollout":1,"at":{"seconds":314},"down":6},{"rollout":1,"at":{"after":64},"down":4}]}"#,
    ),
    (
        "a release that was revoked while its rollout was finishing, one short, was waited for without end",
        r#"{"seed":109532,"cloud":{"boot":[47,76],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":600,"poll":2},"strategy":{"max_surge":3,"max_unavailable":3,"max_failed":"25%","probe_attempts":1,"progress_deadline":"28m","rollback_deadline":"1h 4m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":555,"what":{"kill":14}},{"rollout":1,"at":593,"what":{"launches_short":2}},{"rollout":1,"at":720,"what":"revoke"}]}"#,
    ),
    (
        "an owed raise was renewed beyond the goal, which somebody else had brought meanwhile",
        r#"{"seed":302419,"cloud":{"boot":[62,81],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":1,"max_unavailable":"25%","max_failed":1,"probe_attempts":2,"progress_deadline":"19m","rollback_deadline":"43m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":1,"release":"again"}],"disturbances":[{"rollout":1,"at":97,"what":{"set_size":[2,5]}}],"wire":{"until":21,"lost_request":77,"lost_reply":190,"slow":296,"late_by":5,"stale_by":60},"crashes":[{"rollout":1,"at":{"after":22},"down":262}]}"#,
    ),
    (
        "a proven release that was to be resized was charged with what its provider had told of before",
        r#"{"seed":19721,"cloud":{"boot":[13,13],"drain":0,"latency_ms":0,"operations_take":0,"heals":"always"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":1,"max_unavailable":0,"max_failed":0,"probe_attempts":2,"progress_deadline":"22m","rollback_deadline":"30m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"never_boots"},{"size":0,"release":"again"}],"disturbances":[{"rollout":1,"at":181,"what":{"sicken":[1,560]}},{"rollout":1,"at":197,"what":{"sicken":[15,323]}}]}"#,
    ),
    (
        "beside the size that somebody else had set, only just, more was asked for than the goal",
        r#"{"seed":514117,"cloud":{"boot":[13,128],"drain":0,"latency_ms":200,"operations_take":10,"heals":"never"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":240,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":"100%","max_failed":1,"probe_attempts":2,"progress_deadline":"28m","rollback_deadline":"1h 4m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":7,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":94,"what":{"capacity":[1,82]}},{"rollout":1,"at":95,"what":{"set_size":[5,5]}}],"wire":{"until":116,"throttled":84,"slow":260,"late_by":20,"stale_by":10}}"#,
    ),
    (
        "of what somebody else had added, one that served was retired while the first instance booted, in a view that lacked the others",
        r#"{"seed":512873,"cloud":{"boot":[54,88],"drain":20,"latency_ms":200,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":240,"poll":2},"strategy":{"max_surge":0,"max_unavailable":"100%","max_failed":0,"probe_attempts":1,"progress_deadline":"27m","rollback_deadline":"54m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":3,"release":"never_boots"}],"disturbances":[{"rollout":1,"at":95,"what":{"set_size":[0,4]}}],"wire":{"until":120,"lost_reply":182,"stale":133,"partial":282,"late_by":5,"stale_by":10}}"#,
    ),
    (
        "a call about a group that somebody had deleted was sent again without end",
        r#"{"seed":319243,"cloud":{"boot":[37,37],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":15},"strategy":{"max_surge":"25%","max_unavailable":3,"max_failed":"25%","probe_attempts":1,"progress_deadline":"15m","rollback_deadline":"40m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":0,"release":"again"}],"disturbances":[{"rollout":1,"at":227,"what":{"delete_group":1}}],"crashes":[{"rollout":1,"at":{"after":13},"down":310}]}"#,
    ),
    (
        "the same, of one group of several",
        r#"{"seed":310117,"cloud":{"boot":[81,81],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":0,"max_failed":"25%","probe_attempts":2,"progress_deadline":"13m","rollback_deadline":"48m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":4,"release":"good"}],"disturbances":[{"rollout":1,"at":461,"what":{"delete_group":2}}],"crashes":[{"rollout":1,"at":{"before":112},"down":395}]}"#,
    ),
    (
        "a plan for what is proven, a resize, went through the steps of its canary, and took down what served",
        r#"{"seed":69,"cloud":{"boot":[67,67],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":"50%","max_unavailable":"50%","max_failed":"25%","probe_attempts":2,"progress_deadline":"27m","rollback_deadline":"1h 15m","on_first_failure":"tear_down","steps":[{"scale":{"to":"50%"}},{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"}]}"#,
    ),
    (
        "somebody else had made more than the step's goal, the floor did not let them go, and they were waited for",
        r#"{"seed":1983,"cloud":{"boot":[75,75],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":"10%","max_failed":"25%","probe_attempts":2,"progress_deadline":"41m","rollback_deadline":"1h 12m","on_first_failure":"tear_down","steps":[{"scale":{"to":"20%"}},{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":74,"what":{"set_size":[2,5]}}]}"#,
    ),
    (
        "one that was to stay left: another, healed and not yet seen to be gone, counted as one of those that stay",
        r#"{"seed":2091,"cloud":{"boot":[32,32],"drain":20,"latency_ms":0,"operations_take":0,"heals":"switchable"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":300,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":2,"max_failed":1,"probe_attempts":2,"progress_deadline":"38m","rollback_deadline":"1h 9m","on_first_failure":"tear_down","steps":[{"scale":{"to":1}},{"scale":{"to":"100%","old":"keep"}}]},"rollouts":[{"size":7,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":356,"what":{"silence":332}},{"rollout":1,"at":379,"what":{"sicken":[3,172]}}],"crashes":[{"rollout":1,"at":{"after":46},"down":72},{"rollout":1,"at":{"seconds":240},"down":157}]}"#,
    ),
    (
        "the last gate was open, and what was to be proven then had no deadline",
        r#"{"seed":6695,"cloud":{"boot":[6,6],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":3,"max_unavailable":"10%","max_failed":1,"probe_attempts":1,"progress_deadline":"18m","rollback_deadline":"53m","on_first_failure":"tear_down","steps":[{"bake":{"for":"2m 22s"}},{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"38s"}}]},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":295,"what":{"silence":3600}}],"crashes":[{"rollout":1,"at":{"before":63},"down":86}]}"#,
    ),
    (
        "somebody lowered a size under a machine that could not be removed, and a rollback waited for one that was there",
        r#"{"seed":703233,"cloud":{"boot":[53,53],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":300,"poll":2},"strategy":{"max_surge":2,"max_unavailable":0,"max_failed":0,"probe_attempts":2,"progress_deadline":"23m","rollback_deadline":"1h","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":6,"release":"good"},{"size":6,"release":"never_healthy"}],"disturbances":[{"rollout":1,"at":247,"what":{"protect":[11,105]}},{"rollout":1,"at":564,"what":{"raises_short":2}},{"rollout":1,"at":328,"what":{"set_size":[5,0]}}]}"#,
    ),
    (
        "an operation failed after it had removed one, and a replica that lagged behind still showed that one serving",
        r#"{"seed":504773,"cloud":{"boot":[79,189],"drain":0,"latency_ms":0,"operations_take":10,"heals":"switchable"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":3,"max_unavailable":2,"max_failed":"25%","probe_attempts":2,"progress_deadline":"20m","rollback_deadline":"1h 8m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":4,"release":"good"}],"disturbances":[{"rollout":1,"at":50,"what":{"partial":143}},{"rollout":1,"at":168,"what":{"flicker":43}}]}"#,
    ),
    (
        "a drain was refused while a copy of it might still come, and those who served were taken to drain for as long as that may take",
        r#"{"seed":16588,"cloud":{"boot":[68,161],"drain":20,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":2,"min_ready":10,"boot_deadline":600,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":0,"max_failed":1,"probe_attempts":2,"progress_deadline":"27m","rollback_deadline":"58m","on_first_failure":"tear_down","steps":[{"scale":{"to":"50%","old":"keep"}},{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"32s"}}]},"rollouts":[{"size":5,"release":"good"},{"size":0,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":301,"what":{"abort":"mixed"}}],"wire":{"until":34,"error":0,"throttled":144,"lost_request":195,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":5,"stale_by":10}}"#,
    ),
    (
        "one that served made room for a first instance, and one that never served was in the way only because its group was busy",
        r#"{"seed":66376,"cloud":{"boot":[28,129],"drain":0,"latency_ms":200,"operations_take":70,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":0,"max_unavailable":2,"max_failed":1,"probe_attempts":1,"progress_deadline":"19m","rollback_deadline":"1h","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":79,"what":{"capacity":[0,596]}},{"rollout":1,"at":80,"what":{"set_size":[1,3]}}]}"#,
    ),
    (
        "a first release, proven, whose old ones were kept still, could be torn down, which could not follow",
        r#"{"seed":11764,"cloud":{"boot":[34,34],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":2,"max_failed":1,"probe_attempts":2,"progress_deadline":"37m","rollback_deadline":"31m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}}],"keep_old":"5m"},"rollouts":[{"size":0,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":701,"what":{"abort":"nothing"}}],"crashes":[{"rollout":1,"at":{"seconds":253},"down":245}]}"#,
    ),
    (
        "a fleet of none behind a pool waited for its share of the requests",
        r#"{"seed":129,"cloud":{"boot":[18,18],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":0,"max_unavailable":"100%","max_failed":1,"probe_attempts":1,"progress_deadline":"13m","rollback_deadline":"33m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"}]}"#,
    ),
    (
        "in a black-out of the new the one that was left of the old was given all requests",
        r#"{"seed":391,"cloud":{"boot":[44,107],"drain":90,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":10},"settle":45}},"fleet":{"zones":2,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":1,"max_unavailable":0,"max_failed":1,"probe_attempts":2,"progress_deadline":"23m","rollback_deadline":"1h 5m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":5,"release":"good"}],"disturbances":[{"rollout":1,"at":855,"what":{"black_out_of_new":104}}]}"#,
    ),
    (
        "who was not on the page that arrived lost its requests to one that could not carry them",
        r#"{"seed":305,"cloud":{"boot":[19,19],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":0,"min_ready":10,"boot_deadline":240,"poll":5},"strategy":{"max_surge":"10%","max_unavailable":2,"max_failed":1,"probe_attempts":1,"progress_deadline":"14m","rollback_deadline":"1h 4m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":1,"release":"good"},{"size":4,"release":"good"}],"wire":{"until":88,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":145,"late_by":60,"stale_by":60}}"#,
    ),
    (
        "each page that was missing moved weights, and moved them back when it came",
        r#"{"seed":14863,"cloud":{"boot":[8,8],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":10},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":"25%","probe_attempts":1,"progress_deadline":"15m","rollback_deadline":"55m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}}],"keep_old":"5m"},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"good"}],"wire":{"until":184,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":172,"late_by":20,"stale_by":60}}"#,
    ),
    (
        "who was taken out of the pool was terminated before it had finished what it had",
        r#"{"seed":425,"cloud":{"boot":[17,129],"drain":5,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":"pooled","settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":"100%","max_unavailable":"50%","max_failed":"25%","probe_attempts":2,"progress_deadline":"27m","rollback_deadline":"53m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"2m 9s"}},{"shift":{"to":"100%"}},{"bake":{"for":"1m 59s"}}],"keep_old":"30s"},"rollouts":[{"size":1,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":439,"what":{"abort":"back"}}]}"#,
    ),
    (
        "what was in force before somebody else set weights was forgotten with the next route, and the last that served by it was retired",
        r#"{"seed":13819,"cloud":{"boot":[79,79],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":"binary","settle":10}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":"100%","max_unavailable":1,"max_failed":"25%","probe_attempts":2,"progress_deadline":"16m","rollback_deadline":"1h 17m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":147,"what":{"set_weights":[3,0]}}]}"#,
    ),
    (
        "somebody was retired of those that the very same decision put back into the pool",
        r#"{"seed":10487,"cloud":{"boot":[31,120],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":"pooled","settle":10}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":3,"max_unavailable":0,"max_failed":1,"probe_attempts":2,"progress_deadline":"23m","rollback_deadline":"50m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":4,"release":"good"}],"disturbances":[{"rollout":1,"at":756,"what":{"set_weights":[1,0]}}],"crashes":[{"rollout":1,"at":{"seconds":70},"down":893}]}"#,
    ),
    (
        "a route that was owed when a rollout was to be left mixed was owed for ever",
        r#"{"seed":1220,"cloud":{"boot":[10,10],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true,"pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":2},"strategy":{"max_surge":1,"max_unavailable":"10%","max_failed":0,"probe_attempts":1,"progress_deadline":"29m","rollback_deadline":"1h 1m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":108,"what":{"abort":"mixed"}}],"crashes":[{"rollout":1,"at":{"before":24},"down":192}]}"#,
    ),
    (
        "of two old generations each was given a part of what one could carry, and neither could make room",
        r#"{"seed":1220,"cloud":{"boot":[10,10],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true,"pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":2},"strategy":{"max_surge":1,"max_unavailable":"10%","max_failed":0,"probe_attempts":1,"progress_deadline":"29m","rollback_deadline":"1h 1m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":108,"what":{"abort":"mixed"}}],"crashes":[{"rollout":1,"at":{"before":24},"down":192}]}"#,
    ),
    (
        "where nobody served a dead one was given all requests",
        r#"{"seed":15866,"cloud":{"boot":[34,34],"drain":20,"latency_ms":0,"operations_take":0,"heals":"switchable","unguarded":true,"pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":1,"max_unavailable":1,"max_failed":1,"probe_attempts":1,"progress_deadline":"14m","rollback_deadline":"28m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"5%"}},{"bake":{"for":"2m 55s"}},{"scale":{"to":"100%"}},{"bake":{"for":"50s"}}]},"rollouts":[{"size":3,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":572,"what":{"sicken":[9,83]}},{"rollout":1,"at":566,"what":{"sicken":[5,107]}}],"wire":{"until":582,"error":0,"throttled":165,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":334,"partial":0,"late_by":60,"stale_by":60}}"#,
    ),
    (
        "a route set before the one before it was in force made what was in force still forgotten",
        r#"{"seed":36719,"cloud":{"boot":[84,109],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":10},"settle":45}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":3,"max_unavailable":3,"max_failed":1,"probe_attempts":2,"progress_deadline":"18m","rollback_deadline":"23m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":218,"what":{"set_weights":[2,0]}}]}"#,
    ),
    (
        "one that a call taken for failed had drained was taken for ready at the end",
        r#"{"seed":37405,"cloud":{"boot":[18,42],"drain":90,"latency_ms":3000,"operations_take":0,"heals":"switchable","pool":{"divides":"binary","settle":45}},"fleet":{"zones":2,"min_ready":10,"boot_deadline":240,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"25m","rollback_deadline":"55m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"1m 10s"}},{"analyse":{"judge":"judge","for":"3m","every":"20s","otherwise":"back"}}]},"rollouts":[{"size":5,"release":"good"},{"size":1,"release":"again"}],"wire":{"until":5,"error":88,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":5,"stale_by":10},"crashes":[{"rollout":1,"at":{"after":17},"down":0}]}"#,
    ),
    (
        "the same, and it was terminated before it had finished what it had",
        r#"{"seed":37405,"cloud":{"boot":[18,18],"drain":90,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":"binary","settle":0}},"fleet":{"zones":2,"min_ready":10,"boot_deadline":240,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"25m","rollback_deadline":"55m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"1m 10s"}},{"analyse":{"judge":"judge","for":"3m","every":"20s","otherwise":"back"}}]},"rollouts":[{"size":2,"release":"good"},{"size":0,"release":"again"}],"wire":{"until":11,"error":88,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":5,"stale_by":10},"crashes":[{"rollout":1,"at":{"after":17},"down":0}]}"#,
    ),
    (
        "who came while a person was asked, and went, was there still for as long as that had taken; a size was set for it, and the ceiling was broken",
        r#"{"seed":104079,"cloud":{"boot":[7,90],"drain":20,"latency_ms":3000,"operations_take":0,"heals":"switchable"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":"10%","max_unavailable":"10%","max_failed":1,"probe_attempts":1,"progress_deadline":"28m","rollback_deadline":"46m","on_first_failure":"tear_down","steps":[{"scale":{"to":"34%"}},{"bake":{"for":"1m 14s"}},{"scale":{"to":"75%"}},{"scale":{"to":"100%"}}]},"rollouts":[{"size":6,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":215,"what":{"sicken":[14,139]}},{"rollout":1,"at":234,"what":{"sicken":[15,402]}},{"rollout":1,"at":570,"what":"retry"},{"rollout":1,"at":204,"what":{"rot":5677}}],"journal":{"until":580,"error":0,"throttled":88,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":10,"stale_by":0}}"#,
    ),
    (
        "one that was not seen now, and had served, made room for a first instance that another who served nobody was about to make",
        r#"{"seed":17346,"cloud":{"boot":[9,69],"drain":90,"latency_ms":200,"operations_take":0,"heals":"always"},"fleet":{"zones":2,"min_ready":10,"boot_deadline":300,"poll":5},"strategy":{"max_surge":0,"max_unavailable":2,"max_failed":"25%","probe_attempts":1,"progress_deadline":"38m","rollback_deadline":"54m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"on_shortage":"wait"},"rollouts":[{"size":1,"release":"never_healthy"},{"size":4,"release":"good","after":169},{"size":2,"release":"good","after":93}],"disturbances":[{"rollout":1,"at":48,"what":{"silence":49}}],"wire":{"until":727,"error":47,"throttled":106,"lost_request":0,"lost_reply":140,"late":122,"doubled":0,"slow":0,"stale":83,"partial":182,"late_by":60,"stale_by":60},"crashes":[{"rollout":1,"at":{"after":19},"down":0},{"rollout":1,"at":{"after":104},"down":230}]}"#,
    ),
    (
        "somebody had deleted the group of a zone: the same look made it again, and let the last that was ready in its zone go",
        r#"{"seed":7011151,"cloud":{"boot":[24,24],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true},"fleet":{"zones":2,"min_ready":30,"boot_deadline":600,"poll":5},"strategy":{"max_surge":1,"max_unavailable":"50%","max_failed":1,"probe_attempts":2,"progress_deadline":"22m","rollback_deadline":"59m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"max_unavailable_per_zone":0},"rollouts":[{"size":0,"release":"good"},{"size":3,"release":"good"},{"size":6,"release":"good"}],"disturbances":[{"rollout":2,"at":128,"what":{"delete_group":2}}]}"#,
    ),
    (
        "one who left was blamed for a floor that was broken later: its call was long in being done, and those who had replaced it were torn down meanwhile",
        r#"{"seed":7004402,"cloud":{"boot":[53,53],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"10%","max_unavailable":"25%","max_failed":0,"probe_attempts":1,"progress_deadline":"19m","rollback_deadline":"20m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"each_zone":{"first_bake":"39s","bake":"20s","gates":[{"approve":{"by":["ann","bob","eve"],"least":1,"timeout":"7m 21s","otherwise":"hold"}},{"analyse":{"judge":"judge","for":"3m","every":"20s","otherwise":"back"}}]}}],"leave_deadline":"12m","rollout_deadline":"20m"},"rollouts":[{"size":0,"release":"good"},{"size":1,"release":"good","after":212},{"size":2,"release":"good","after":199}],"disturbances":[{"rollout":2,"at":319,"what":{"approve":1}},{"rollout":2,"at":602,"what":{"operations_hang":[1,991]}}]}"#,
    ),
    (
        "requests that came back to whom alone was known to be ready were blamed on those who had become healthy in a black-out, of whom nothing was heard yet",
        r#"{"seed":7018914,"cloud":{"boot":[46,128],"drain":90,"latency_ms":3000,"operations_take":10,"heals":"never","pool":{"divides":{"weighted":999},"settle":10}},"fleet":{"zones":0,"min_ready":10,"boot_deadline":240,"poll":5},"strategy":{"max_surge":3,"max_unavailable":2,"max_failed":1,"probe_attempts":2,"progress_deadline":"38m","rollback_deadline":"1h 18m","on_first_failure":"hold","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"2m 9s"}},"rollouts":[{"size":7,"release":"good"},{"size":7,"release":"good"}],"disturbances":[{"rollout":1,"at":236,"what":{"black_out":742}},{"rollout":1,"at":886,"what":{"black_out_of_new":334}},{"rollout":1,"at":192,"what":{"sicken":[9,132]}},{"rollout":1,"at":196,"what":{"sicken":[13,87]}},{"rollout":1,"at":232,"what":{"sicken":[13,16]}}]}"#,
    ),
    (
        "a call that named those who booted was found to stand in a look that lacked the pool, and terminated them with the requests that they had by then",
        r#"{"seed":7009306,"cloud":{"boot":[22,82],"drain":20,"latency_ms":0,"operations_take":0,"heals":"switchable","unguarded":true,"pool":{"divides":"pooled","settle":45}},"fleet":{"zones":0,"min_ready":10,"boot_deadline":600,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":"50%","max_failed":"25%","probe_attempts":1,"progress_deadline":"29m","rollback_deadline":"1h 10m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}},{"bake":{"for":"1m 27s"}},{"shift":{"to":"100%"}},{"bake":{"for":"2m 43s"}}]},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":210,"what":{"capacity":[1,102]}},{"rollout":1,"at":211,"what":{"set_size":[3,5]}},{"rollout":1,"at":10,"what":{"rot":6270}}],"wire":{"until":748,"error":0,"throttled":94,"lost_request":148,"lost_reply":191,"late":0,"doubled":0,"slow":265,"stale":303,"partial":0,"late_by":60,"stale_by":10},"crashes":[{"rollout":1,"at":{"await":117},"down":19,"sleeps":182},{"rollout":1,"at":{"await":124},"down":176,"sleeps":326}]}"#,
    ),
    (
        "what took the place of a rollout wanted the generation that this one was just removing, and was refused",
        r#"{"seed":7013485,"cloud":{"boot":[37,57],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":999},"settle":0}},"fleet":{"zones":2,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":2,"max_unavailable":3,"max_failed":"25%","probe_attempts":1,"progress_deadline":"38m","rollback_deadline":"20m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":8,"release":"good"},{"size":8,"release":"good"},{"size":0,"release":"again","after":351}],"disturbances":[{"rollout":1,"at":217,"what":{"kill":9}},{"rollout":1,"at":90,"what":{"kill":6}}],"wire":{"until":447,"error":51,"throttled":51,"lost_request":0,"lost_reply":0,"late":84,"doubled":47,"slow":0,"stale":284,"partial":247,"late_by":5,"stale_by":10}}"#,
    ),
    (
        "a black-out that began in a rollout whose place another took was over with it, for who computed how long that other may take",
        r#"{"seed":7003123,"cloud":{"boot":[12,69],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":30,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":2,"max_failed":0,"probe_attempts":2,"progress_deadline":"38m","rollback_deadline":"56m","on_first_failure":"tear_down","steps":[{"each_zone":{"first_bake":"2m 6s"}}],"on_shortage":"wait"},"rollouts":[{"size":0,"release":"good"},{"size":2,"release":"good","after":199},{"size":0,"release":"good","after":482}],"disturbances":[{"rollout":1,"at":317,"what":{"black_out":14400}}]}"#,
    ),
    (
        "one that was ill when it was named came round while the operation hung, and went for nothing, for who counted the launches",
        r#"{"seed":7004318,"cloud":{"boot":[36,67],"drain":0,"latency_ms":0,"operations_take":10,"heals":"never","unguarded":true},"fleet":{"zones":0,"min_ready":30,"boot_deadline":240,"poll":2},"strategy":{"max_surge":1,"max_unavailable":0,"max_failed":1,"probe_attempts":1,"progress_deadline":"19m","rollback_deadline":"42m","on_first_failure":"tear_down","steps":[{"bake":{"for":"1m 51s"}},{"scale":{"to":"100%"}}],"leave_deadline":"6m","rollout_deadline":"33m"},"rollouts":[{"size":0,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":346,"what":{"sicken":[14,317]}},{"rollout":1,"at":473,"what":{"operations_hang":[1,7176]}}],"crashes":[{"rollout":1,"at":{"seconds":270},"down":79}]}"#,
    ),
    (
        "a call of a process that was frozen arrived after the end, and was taken for one made by driving again",
        r#"{"seed":7001824,"cloud":{"boot":[40,72],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":1,"max_unavailable":1,"max_failed":1,"probe_attempts":2,"progress_deadline":"38m","rollback_deadline":"1h 14m","on_first_failure":"tear_down","steps":[{"scale":{"to":"34%"}},{"bake":{"for":"56s"}},{"scale":{"to":"100%"}},{"bake":{"for":"2m 3s"}}]},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"never_boots"}],"wire":{"until":1011,"error":82,"throttled":0,"lost_request":0,"lost_reply":116,"late":0,"doubled":0,"slow":256,"stale":204,"partial":0,"late_by":20,"stale_by":10},"crashes":[{"rollout":1,"at":{"seconds":645},"down":28,"sleeps":288}]}"#,
    ),
    (
        "what a refusal had left alone for a second as a person was asked was noted only by the second look, and taken for news without end",
        r#"{"seed":7015365,"cloud":{"boot":[78,78],"drain":0,"latency_ms":3000,"operations_take":70,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":"50%","max_failed":0,"probe_attempts":2,"progress_deadline":"32m","rollback_deadline":"1h 1m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"58s"}},"rollouts":[{"size":1,"release":"good"},{"size":2,"release":"again"}],"disturbances":[{"rollout":1,"at":43,"what":{"raises_short":2}},{"rollout":1,"at":168,"what":"revoke"}],"crashes":[{"rollout":1,"at":{"after":62},"down":130}]}"#,
    ),
    (
        "an operation that was to take two failed after its process had died, and they counted as leaving for ever",
        r#"{"seed":7015629,"cloud":{"boot":[62,62],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":5},"strategy":{"max_surge":"25%","max_unavailable":0,"max_failed":1,"probe_attempts":1,"progress_deadline":"20m","rollback_deadline":"1h 5m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":4,"release":"good"},{"size":2,"release":"again"}],"disturbances":[{"rollout":1,"at":115,"what":{"kill":12}},{"rollout":1,"at":711,"what":{"kill":14}},{"rollout":1,"at":37,"what":{"set_size":[5,5]}}],"wire":{"until":0,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":42,"stale":0,"partial":0,"late_by":60,"stale_by":60},"crashes":[{"rollout":1,"at":{"after":20},"down":1078}]}"#,
    ),
    (
        "a person drove what had taken the place of the rollout that asked, while those who had been frozen were waited for",
        r#"{"seed":7020211,"cloud":{"boot":[26,99],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":10},"settle":45}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":1,"max_unavailable":"25%","max_failed":"25%","probe_attempts":1,"progress_deadline":"36m","rollback_deadline":"37m","on_first_failure":"hold","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"good","after":95},{"size":0,"release":"good","after":187}],"disturbances":[{"rollout":1,"at":53,"what":"revoke"}],"crashes":[{"rollout":1,"at":{"await":68},"down":0,"sleeps":173}]}"#,
    ),
    (
        "those went by an operation that was under way when another release took the place of the one before, of which nobody knew yet whether it works",
        r#"{"seed":50022931,"cloud":{"boot":[61,138],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"14m","rollback_deadline":"21m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"1m 41s"}},"rollouts":[{"size":2,"release":"good"},{"size":3,"release":"good"},{"size":3,"release":"good","after":364}],"crashes":[{"rollout":1,"at":{"after":62},"down":0}]}"#,
    ),
    (
        "requests left a zone that did not answer, and one there was missed that nobody had heard of since it was still booting",
        r#"{"seed":30003708,"cloud":{"boot":[75,75],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true,"pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":2,"min_ready":30,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"25%","max_unavailable":1,"max_failed":0,"probe_attempts":2,"progress_deadline":"20m","rollback_deadline":"25m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"leave_deadline":"9m","max_unavailable_per_zone":"50%"},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"good","after":175}],"disturbances":[{"rollout":1,"at":26,"what":{"silence":804}}]}"#,
    ),
    (
        "all requests went to who was left when another had died, and who was named to leave, and had not gone yet, was taken for one who could share them",
        r#"{"seed":30010005,"cloud":{"boot":[26,26],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never","pool":{"divides":{"weighted":100},"settle":0}},"fleet":{"zones":3,"min_ready":0,"boot_deadline":300,"poll":2},"strategy":{"max_surge":"50%","max_unavailable":"10%","max_failed":0,"probe_attempts":1,"progress_deadline":"20m","rollback_deadline":"1h 10m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":306,"what":{"kill":0}}]}"#,
    ),
    (
        "somebody gave all requests to a generation of which nobody was left, and they went to one that was not full, and not to the proven one that had had them",
        r#"{"seed":50012443,"cloud":{"boot":[83,83],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","pool":{"divides":"binary","settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":"100%","max_unavailable":"10%","max_failed":0,"probe_attempts":2,"progress_deadline":"34m","rollback_deadline":"50m","on_first_failure":"tear_down","on_resize":"new_first","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":2,"release":"good"},{"size":2,"release":"good","after":164}],"disturbances":[{"rollout":2,"at":157,"what":{"set_weights":[1,50]}}]}"#,
    ),
    (
        "a look that was begun just before health was lied about was answered by the lie, and who left for that was taken for named without a reason",
        r#"{"seed":60003456,"cloud":{"boot":[84,84],"drain":0,"latency_ms":3000,"operations_take":10,"heals":"never","pool":{"divides":"binary","settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":"50%","max_failed":"25%","probe_attempts":2,"progress_deadline":"28m","rollback_deadline":"46m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"37s"}},"rollouts":[{"size":1,"release":"never_healthy"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":55,"what":{"black_out":864}},{"rollout":1,"at":889,"what":{"lie":68}},{"rollout":1,"at":560,"what":{"resize":2}}],"crashes":[{"rollout":1,"at":{"before":76},"down":28}]}"#,
    ),
    (
        "health was lied about, and who left for that was missed, since one that had just come of the new release was healthy in truth, which no look had shown",
        r#"{"seed":90017702,"cloud":{"boot":[30,147],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":30,"boot_deadline":240,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":0,"max_failed":0,"probe_attempts":1,"progress_deadline":"29m","rollback_deadline":"1h 9m","on_first_failure":"tear_down","steps":[{"scale":{"to":"75%"}},{"scale":{"to":"100%"}}]},"rollouts":[{"size":2,"release":"good"},{"size":4,"release":"good"}],"disturbances":[{"rollout":1,"at":199,"what":{"kill":7}},{"rollout":1,"at":282,"what":{"lie":144}},{"rollout":1,"at":106,"what":{"capacity":[1,141]}},{"rollout":1,"at":107,"what":{"set_size":[5,4]}}]}"#,
    ),
    (
        "two that booted when they were named came round while the operation was under way, and were counted as serving beside what was tried",
        r#"{"seed":50022931,"cloud":{"boot":[61,138],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":600,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"14m","rollback_deadline":"21m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"1m 41s"}},"rollouts":[{"size":4,"release":"good"},{"size":6,"release":"good"},{"size":5,"release":"good","after":364}],"crashes":[{"rollout":1,"at":{"before":63},"down":29},{"rollout":1,"at":{"after":62},"down":83}]}"#,
    ),
    (
        "in a group that somebody had deleted, and that was made again, one was launched under a name of before, and taken for healed",
        r#"{"seed":60015590,"cloud":{"boot":[46,105],"drain":0,"latency_ms":0,"operations_take":0,"heals":"switchable"},"fleet":{"zones":3,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":0,"max_unavailable":3,"max_failed":0,"probe_attempts":2,"progress_deadline":"26m","rollback_deadline":"47m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"2m 34s"}},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"never_healthy"}],"disturbances":[{"rollout":1,"at":496,"what":{"delete_group":3}},{"rollout":1,"at":534,"what":{"launches_late":2}}],"wire":{"until":1,"error":0,"throttled":0,"lost_request":0,"lost_reply":193,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":60,"stale_by":10},"crashes":[{"rollout":1,"at":{"seconds":259},"down":323}]}"#,
    ),
    (
        "those who served were what a smaller size left over beside a release that nobody had tried, since others that booted were kept by the floor of their zone",
        r#"{"seed":30011027,"cloud":{"boot":[33,142],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":30,"boot_deadline":300,"poll":2},"strategy":{"max_surge":"25%","max_unavailable":3,"max_failed":1,"probe_attempts":2,"progress_deadline":"32m","rollback_deadline":"43m","drain_deadline":"30s","on_first_failure":"hold","steps":[{"each_zone":{"first_bake":"1m 24s"}}],"leave_deadline":"9m","max_unavailable_per_zone":"50%"},"rollouts":[{"size":7,"release":"good"},{"size":4,"release":"good","after":382}]}"#,
    ),
    (
        "what an earlier rollout had named stood in the one that took its place, beside a release that nobody had tried",
        r#"{"seed":90000738,"cloud":{"boot":[80,112],"drain":0,"latency_ms":3000,"operations_take":10,"heals":"switchable"},"fleet":{"zones":2,"min_ready":10,"boot_deadline":240,"poll":5},"strategy":{"max_surge":2,"max_unavailable":"50%","max_failed":"25%","probe_attempts":1,"progress_deadline":"41m","rollback_deadline":"36m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":3,"release":"good"},{"size":4,"release":"good","after":314}],"journal":{"until":247,"error":39,"throttled":66,"lost_request":44,"lost_reply":115,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":1,"stale_by":0},"crashes":[{"rollout":1,"at":{"await":136},"down":231}]}"#,
    ),
    (
        "a fleet of none, whose release nobody had tried, was healed once somebody else had given it a size",
        r#"{"seed":90008189,"cloud":{"boot":[77,77],"drain":0,"latency_ms":0,"operations_take":0,"heals":"switchable"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"25%","max_unavailable":0,"max_failed":1,"probe_attempts":2,"progress_deadline":"39m","rollback_deadline":"54m","on_first_failure":"tear_down","steps":[{"bake":{"for":"1m 28s"}},{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"2m 22s"}},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"never_boots"}],"disturbances":[{"rollout":1,"at":84,"what":{"silence":3600}},{"rollout":1,"at":268,"what":{"set_size":[5,5]}}],"crashes":[{"rollout":1,"at":{"after":100},"down":166}]}"#,
    ),
    (
        "told to try again, it went back to the very release that it had given up, whose generation somebody had deleted: nothing was known of it any more",
        r#"{"seed":90018152,"cloud":{"boot":[60,106],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":2},"strategy":{"max_surge":2,"max_unavailable":"10%","max_failed":1,"probe_attempts":2,"progress_deadline":"37m","rollback_deadline":"1h 6m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"good"},{"size":4,"release":"again"}],"disturbances":[{"rollout":1,"at":105,"what":{"delete_group":2}},{"rollout":1,"at":1,"what":"retry"}]}"#,
    ),
    (
        "who woke up sent a call that was still on its way out when its process froze, two hundred seconds after it was decided",
        r#"{"seed":30002162,"cloud":{"boot":[24,77],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never"},"fleet":{"zones":3,"min_ready":10,"boot_deadline":600,"poll":5},"strategy":{"max_surge":2,"max_unavailable":"10%","max_failed":"25%","probe_attempts":2,"progress_deadline":"28m","rollback_deadline":"54m","on_first_failure":"tear_down","steps":[{"each_zone":{"first_bake":"2s","bake":"20s"}}]},"rollouts":[{"size":3,"release":"good"},{"size":0,"release":"again"}],"wire":{"until":162,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":277,"stale":0,"partial":0,"late_by":20,"stale_by":10},"journal":{"until":334,"error":0,"throttled":0,"lost_request":55,"lost_reply":0,"late":171,"doubled":0,"slow":92,"stale":0,"partial":0,"late_by":10,"stale_by":0},"crashes":[{"rollout":1,"at":{"await":20},"down":197,"sleeps":203}]}"#,
    ),
    (
        "who woke up sent a call that was on its way out when another took the fleet, and named two to leave under it",
        r#"{"seed":60002785,"cloud":{"boot":[50,50],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":"pooled","settle":10}},"fleet":{"zones":0,"min_ready":30,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":2,"max_failed":1,"probe_attempts":2,"progress_deadline":"29m","rollback_deadline":"20m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}},{"approve":{"by":["ann","bob","eve"],"least":2,"timeout":"5m 2s","otherwise":"back"}},{"check":{"judge":"judge","timeout":"10m","otherwise":"hold"}}],"hedge":{"spares":1,"after":"1m 43s"}},"rollouts":[{"size":2,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":0,"at":328,"what":{"approve":0}},{"rollout":0,"at":488,"what":{"approve":1}}],"wire":{"until":363,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":63,"doubled":0,"slow":294,"stale":119,"partial":0,"late_by":60,"stale_by":10},"crashes":[{"rollout":1,"at":{"before":21},"down":18},{"rollout":1,"at":{"await":25},"down":184,"sleeps":188}]}"#,
    ),
    (
        "who woke up set a route that was on its way out when its process froze, beside the one who drove by then",
        r#"{"seed":90007781,"cloud":{"boot":[61,164],"drain":0,"latency_ms":0,"operations_take":0,"heals":"switchable","pool":{"divides":{"weighted":999},"settle":45}},"fleet":{"zones":2,"min_ready":30,"boot_deadline":240,"poll":2},"strategy":{"max_surge":"100%","max_unavailable":1,"max_failed":"25%","probe_attempts":2,"progress_deadline":"22m","rollback_deadline":"37m","drain_deadline":"30s","on_first_failure":"hold","steps":[{"scale":{"to":"100%","old":"keep"}},{"shift":{"to":"100%"}}]},"rollouts":[{"size":4,"release":"good"},{"size":0,"release":"good","after":474}],"wire":{"until":67,"error":99,"throttled":122,"lost_request":0,"lost_reply":0,"late":199,"doubled":0,"slow":172,"stale":0,"partial":271,"late_by":5,"stale_by":60},"crashes":[{"rollout":1,"at":{"seconds":46},"down":101,"sleeps":124}]}"#,
    ),
    (
        "who woke up raised a size that was on its way to be raised when its process froze, long after the view of that held",
        r#"{"seed":90009518,"cloud":{"boot":[54,54],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":999},"settle":0}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":2},"strategy":{"max_surge":1,"max_unavailable":"100%","max_failed":1,"probe_attempts":1,"progress_deadline":"22m","rollback_deadline":"54m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":0,"release":"never_boots"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":166,"what":{"partial":200}}],"wire":{"until":35,"error":0,"throttled":154,"lost_request":177,"lost_reply":0,"late":0,"doubled":0,"slow":161,"stale":0,"partial":0,"late_by":20,"stale_by":60},"crashes":[{"rollout":1,"at":{"await":23},"down":154,"sleeps":288}]}"#,
    ),
    (
        "who woke up began an operation that the one who drove by then had withdrawn",
        r#"{"seed":30009008,"cloud":{"boot":[66,137],"drain":0,"latency_ms":0,"operations_take":70,"heals":"switchable","pool":{"divides":"pooled","settle":0}},"fleet":{"zones":2,"min_ready":30,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":1,"max_failed":0,"probe_attempts":1,"progress_deadline":"40m","rollback_deadline":"47m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":6,"release":"good"},{"size":6,"release":"good"}],"disturbances":[{"rollout":1,"at":169,"what":{"resize":2}}],"wire":{"until":168,"error":0,"throttled":0,"lost_request":93,"lost_reply":26,"late":0,"doubled":80,"slow":256,"stale":66,"partial":19,"late_by":20,"stale_by":10},"crashes":[{"rollout":1,"at":{"await":33},"down":29},{"rollout":1,"at":{"await":86},"down":168,"sleeps":217}]}"#,
    ),
    (
        "who replaced the ill was blamed for having believed a lie, since another served unseen by then: whoever took over heard of that one for the first time, and that it was ill",
        r#"{"seed":90002659,"cloud":{"boot":[13,95],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never","pool":{"divides":{"weighted":10},"settle":0}},"fleet":{"zones":2,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":0,"max_failed":"25%","probe_attempts":2,"progress_deadline":"40m","rollback_deadline":"40m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":"25%","after":"2m 6s"},"on_shortage":"wait"},"rollouts":[{"size":3,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":168,"what":{"lie":63}},{"rollout":1,"at":201,"what":{"set_size":[4,3]}}],"crashes":[{"rollout":1,"at":{"await":68},"down":178,"sleeps":251}]}"#,
    ),
    (
        "who was named under the floor of a larger fleet left by an operation that hung, and was blamed for those whom the rollout in its place, of none, had sent away meanwhile",
        r#"{"seed":31501281,"cloud":{"boot":[9,66],"drain":20,"latency_ms":200,"operations_take":10,"heals":"never"},"fleet":{"zones":3,"min_ready":10,"boot_deadline":240,"poll":5},"strategy":{"max_surge":1,"max_unavailable":1,"max_failed":1,"probe_attempts":1,"progress_deadline":"41m","rollback_deadline":"1h 2m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"leave_deadline":"20m"},"rollouts":[{"size":4,"release":"good"},{"size":7,"release":"good"},{"size":0,"release":"good","after":316}],"disturbances":[{"rollout":1,"at":284,"what":{"operations_hang":[2,1844]}}],"wire":{"until":343,"error":17,"throttled":0,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":76,"stale":0,"partial":0,"late_by":5,"stale_by":60}}"#,
    ),
    (
        "an operation that hung was begun only once nobody was ill of a release that had rotted for two hours, and was not done in time, for who counted neither after the other",
        r#"{"seed":50020773,"cloud":{"boot":[13,13],"drain":0,"latency_ms":0,"operations_take":10,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":2,"max_unavailable":"25%","max_failed":0,"probe_attempts":2,"progress_deadline":"23m","rollback_deadline":"20m","drain_deadline":"30s","on_first_failure":"tear_down","on_resize":"freeze","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"1m 49s"},"leave_deadline":"6m"},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"never_healthy"}],"disturbances":[{"rollout":1,"at":220,"what":{"rot":6935}},{"rollout":1,"at":604,"what":{"operations_hang":[1,6808]}}]}"#,
    ),
    (
        "an operation that hung was begun only after a black-out of four hours, and was not done in time, for who took both for over at once",
        r#"{"seed":60001215,"cloud":{"boot":[30,139],"drain":0,"latency_ms":0,"operations_take":10,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":2},"strategy":{"max_surge":"50%","max_unavailable":2,"max_failed":0,"probe_attempts":2,"progress_deadline":"12m","rollback_deadline":"1h 11m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":2,"after":"24s"},"leave_deadline":"9m"},"rollouts":[{"size":0,"release":"good"},{"size":0,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":2,"at":211,"what":{"black_out":14400}},{"rollout":2,"at":805,"what":{"operations_hang":[1,5756]}}]}"#,
    ),
    (
        "one who left by an operation that hung was blamed for those that a later step had taken meanwhile",
        r#"{"seed":30009457,"cloud":{"boot":[76,130],"drain":0,"latency_ms":0,"operations_take":70,"heals":"never"},"fleet":{"zones":2,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":3,"max_unavailable":0,"max_failed":0,"probe_attempts":2,"progress_deadline":"21m","rollback_deadline":"38m","on_first_failure":"tear_down","steps":[{"scale":{"to":"5%"}},{"scale":{"to":"100%"}}],"leave_deadline":"13m"},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":815,"what":{"resize":6}},{"rollout":1,"at":234,"what":{"operations_hang":[1,6638]}}]}"#,
    ),
    (
        "a lie that began while a look was under way, and was in its answer, was none for who asked when the look had begun",
        r#"{"seed":60001848,"cloud":{"boot":[7,68],"drain":20,"latency_ms":3000,"operations_take":0,"heals":"switchable","pool":{"divides":{"weighted":999},"settle":0}},"fleet":{"zones":3,"min_ready":30,"boot_deadline":300,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":2,"max_failed":"25%","probe_attempts":2,"progress_deadline":"14m","rollback_deadline":"40m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%","old":"keep"}},{"shift":{"to":"10%"}},{"check":{"judge":"judge","timeout":"10m","otherwise":"hold"}},{"shift":{"to":"100%"}},{"bake":{"for":"1m 11s"}}],"keep_old":"30s","max_unavailable_per_zone":"34%"},"judge":{"from":1,"says":"pass","after":2,"errors":0},"rollouts":[{"size":2,"release":"good"},{"size":3,"release":"good"},{"size":0,"release":"good"}],"disturbances":[{"rollout":1,"at":578,"what":{"lie":170}},{"rollout":1,"at":118,"what":{"silence":93}},{"rollout":2,"at":46,"what":{"lie":42}}],"wire":{"until":1314,"error":0,"throttled":141,"lost_request":149,"lost_reply":101,"late":0,"doubled":194,"slow":0,"stale":195,"partial":74,"late_by":60,"stale_by":60},"journal":{"until":547,"error":0,"throttled":43,"lost_request":0,"lost_reply":110,"late":48,"doubled":0,"slow":14,"stale":0,"partial":0,"late_by":10,"stale_by":0}}"#,
    ),
    (
        "a whole view that showed one more on its way out came after a newer one in part, and was forgotten: one too many was launched",
        r#"{"seed":60000013,"cloud":{"boot":[64,151],"drain":20,"latency_ms":200,"operations_take":0,"heals":"always","pool":{"divides":{"weighted":100},"settle":10}},"fleet":{"zones":2,"min_ready":30,"boot_deadline":300,"poll":15},"strategy":{"max_surge":1,"max_unavailable":"25%","max_failed":1,"probe_attempts":2,"progress_deadline":"15m","rollback_deadline":"22m","drain_deadline":"30s","on_first_failure":"hold","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":5,"release":"good"},{"size":5,"release":"good"}],"disturbances":[{"rollout":1,"at":325,"what":{"raises_short":2}},{"rollout":1,"at":406,"what":{"sicken":[11,435]}}],"wire":{"until":472,"error":0,"throttled":0,"lost_request":116,"lost_reply":90,"late":0,"doubled":0,"slow":0,"stale":195,"partial":253,"late_by":20,"stale_by":10},"crashes":[{"rollout":1,"at":{"seconds":221},"down":188}]}"#,
    ),
    (
        "a raise to one was sent again after others had set six, and five went whom nobody had named",
        r#"{"seed":90017976,"cloud":{"boot":[42,84],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never","unguarded":true},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":0,"max_unavailable":"100%","max_failed":"25%","probe_attempts":1,"progress_deadline":"26m","rollback_deadline":"36m","on_first_failure":"hold","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":6,"release":"good"},{"size":6,"release":"good"}],"disturbances":[{"rollout":1,"at":121,"what":{"set_size":[3,6]}}],"wire":{"until":76,"error":0,"throttled":88,"lost_request":0,"lost_reply":141,"late":90,"doubled":0,"slow":296,"stale":0,"partial":0,"late_by":60,"stale_by":10},"crashes":[{"rollout":1,"at":{"before":51},"down":174}]}"#,
    ),
    (
        "a copy of a call that was done before the end arrived after it, and was taken for one made by driving again, which nobody did",
        r#"{"seed":7006320,"cloud":{"boot":[65,77],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"switchable"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":300,"poll":2},"strategy":{"max_surge":3,"max_unavailable":"100%","max_failed":1,"probe_attempts":1,"progress_deadline":"29m","rollback_deadline":"48m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":8,"release":"good"},{"size":8,"release":"good"}],"wire":{"until":787,"error":67,"throttled":0,"lost_request":0,"lost_reply":133,"late":0,"doubled":99,"slow":292,"stale":48,"partial":0,"late_by":20,"stale_by":10},"journal":{"until":1452,"error":0,"throttled":0,"lost_request":0,"lost_reply":144,"late":0,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":1,"stale_by":0},"crashes":[{"rollout":1,"at":{"await":78},"down":132,"sleeps":201}]}"#,
    ),
    (
        "a process that was frozen before it had begun a rollout began it once more when that had ended, and nobody drove it",
        r#"{"seed":60015939,"cloud":{"boot":[45,118],"drain":0,"latency_ms":200,"operations_take":0,"heals":"never","pool":{"divides":"binary","settle":10}},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":"100%","max_unavailable":2,"max_failed":1,"probe_attempts":2,"progress_deadline":"38m","rollback_deadline":"57m","on_first_failure":"hold","steps":[{"scale":{"to":"100%"}}],"hedge":{"spares":1,"after":"1m 18s"}},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"again"}],"wire":{"until":98,"error":0,"throttled":0,"lost_request":0,"lost_reply":0,"late":176,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":20,"stale_by":60},"crashes":[{"rollout":1,"at":{"after":67},"down":0},{"rollout":1,"at":{"await":13},"down":0,"sleeps":160}]}"#,
    ),
    (
        "the same, of a size that somebody had changed meanwhile; its process had given up",
        r#"{"seed":90017106,"cloud":{"boot":[29,29],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":2,"max_unavailable":"50%","max_failed":1,"probe_attempts":2,"progress_deadline":"12m","rollback_deadline":"1h 15m","drain_deadline":"30s","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":6,"release":"good"},{"size":0,"release":"again"}],"disturbances":[{"rollout":1,"at":62,"what":{"resize":6}}],"journal":{"until":262,"error":0,"throttled":0,"lost_request":0,"lost_reply":113,"late":0,"doubled":0,"slow":99,"stale":0,"partial":0,"late_by":1,"stale_by":0},"crashes":[{"rollout":1,"at":{"seconds":8},"down":41,"sleeps":220}]}"#,
    ),
    (
        "one that was healthy in time, and of whom nobody had heard it when it fell ill, had a spare beside it that had no cause, for who counted the launches",
        r#"{"seed":50020358,"cloud":{"boot":[21,131],"drain":20,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":2,"min_ready":30,"boot_deadline":240,"poll":5},"strategy":{"max_surge":1,"max_unavailable":"100%","max_failed":0,"probe_attempts":2,"progress_deadline":"18m","rollback_deadline":"1h 19m","on_first_failure":"hold","steps":[{"scale":{"to":"100%","old":"first"}}],"hedge":{"spares":"25%","after":"2m 52s"}},"rollouts":[{"size":1,"release":"good"},{"size":3,"release":"good","after":470}],"disturbances":[{"rollout":0,"at":478,"what":{"approve":1}},{"rollout":1,"at":361,"what":{"sicken":[7,95]}}],"journal":{"until":40,"error":35,"throttled":0,"lost_request":85,"lost_reply":0,"late":63,"doubled":0,"slow":0,"stale":0,"partial":0,"late_by":10,"stale_by":0},"crashes":[{"rollout":1,"at":{"seconds":243},"down":129},{"rollout":1,"at":{"await":68},"down":113,"sleeps":172}]}"#,
    ),
    (
        "one that was said to be ill when it was named went by that call two hours later, well by then, and for nothing, for who counted the launches",
        r#"{"seed":50018381,"cloud":{"boot":[60,79],"drain":0,"latency_ms":3000,"operations_take":10,"heals":"never"},"fleet":{"zones":0,"min_ready":10,"boot_deadline":300,"poll":15},"strategy":{"max_surge":"25%","max_unavailable":2,"max_failed":"25%","probe_attempts":2,"progress_deadline":"34m","rollback_deadline":"55m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}},{"bake":{"for":"30s"}},{"approve":{"by":["ann","bob","eve"],"least":1,"timeout":"14m 51s","otherwise":"hold"}}]},"rollouts":[{"size":2,"release":"good"},{"size":2,"release":"good"}],"disturbances":[{"rollout":0,"at":61,"what":{"approve":1}},{"rollout":1,"at":17,"what":{"approve":1}},{"rollout":1,"at":436,"what":{"lie":635}},{"rollout":1,"at":352,"what":{"launches_late":1}}],"crashes":[{"rollout":1,"at":{"after":26},"down":204},{"rollout":1,"at":{"await":84},"down":16},{"rollout":1,"at":{"after":111},"down":7180}]}"#,
    ),
    (
        "who asked was answered while those who had been frozen were waited for, and nobody drove it on",
        r#"{"seed":812300766,"cloud":{"boot":[11,11],"drain":0,"latency_ms":0,"operations_take":0,"heals":"always"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":0,"max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"27m","rollback_deadline":"25m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":2,"release":"never_boots"}],"disturbances":[{"rollout":1,"at":787,"what":{"abort":"mixed"}},{"rollout":1,"at":188,"what":{"rot":6024}}],"crashes":[{"rollout":1,"at":{"seconds":207},"down":134,"sleeps":255},{"rollout":1,"at":{"await":107},"down":107,"sleeps":268}]}"#,
    ),
    (
        "a second copy of a call set out while those who had been frozen were waited for, arrived after the end, and was taken for one made by driving again",
        r#"{"seed":61000603,"cloud":{"boot":[67,86],"drain":90,"latency_ms":3000,"operations_take":10,"heals":"switchable","pool":{"divides":"pooled","settle":0}},"fleet":{"zones":2,"min_ready":0,"boot_deadline":300,"poll":5},"strategy":{"max_surge":2,"max_unavailable":1,"max_failed":0,"probe_attempts":1,"progress_deadline":"38m","rollback_deadline":"52m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"good"}],"disturbances":[{"rollout":1,"at":216,"what":{"capacity":[0,611]}},{"rollout":1,"at":217,"what":{"set_size":[1,3]}},{"rollout":1,"at":133,"what":{"sicken":[13,73]}},{"rollout":1,"at":161,"what":{"partial":113}}],"wire":{"until":1024,"error":0,"throttled":0,"lost_request":182,"lost_reply":0,"late":0,"doubled":166,"slow":0,"stale":0,"partial":0,"late_by":60,"stale_by":10},"crashes":[{"rollout":1,"at":{"before":54},"down":200},{"rollout":1,"at":{"await":9},"down":62,"sleeps":168},{"rollout":1,"at":{"seconds":313},"down":139,"sleeps":167}]}"#,
    ),
    (
        "a process that was frozen before it had begun a rollout woke up when another had brought that to its end, and began one more",
        r#"{"seed":62000661,"cloud":{"boot":[41,41],"drain":0,"latency_ms":3000,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":600,"poll":15},"strategy":{"max_surge":"100%","max_unavailable":"25%","max_failed":"25%","probe_attempts":1,"progress_deadline":"13m","rollback_deadline":"1h 4m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":1,"release":"good"},{"size":1,"release":"again"}],"crashes":[{"rollout":1,"at":{"after":20},"down":0},{"rollout":1,"at":{"await":2},"down":0,"sleeps":137}]}"#,
    ),
    (
        "a probe was ill for five seconds that no look fell into, and the next was blamed for coming before the first had been ready",
        r#"{"seed":444002130,"cloud":{"boot":[83,148],"drain":0,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":30,"boot_deadline":600,"poll":5},"strategy":{"max_surge":0,"max_unavailable":3,"max_failed":1,"probe_attempts":1,"progress_deadline":"28m","rollback_deadline":"1h 7m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}],"leave_deadline":"6m","rollout_deadline":"16m"},"rollouts":[{"size":1,"release":"never_boots"},{"size":2,"release":"good"}],"disturbances":[{"rollout":1,"at":131,"what":{"sicken":[4,5]}}],"wire":{"until":245,"error":67,"throttled":86,"lost_request":0,"lost_reply":0,"late":0,"doubled":0,"slow":0,"stale":0,"partial":232,"late_by":60,"stale_by":10}}"#,
    ),
];

#[test]
fn it_is_not_so_any_more() {
    let simulation = Simulation::new();
    for (wrong, line) in FOUND {
        let script: Script = line.parse().unwrap_or_else(|error| panic!("{wrong}: {error}"));
        for patience in [Patience::Configured, Patience::Infinite] {
            if let Err(failure) = simulation.play(&script, patience) {
                panic!("once {wrong}; now: {failure}");
            }
        }
    }
}
