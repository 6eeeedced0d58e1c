//! The role in the documentation against the calls that are really made: what each of them asks is in it, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use backend_gcp::{MANAGED, UrlMapTraffic};
use immutable_core::fleet::{POOL_CHECK, Placement};
use immutable_core::id::Zone;
use immutable_core::rollout::Percent;
use immutable_core::{Controller, Fleet, MemoryJournal, Outcome, Provider, Result, Strategy};
use immutable_fakes::gce::{Ended, Fate};

use crate::account::{Account, REGION};
use crate::hand::{Hand, artifact, play};
use crate::{pools, walk};

/// What a method itself asks. As the methods' pages tell under "IAM Permissions", as far as they could be read, and as others' lists of permissions have them. Templates, groups and autoscalers have the same ones in zones, in regions and for all of them; backend services
/// and url maps have not.
const ASKS: &[(&str, &str)] = &[
    ("autoscalers.get", "compute.autoscalers.get"),
    ("autoscalers.patch", "compute.autoscalers.update"),
    ("backendServices.aggregatedList", "compute.backendServices.list"),
    ("backendServices.get", "compute.backendServices.get"),
    ("backendServices.getHealth", "compute.backendServices.get"),
    ("backendServices.patch", "compute.backendServices.update"),
    ("backendServices.update", "compute.backendServices.update"),
    ("disks.aggregatedList", "compute.disks.list"),
    ("globalOperations.get", "compute.globalOperations.get"),
    ("images.delete", "compute.images.delete"),
    ("images.deprecate", "compute.images.deprecate"),
    ("images.get", "compute.images.get"),
    ("images.getFromFamily", "compute.images.getFromFamily"),
    ("images.insert", "compute.images.create"),
    ("images.list", "compute.images.list"),
    ("images.patch", "compute.images.update"),
    ("instanceGroupManagers.aggregatedList", "compute.instanceGroupManagers.list"),
    ("instanceGroupManagers.delete", "compute.instanceGroupManagers.delete"),
    ("instanceGroupManagers.deleteInstances", "compute.instanceGroupManagers.update"),
    ("instanceGroupManagers.get", "compute.instanceGroupManagers.get"),
    ("instanceGroupManagers.insert", "compute.instanceGroupManagers.create"),
    ("instanceGroupManagers.listErrors", "compute.instanceGroupManagers.get"),
    ("instanceGroupManagers.listManagedInstances", "compute.instanceGroupManagers.get"),
    ("instanceGroupManagers.patch", "compute.instanceGroupManagers.update"),
    ("instanceGroupManagers.resize", "compute.instanceGroupManagers.update"),
    ("instanceTemplates.aggregatedList", "compute.instanceTemplates.list"),
    ("machineTypes.get", "compute.machineTypes.get"),
    ("regionAutoscalers.get", "compute.autoscalers.get"),
    ("regionAutoscalers.patch", "compute.autoscalers.update"),
    ("regionBackendServices.get", "compute.regionBackendServices.get"),
    ("regionBackendServices.getHealth", "compute.regionBackendServices.get"),
    ("regionBackendServices.patch", "compute.regionBackendServices.update"),
    ("regionBackendServices.update", "compute.regionBackendServices.update"),
    ("regionInstanceGroupManagers.delete", "compute.instanceGroupManagers.delete"),
    ("regionInstanceGroupManagers.deleteInstances", "compute.instanceGroupManagers.update"),
    ("regionInstanceGroupManagers.get", "compute.instanceGroupManagers.get"),
    ("regionInstanceGroupManagers.insert", "compute.instanceGroupManagers.create"),
    ("regionInstanceGroupManagers.listErrors", "compute.instanceGroupManagers.get"),
    ("regionInstanceGroupManagers.listManagedInstances", "compute.instanceGroupManagers.get"),
    ("regionInstanceGroupManagers.patch", "compute.instanceGroupManagers.update"),
    ("regionInstanceGroupManagers.resize", "compute.instanceGroupManagers.update"),
    ("regionInstanceTemplates.delete", "compute.instanceTemplates.delete"),
    ("regionInstanceTemplates.get", "compute.instanceTemplates.get"),
    ("regionInstanceTemplates.insert", "compute.instanceTemplates.create"),
    ("regionInstanceTemplates.list", "compute.instanceTemplates.list"),
    ("regionOperations.get", "compute.regionOperations.get"),
    ("regionUrlMaps.get", "compute.regionUrlMaps.get"),
    ("regionUrlMaps.update", "compute.regionUrlMaps.update"),
    ("regions.get", "compute.regions.get"),
    ("urlMaps.get", "compute.urlMaps.get"),
    ("urlMaps.update", "compute.urlMaps.update"),
    ("zoneOperations.get", "compute.zoneOperations.get"),
];

