//! What a scale set must be to be a baseline: one image, and machines that nobody changes or takes away but by name.

use immutable_core::{Error, Result};
use serde_json::Value;

use super::seen::Group;
use crate::ids::Source;

/// That a scale set can be a baseline, or all that stands against it. What can be switched off without touching a machine or the model (repairs, rebalancing, overprovisioning) does not.
pub(super) fn check(found: &Group, region: &str) -> Result<()> {
    let properties = found.body.get("properties").unwrap_or(&Value::Null);
    let against: Vec<String> = [place(found, region), policy(found, properties), evicted(properties), patched(properties)]
        .into_iter()
        .chain([image(found), moving(properties)])
        .flatten()
        .chain(upgraded(properties))
        .collect();
    if against.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!("{} cannot be a baseline: {}", found.name, against.join("; "))))
}

/// How many machines it may ever hold. "Working with large virtual machine scale sets": 100 in a single placement group, which Uniform is in unless it says otherwise, and else 1000.
pub(super) fn most(found: &Group) -> u32 {
    let single = found.body.pointer("/properties/singlePlacementGroup").and_then(Value::as_bool);
    let most = if single.unwrap_or(!found.flexible) { 100 } else { 1000 };
    most.max(found.capacity)
}

fn text<'a>(of: &'a Value, pointer: &str) -> &'a str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_on(of: &Value, pointer: &str) -> bool {
    of.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

fn each<'a>(of: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    of.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A resource group may have some of other regions, whose machines and quotas are not those of this place.
fn place(found: &Group, region: &str) -> Option<String> {
    let said = text(&found.body, "/location");
    let plain: String = said.chars().filter(|letter| !letter.is_whitespace()).collect();
    (!plain.is_empty() && !plain.eq_ignore_ascii_case(region)).then(|| format!("it is in {said}, and not in {region}"))
}

/// "UpgradePolicy": Automatic and Rolling change machines in place as soon as the model is another. A Flexible one may say nothing, and then has none.
fn policy(found: &Group, properties: &Value) -> Option<String> {
    let mode = text(properties, "/upgradePolicy/mode");
    // "AutomaticOSUpgradePolicy": "when a newer version of the OS image becomes available".
    if is_on(properties, "/upgradePolicy/automaticOSUpgradePolicy/enableAutomaticOSUpgrade") {
        return Some("Azure upgrades the images of its machines; set enableAutomaticOSUpgrade to false".to_owned());
    }
    let manual = mode.eq_ignore_ascii_case("Manual") || found.flexible && mode.is_empty();
    let mode = if mode.is_empty() { "not said" } else { mode };
    (!manual).then(|| format!("its upgrade policy is {mode}, and Azure may change machines in place; set it to Manual"))
}

/// "Azure Spot Virtual Machines for Virtual Machine Scale Sets": whoever is Spot, or Low as it was called before, is evicted at any time, and may be restored by Azure alone.
fn evicted(properties: &Value) -> Option<String> {
    let priority = text(properties, "/virtualMachineProfile/priority");
    let mixed = properties.get("priorityMixPolicy").is_some_and(|policy| !policy.is_null());
    let spot = !priority.is_empty() && !priority.eq_ignore_ascii_case("Regular");
    let which = if spot { priority } else { "partly Spot" };
    (spot || mixed).then(|| format!("its machines are {which}, and Azure evicts them; a baseline has the priority Regular"))
}

/// "Automatic Guest Patching for Azure Virtual Machines and Scale Sets".
fn patched(properties: &Value) -> Option<String> {
    let by = ["windows", "linux"].into_iter().find(|of| {
        let mode = format!("/virtualMachineProfile/osProfile/{of}Configuration/patchSettings/patchMode");
        text(properties, &mode).eq_ignore_ascii_case("AutomaticByPlatform")
    })?;
    Some(format!("Azure patches its machines; set the patchMode of its {by}Configuration to another than AutomaticByPlatform"))
}

/// An image definition, or a version `latest`: what it launches is not one image.
fn image(found: &Group) -> Option<String> {
    let version = text(&found.body, "/properties/virtualMachineProfile/storageProfile/imageReference/version");
    if version.eq_ignore_ascii_case("latest") {
        return Some("it launches the latest of its image, which changes; name a version".to_owned());
    }
    match found.runs.as_deref().map(Source::parse) {
        None => Some("it says of no image that it launches it; give its model one".to_owned()),
        Some(Err(why)) => Some(why.to_string()),
        Some(Ok(_)) => None,
    }
}

