//! The role in the documentation against the calls that are really made: what each of them asks is in it, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use backend_azure::{APPLICATION_HEALTH, ApplicationHealth, LoadBalancerTraffic, Pool, SCALE_SET, VmssTemplate};
use immutable_core::fleet::Placement;
use immutable_core::id::Zone;
use immutable_core::{Controller, ErrorKind, Fleet, LaunchTemplate, MemoryJournal, Outcome, Provider, Result, Strategy};
use immutable_fakes::arm::{Ended, Fate, Tracking};

use crate::account::Account;
use crate::hand::{Hand, artifact, play};
use crate::walk;

/// What a call itself asks. "Azure permissions for Compute", "Azure permissions for Networking", "Azure permissions for Monitor": each action by what it is said to do.
const ASKS: &[(&str, &str)] = &[
    ("galleryApplicationVersions.createOrUpdate", "Microsoft.Compute/galleries/applications/versions/write"),
    ("galleryApplicationVersions.delete", "Microsoft.Compute/galleries/applications/versions/delete"),
    ("galleryApplicationVersions.get", "Microsoft.Compute/galleries/applications/versions/read"),
    ("galleryApplicationVersions.listByGalleryApplication", "Microsoft.Compute/galleries/applications/versions/read"),
    ("galleryApplicationVersions.update", "Microsoft.Compute/galleries/applications/versions/write"),
    ("galleryImageVersions.createOrUpdate", "Microsoft.Compute/galleries/images/versions/write"),
    ("galleryImageVersions.delete", "Microsoft.Compute/galleries/images/versions/delete"),
    ("galleryImageVersions.get", "Microsoft.Compute/galleries/images/versions/read"),
    ("galleryImageVersions.listByGalleryImage", "Microsoft.Compute/galleries/images/versions/read"),
    ("galleryImageVersions.update", "Microsoft.Compute/galleries/images/versions/write"),
    ("images.delete", "Microsoft.Compute/images/delete"),
    ("images.get", "Microsoft.Compute/images/read"),
    ("loadBalancerBackendAddressPools.createOrUpdate", "Microsoft.Network/loadBalancers/backendAddressPools/write"),
    ("loadBalancerBackendAddressPools.delete", "Microsoft.Network/loadBalancers/backendAddressPools/delete"),
    ("loadBalancerLoadBalancingRules.health", "Microsoft.Network/loadBalancers/loadBalancingRules/health/action"),
    ("loadBalancers.createOrUpdate", "Microsoft.Network/loadBalancers/write"),
    ("loadBalancers.get", "Microsoft.Network/loadBalancers/read"),
    ("loadBalancers.list", "Microsoft.Network/loadBalancers/read"),
    ("metrics.list", "Microsoft.Insights/metrics/read"),
    // "Track asynchronous Azure operations", "Permission for tracking async status". Of either provider.
    ("operations.get", "Microsoft.Compute/locations/operations/read"),
    ("operations.get", "Microsoft.Network/locations/operations/read"),
    ("operationResults.get", "Microsoft.Network/locations/operationResults/read"),
    ("profiles.get", "Microsoft.Network/trafficManagerProfiles/read"),
    ("profiles.update", "Microsoft.Network/trafficManagerProfiles/write"),
    ("resourceSkus.list", "Microsoft.Compute/skus/read"),
    ("usage.list", "Microsoft.Compute/locations/usages/read"),
    ("virtualMachineImages.get", "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read"),
    ("virtualMachineImages.list", "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read"),
    ("virtualMachineScaleSetVMs.list", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read"),
    ("virtualMachineScaleSets.createOrUpdate", "Microsoft.Compute/virtualMachineScaleSets/write"),
    ("virtualMachineScaleSets.delete", "Microsoft.Compute/virtualMachineScaleSets/delete"),
    ("virtualMachineScaleSets.deleteInstances", "Microsoft.Compute/virtualMachineScaleSets/delete/action"),
    ("virtualMachineScaleSets.get", "Microsoft.Compute/virtualMachineScaleSets/read"),
    ("virtualMachineScaleSets.list", "Microsoft.Compute/virtualMachineScaleSets/read"),
    ("virtualMachineScaleSets.listAll", "Microsoft.Compute/virtualMachineScaleSets/read"),
    ("virtualMachineScaleSets.update", "Microsoft.Compute/virtualMachineScaleSets/write"),
    ("virtualMachines.list", "Microsoft.Compute/virtualMachines/read"),
    ("virtualMachines.listAll", "Microsoft.Compute/virtualMachines/read"),
];

/// What a call asks of what it names, and why: the fake knows nothing of it. What a scale set's model names is asked again when its size is changed (aad-pod-identity#752).
const IMPLIED: &[(&str, &str, &str)] = &[
    ("galleryImageVersions.createOrUpdate", "Microsoft.Compute/images/read", "it is made of a managed image"),
    ("galleryImageVersions.createOrUpdate", "Microsoft.Compute/virtualMachines/read", "it is made of a machine"),
    (
        "loadBalancers.createOrUpdate",
        "Microsoft.Network/publicIPAddresses/join/action",
        "it is written whole, and its frontends have addresses (learn.microsoft.com/answers/questions/49223)",
    ),
    (
        "loadBalancers.createOrUpdate",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "it is written whole, and a frontend may be in a subnet",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Compute/galleries/applications/versions/read",
        "the model names applications",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Compute/galleries/images/versions/read",
        "the model names an image (AKS#2040)",
    ),
    ("virtualMachineScaleSets.createOrUpdate", "Microsoft.Compute/images/read", "the model names an image"),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Compute/virtualMachines/write",
        "\"Orchestration modes for Virtual Machine Scale Sets\", \"RBAC Permissions Required\" of Flexible",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "the template has an identity (aad-pod-identity#613)",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
        "the model names a backend pool (cloud-provider-azure#1999)",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Network/networkSecurityGroups/join/action",
        "the template has a security group",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        "a machine is in a subnet",
    ),
    (
        "virtualMachineScaleSets.update",
        "Microsoft.Compute/virtualMachines/write",
        "\"Orchestration modes for Virtual Machine Scale Sets\", \"RBAC Permissions Required\" of Flexible",
    ),
];