/// What a method asks of what it names, and why. The fake knows nothing of it: methods' pages, "Create VMs", "Required permissions"; and the roles of those who went for the least,
/// terraform-provider-iterative (`docs/guides/permissions/gcp`) and GitLab's grit.
const IMPLIED: &[(&str, &str, &str)] = &[
    ("autoscalers.patch", "compute.instanceGroupManagers.use", "it is of a group"),
    ("backendServices.patch", "compute.healthChecks.useReadOnly", "the service has a check, which is judged again"),
    ("backendServices.patch", "compute.instanceGroups.use", "a group becomes its backend"),
    ("images.insert", "compute.images.setLabels", "a copy has its source's labels"),
    ("images.insert", "compute.images.useReadOnly", "it is a copy"),
    ("instanceGroupManagers.delete", "compute.instanceGroups.delete", "a group that is managed is also a plain one"),
    ("instanceGroupManagers.deleteInstances", "compute.instances.delete", "machines go"),
    ("instanceGroupManagers.insert", "compute.disks.create", "a machine has a boot disk"),
    ("instanceGroupManagers.insert", "compute.instanceGroups.create", "a group that is managed is also a plain one"),
    ("instanceGroupManagers.insert", "compute.instanceTemplates.useReadOnly", "it launches from a template"),
    ("instanceGroupManagers.insert", "compute.instances.create", "it launches"),
    ("instanceGroupManagers.insert", "compute.instances.setLabels", "a machine says whose it is"),
    ("instanceGroupManagers.insert", "compute.instances.setMetadata", "the template has metadata"),
    ("instanceGroupManagers.insert", "compute.instances.setServiceAccount", "the template has a service account"),
    ("instanceGroupManagers.insert", "compute.instances.setTags", "the template has network tags"),
    ("instanceGroupManagers.insert", "compute.subnetworks.use", "a machine is in a subnetwork"),
    ("instanceGroupManagers.insert", "compute.subnetworks.useExternalIp", "the template has a public address"),
    ("regionBackendServices.patch", "compute.regionHealthChecks.useReadOnly", "the service has a check, which is judged again"),
    ("regionInstanceTemplates.insert", "iam.serviceAccounts.actAs", "the template has a service account (kubicorn#475)"),
    ("regionUrlMaps.update", "compute.regionBackendServices.use", "it sends to services"),
    ("urlMaps.update", "compute.backendServices.use", "it sends to services"),
];

/// What is in the role.
static ROLE: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let role: serde_json::Value = serde_json::from_str(include_str!("../../../docs/gcp/role.json")).unwrap();
    let permissions = role["includedPermissions"].as_array().unwrap();
    permissions.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
});

/// All that a method asks.
fn asked(method: &str) -> BTreeSet<&'static str> {
    let own = ASKS.iter().filter(|(of, _)| *of == method).map(|(_, permission)| *permission);
    let implied = IMPLIED.iter().filter(|(of, ..)| *of == method).map(|(_, permission, _)| *permission);
    own.chain(implied).collect()
}

/// From now on what the role does not allow is denied.
fn bind(account: &Account) {
    let allowed = |method: &&str| asked(method).iter().all(|permission| ROLE.contains(*permission));
    account.fake.allow_only(ASKS.iter().map(|(method, _)| *method).filter(allowed));
}

/// What was called by who is bound by the role, in a project whose furniture others have made.
fn bound(furnish_and_walk: impl AsyncFn(&Account) -> Result<()>) -> BTreeSet<String> {
    play(async |account: Account| {
        furnish_and_walk(&account).await.unwrap();
        let denied = |ended: &Ended| matches!(ended, Ended::Failed(code) if code.contains("forbidden"));
        let calls = account.fake.calls();
        let denied: Vec<&str> = calls.iter().filter(|call| denied(&call.ended)).map(|call| call.method.as_str()).collect();
        assert_eq!(denied, Vec::<&str>::new(), "the role does not allow these");
        walk::called(&account)
    })
}