/// "SecurityPostureReference": a version, or the latest, by which Azure installs what it likes.
fn moving(properties: &Value) -> Option<String> {
    let posture = text(properties, "/virtualMachineProfile/securityPostureReference/id");
    let exact = posture.to_ascii_lowercase().rsplit_once("/versions/").is_some_and(|(_, version)| version != "latest");
    (!posture.is_empty() && !exact).then(|| format!("its security posture {posture} is the latest; name a version"))
}

/// "Automatic Extension Upgrade for VMs and Scale Sets in Azure", and "VMGalleryApplication": the newest, as soon as there is one.
fn upgraded(properties: &Value) -> Vec<String> {
    let extensions = each(properties, "/virtualMachineProfile/extensionProfile/extensions")
        .filter(|one| is_on(one, "/properties/enableAutomaticUpgrade"))
        .map(|one| format!("Azure upgrades its extension {}; set enableAutomaticUpgrade to false", text(one, "/name")));
    let applications = each(properties, "/virtualMachineProfile/applicationProfile/galleryApplications").filter_map(|one| {
        let id = text(one, "/packageReferenceId");
        if is_on(one, "/enableAutomaticUpgrade") {
            return Some(format!("Azure upgrades its application {id}; set enableAutomaticUpgrade to false"));
        }
        Source::parse(id).err().map(|why| why.to_string())
    });
    extensions.chain(applications).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(change: impl FnOnce(&mut Value)) -> Group {
        let mut body = json!({
            "id": "/x", "name": "legacy", "location": "West Europe", "sku": {"name": "s", "capacity": 3},
            "properties": {
                "orchestrationMode": "Uniform", "upgradePolicy": {"mode": "Manual"},
                "virtualMachineProfile": {"storageProfile": {"imageReference": {"id": IMAGE}}},
            },
        });
        change(&mut body["properties"]);
        Group::read("virtualMachineScaleSets.get", body, None).unwrap()
    }

    const IMAGE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/web/versions/1.0.0";

    fn against(change: impl FnOnce(&mut Value)) -> String {
        check(&group(change), "westeurope").map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_nobody_changes_is_a_baseline() {
        assert_eq!(against(|_| {}), "");
        assert_eq!(against(|it| it["upgradePolicy"]["mode"] = json!("manual")), "");
        assert_eq!(against(|it| it["virtualMachineProfile"]["priority"] = json!("Regular")), "");
        // What can be switched off is no reason.
        assert_eq!(against(|it| it["automaticRepairsPolicy"] = json!({"enabled": true})), "");
        assert_eq!(
            against(|it| {
                it["orchestrationMode"] = json!("Flexible");
                it["upgradePolicy"] = Value::Null;
            }),
            ""
        );
        let latest =
            json!({"publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "latest", "exactVersion": "24.4.1"});
        let said = against(|it| it["virtualMachineProfile"]["storageProfile"]["imageReference"] = latest);
        assert!(said.contains("launches the latest"), "{said}");
        assert!(check(&group(|_| {}), "northeurope").unwrap_err().to_string().contains("it is in West Europe"));
    }

    #[test]
    fn all_that_stands_against_it_is_told_at_once() {
        let said = against(|it| {
            it["upgradePolicy"] = json!({"mode": "Rolling"});
            it["virtualMachineProfile"] = json!({"priority": "Spot"});
        });
        for words in ["legacy cannot be a baseline", "is Rolling", "machines are Spot", "of no image"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }

    #[test]
    fn it_holds_what_its_placement_groups_do() {
        let most_of = |single: Value, mode: &str| {
            most(&group(|it| {
                it["orchestrationMode"] = json!(mode);
                it["singlePlacementGroup"] = single;
            }))
        };
        assert_eq!((most_of(json!(true), "Uniform"), most_of(Value::Null, "Uniform")), (100, 100));
        assert_eq!((most_of(json!(false), "Uniform"), most_of(Value::Null, "Flexible")), (1000, 1000));
    }
}