/// What is in the role.
static ROLE: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let role: serde_json::Value = serde_json::from_str(include_str!("../../../docs/azure/role.json")).unwrap();
    role["Actions"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
});

/// All that a call asks.
fn asked(call: &str) -> BTreeSet<&'static str> {
    let own = ASKS.iter().filter(|(of, _)| *of == call).map(|(_, action)| *action);
    let implied = IMPLIED.iter().filter(|(of, ..)| *of == call).map(|(_, action, _)| *action);
    own.chain(implied).collect()
}

/// From now on what the role does not allow is denied.
fn bind(account: &Account) {
    let allowed = |call: &&str| asked(call).iter().all(|action| ROLE.contains(*action));
    account.fake.allow_only(ASKS.iter().map(|(call, _)| *call).filter(allowed));
}

/// What was called by who is bound by the role, in a resource group whose furniture others have made.
fn bound(walk: impl AsyncFn(&Account) -> Result<()>) -> BTreeSet<String> {
    play(async |account: Account| {
        walk::furnish(&account).await;
        bind(&account);
        walk(&account).await.unwrap();
        let denied = |ended: &Ended| matches!(ended, Ended::Failed(code) if code.contains("AuthorizationFailed"));
        let calls = account.fake.calls();
        let denied: Vec<&str> = calls.iter().filter(|call| denied(&call.ended)).map(|call| call.method.as_str()).collect();
        assert_eq!(denied, Vec::<&str>::new(), "the role does not allow these");
        assert_eq!(account.fake.violations(), Vec::<String>::new());
        walk::called(&account)
    })
}

