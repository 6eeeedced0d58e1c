//! What users of other engines have met: one test for each failure of a rollout that is named in their issues, and for the awkward moments that no table of
//! rules has. Each plays a whole rollout in an in-memory cloud, in virtual time, by the public API, and asserts what that user would have
//! wanted: who is ready and how many exist at every moment, the end, who is left, and what was said meanwhile.
//!
//! A number is of an issue or a pull request of the project before it; what another says too is named where the test is.
//!
//! | what went wrong | where it is held |
//! |---|---|
//! | a bad stable blocks its fix: argo #995 #1774 #3110, flagger #639, kubernetes #16737 #18435, terraform-google #10648 #10792, kops #11367, cluster-api PR #13020 | `stable`; scenario `corpses` of the simulation |
//! | repairs take the wrong version, or are not made: nomad #5619, cluster-api #13800; Azure's repair, GCP's redistribution (both launch the newest) | `stable`; a generation launches one release and no other (oracle `same`) |
//! | the old is disabled though the new is ill, or gone: spinnaker #5149 #6973, orca PR #664 | `traffic` |
//! | the stable shrinks too early: argo #1415 #2050 #3275 (`midway`), #3077 #3372 #4347 #4433, EKS AMI #66 | `traffic`; scenario `back` |
//! | healthy ones die for those that fail: nomad #6864 #3836 | `back` |
//! | all must be ready and the only one is terminated: alphagov #208 #211; budgets that round to nothing: opencga #987 | `proof` |
//! | an analysis that failed, or never was, is a success: argo #943 #1411 #2158 #4479 #4602 #4681 #4692, kayenta #377 #799 | `gates` |
//! | rolled back across what cannot be undone: flagger #1186, nomad #10882 | `back` |
//! | another release in the middle: argo #1372 #2048 #3354, flagger #30 #31 #1152, cluster-api-aws PR #5173, kubernetes #22719 | `midway` |
//! | another size in the middle: argo #1596 #3272 #3467 #4552, gardener #754 #816, nomad #20295, spinnaker #6377, kubernetes #20754 #40304, asg-roller #19 #43; cluster-api's cases (among them argo #3272: both in one instant) | `midway`, `scale`, `traffic` |
//! | stuck for ever: argo #2200 #2689 #3988 #4128, nomad #4184 #10465 #11267 #27382, flagger #379 #1588 #1591, terraform-eks #2845; a judge that hangs | `stuck`, `gates`, `back`; the simulation's deadline for every seed |
//! | canaries: nomad #4534 #6407 #20308 #25726 #27497 | `gates` |
//! | abort and retry: argo #1259 #1593 #3064 #3120 #4461 | `back` |
//! | the wrong way back: orca PR #3341, terraform-aws #29830 #34189; an alarm that stops its own rollback (CodeDeploy) | `back` |
//! | what is left after a failure: cf_deployer #39, bouncer #57, spinnaker #4812 | `back`, `crash` |
//! | one budget spent twice: nomad #27284; stale reads: argo #4784 #4786; an empty cache: spinnaker #1506 #6367 #6714 | `crash`; `rollout::nomad`; scenario `flicker` |
//! | the controller dies, or comes back as a zombie: orca #1585 #2593 #4426, kops PR #4038 | `crash`; the sweep over every call of small fleets |
//! | a deployment is written in part: nomad #28307 | records of a decision are one append; what became of it is read back: the simulation's broken journals |
//! | done is said too early: terraform-google #3378 #6126, terraform-aws #42355 #17405 | `proof` |
//! | the wrong node goes: kops #9983, or is gone already, kops PR #10740; leavers take the quota: gardener #425; no capacity is no bad release: azure-powershell #11896 | `proof` |
//! | pauses and deadlines: nomad #27804 | `gates` |
//! | why does it not move: containers-roadmap #1282, argo #404 | `stuck` |
//!
//! The awkward moments of the references, by their numbers, where they are not above: 1, 2 `scale` · 3 `midway` · 4, 5 `stable` · 6 `stuck`, `proof` · 7, 8 `crash` and the sweep ·
//! 9 `crash` · 10 `stuck`, `traffic` · 11 `proof` · 12 `gates` · 13 `stable` · 14, 15 `back` · 16 `gates` · 17 rows of `evolve` (a clock that went back) · 18 `traffic` · 19 `proof` ·
//! 20 `stuck` · 22 `back`.
//!
//! Not here, since nothing of the kind exists in this library:
//!
//! - *One fleet is in one place* (edge case 21; nomad's multi-region states; argo #451 #2088 #2737, kubefleet #521: order among services and clusters, windows).
//! - *No watches and no caches to go bad*: argo #3200 (an informer). Each look is a read, and says how old it is.
//! - *No updater of a cloud is driven*: what its knobs mean in which console (ASG instance refresh, VMSS rolling upgrades, MIG updaters: azurerm #6096 #10673, terraform-google #1506, vm-scale-sets #68,
//!   EKS #1258, CloudFormation #2119), and groups that are renamed or adopted (CodeDeploy: terraform-aws #3591 #4678).
//! - *No locks of pipelines*: orca #1070 #2310 #2780 #5046. A fleet has one stream with one owner, and who is not it is fenced (`crash`, `rollout::rivals`).
//! - *No panics*: kops #11774. Linted away; `rollout::evolve_any` and the fuzz targets feed it anything.
//! - *Screens and counts of others*: argo #2087 #3957 #4175, kops #7902, kayenta #733 #744.

mod regressions {
    mod back;
    mod crash;
    mod gates;
    mod kit;
    mod midway;
    mod proof;
    mod scale;
    mod stable;
    mod stuck;
    mod traffic;
}