/// A first deployment, canaries, and one whose image is bad and that is gone back from.
async fn rollouts(account: &Account, provider: Provider, fleet: Fleet) -> Result<()> {
    let controller = Controller::new(provider, MemoryJournal::new()).with_clock(Arc::new(account.clock.clone()));
    let images =
        ["1.0.0", "1.1.0", "1.2.0"].map(|version| (version, account.image(&format!("web-{}", version.replace('.', "-")))));
    account.fake.fate(images[2].1.id().as_str(), Fate::Sick);
    let pooled = fleet.traffic_pool().is_some();
    for (at, (version, image)) in images.into_iter().enumerate() {
        let strategy = if at == 0 { Strategy::rolling() } else { Strategy::canary([Percent::new(25)?]) };
        // The first of all are ready before a pool has them.
        let fleet = match at > 0 && pooled {
            true => fleet.clone().required_sources([MANAGED.into(), POOL_CHECK.into()]),
            false => fleet.clone(),
        };
        let outcome = controller.run(controller.plan(&fleet, &artifact(version, image), strategy).await?).await?;
        let wanted = if at == 2 && pooled { Outcome::RolledBack } else { Outcome::Succeeded };
        assert_eq!(outcome, wanted, "{version}");
    }
    controller.explain(fleet.id()).await.map(drop)
}

/// What all walks call.
static CALLED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut called = bound(async |account: &Account| {
        let (pool, _) = pools::pool(account, "front", 3, true);
        bind(account);
        let traffic = UrlMapTraffic::new(&account.gcp).pool("web", pool)?;
        let provider = Provider::from(&account.gcp).traffic(Arc::new(traffic));
        let fleet = Fleet::new("web", account.place()).size(4).template(account.template()).required_sources([MANAGED.into()]);
        rollouts(account, provider, fleet.pool("web")).await
    });
    for placement in [Placement::Region, Placement::Zone(Zone::new(format!("{REGION}-b")))] {
        called.extend(bound(async |account: &Account| {
            bind(account);
            walk::fleet(&Hand::new(account).with(|machine| machine.service_account("web@acme.iam")), placement.clone()).await
        }));
    }
    for global in [true, false] {
        called.extend(bound(async |account: &Account| {
            let (pool, _) = pools::pool(account, "front", 3, global);
            bind(account);
            walk::pool(&Hand::new(account), "web", pool).await
        }));
    }
    called.extend(bound(async |account: &Account| {
        let _ = account.fake.project(walk::ELSEWHERE);
        bind(account);
        walk::images(account).await
    }));
    called
});

#[test]
fn what_each_call_asks_is_in_the_role() {
    let unknown: Vec<&String> = CALLED.iter().filter(|method| asked(method).is_empty()).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "of these it is not known what they ask");
    let asked: BTreeSet<&str> = CALLED.iter().flat_map(|method| asked(method)).collect();
    let missing: Vec<&str> = asked.into_iter().filter(|permission| !ROLE.contains(*permission)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn all_that_is_in_the_role_is_asked() {
    let asked: BTreeSet<&str> = CALLED.iter().flat_map(|method| asked(method)).collect();
    let idle: Vec<&String> = ROLE.iter().filter(|permission| !asked.contains(permission.as_str())).collect();
    assert_eq!(idle, Vec::<&String>::new(), "nobody needs these");
}

#[test]
fn every_method_that_is_known_here_is_called() {
    let rows = ASKS.iter().map(|(method, _)| *method).chain(IMPLIED.iter().map(|(method, ..)| *method));
    let idle: BTreeSet<&str> = rows.filter(|method| !CALLED.contains(*method)).collect();
    assert_eq!(idle, BTreeSet::new(), "no walk calls these");
}

#[test]
fn a_permission_that_lacks_is_told_of() {
    for (method, permission) in
        ASKS.iter().filter(|(method, _)| ["instanceGroupManagers.resize", "urlMaps.update"].contains(method))
    {
        let called = play(async |account: Account| {
            account.fake.allow_only(ASKS.iter().map(|(other, _)| *other).filter(|other| !asked(other).contains(permission)));
            let (pool, _) = pools::pool(&account, "front", 2, true);
            let zone = Placement::Zone(Zone::new(format!("{REGION}-b")));
            let walked = match method.starts_with("urlMaps") {
                true => walk::pool(&Hand::new(&account), "web", pool).await,
                false => walk::fleet(&Hand::new(&account), zone).await,
            };
            walked.unwrap_err().to_string()
        });
        assert!(called.contains(&format!("compute.{method}")), "{called}");
    }
}