/// A first deployment, one that replaces it, and one whose image is bad and that is gone back from.
async fn rollouts(account: &Account) -> Result<()> {
    let traffic = LoadBalancerTraffic::new(&account.azure).pool("web", Pool::load_balancer("front", ["web"]))?;
    let provider = Provider::from(&account.azure).traffic(Arc::new(traffic));
    let template = VmssTemplate::new(account.machine()).health(ApplicationHealth::http(8080, "/health")).load_balancer("front");
    let fleet = Fleet::new("web", account.place())
        .size(2)
        .template(LaunchTemplate::of(&template)?)
        .required_sources([SCALE_SET.into(), APPLICATION_HEALTH.into()])
        .pool("web");
    let controller = Controller::new(provider, MemoryJournal::new()).with_clock(Arc::new(account.clock.clone()));
    let images = ["1.0.0", "1.1.0", "1.2.0"].map(|version| (version, account.image(version)));
    account.fake.fate(images[2].1.id().as_str(), Fate::Sick);
    for (at, (version, image)) in images.into_iter().enumerate() {
        let plan = controller.plan(&fleet, &artifact(version, image), Strategy::blue_green()).await?;
        let wanted = if at == 2 { Outcome::RolledBack } else { Outcome::Succeeded };
        assert_eq!(controller.run(plan).await?, wanted, "{version}");
    }
    controller.explain(fleet.id()).await.map(drop)
}

/// What all walks call.
static CALLED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut called = bound(async |account: &Account| rollouts(account).await);
    for placement in [Placement::Region, Placement::Zone(Zone::new("2"))] {
        called.extend(bound(async |account: &Account| {
            let hand = Hand::new(account).with(|template| template.zones(["1", "2"]));
            walk::fleet(&hand, placement.clone()).await
        }));
    }
    called.extend(bound(async |account: &Account| walk::application(account).await));
    for tracking in [Tracking::Both, Tracking::Location] {
        called.extend(bound(async |account: &Account| {
            account.fake.tracking(tracking);
            walk::rule(account).await
        }));
    }
    called.extend(bound(async |account: &Account| walk::profile(account).await));
    called.extend(bound(async |account: &Account| walk::images(account).await));
    called.extend(bound(async |account: &Account| walk::metrics(account).await));
    called
});

#[test]
fn what_each_call_asks_is_in_the_role() {
    let unknown: Vec<&String> = CALLED.iter().filter(|call| asked(call).is_empty()).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "of these it is not known what they ask");
    let asked: BTreeSet<&str> = CALLED.iter().flat_map(|call| asked(call)).collect();
    let missing: Vec<&str> = asked.into_iter().filter(|action| !ROLE.contains(*action)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn all_that_is_in_the_role_is_asked() {
    let asked: BTreeSet<&str> = CALLED.iter().flat_map(|call| asked(call)).collect();
    let idle: Vec<&String> = ROLE.iter().filter(|action| !asked.contains(action.as_str())).collect();
    assert_eq!(idle, Vec::<&String>::new(), "nobody needs these");
}

#[test]
fn every_call_that_is_known_here_is_made() {
    let rows = ASKS.iter().map(|(call, _)| *call).chain(IMPLIED.iter().map(|(call, ..)| *call));
    let idle: BTreeSet<&str> = rows.filter(|call| !CALLED.contains(*call)).collect();
    assert_eq!(idle, BTreeSet::new(), "no walk makes these");
}

#[test]
fn a_permission_that_lacks_is_told_of() {
    for call in ["virtualMachineScaleSets.deleteInstances", "loadBalancerLoadBalancingRules.health", "profiles.update"] {
        let error = play(async |account: Account| {
            walk::furnish(&account).await;
            let own = ASKS.iter().find(|(of, _)| *of == call).map(|(_, action)| *action).unwrap();
            account.fake.allow_only(ASKS.iter().map(|(other, _)| *other).filter(|other| !asked(other).contains(own)));
            if call == "profiles.update" { walk::profile(&account).await } else { walk::rule(&account).await }.unwrap_err()
        });
        let told = error.to_string();
        assert!(error.kind() == ErrorKind::Denied && told.contains(call) && told.contains("allow it in their role"), "{told}");
    }
}
