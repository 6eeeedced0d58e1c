//! What may be said of a scale set, and what of it is shown.

use serde_json::{Map, Value, json};

use super::super::asked::{Asked, at, list, put, text};
use super::super::error::{Result, bad, conflict, invalid};
use super::super::network::check_tags;
use super::super::resource::Resource;
use super::super::world::{World, time};
use super::source::plain;

const WHOLE: &[&str] = &["location", "tags", "sku", "plan", "identity", "zones", "extendedLocation", "placement", "properties"];
const PATCH: &[&str] = &["tags", "sku", "plan", "identity", "zones", "placement", "properties"];
const PROPERTIES: &[&str] = &[
    "additionalCapabilities",
    "automaticRepairsPolicy",
    "constrainedMaximumCapacity",
    "doNotRunExtensionsOnOverprovisionedVMs",
    "externalHealthPolicy",
    "highSpeedInterconnectPlacement",
    "hostGroup",
    "lifecycleHooksProfile",
    "orchestrationMode",
    "overprovision",
    "platformFaultDomainCount",
    "priorityMixPolicy",
    "proximityPlacementGroup",
    "resiliencyPolicy",
    "scaleInPolicy",
    "scheduledEventsPolicy",
    "singlePlacementGroup",
    "skuProfile",
    "spotRestorePolicy",
    "upgradePolicy",
    "virtualMachineProfile",
    "zonalPlatformFaultDomainAlignMode",
    "zoneBalance",
];
const PROFILE: &[&str] = &[
    "applicationProfile",
    "billingProfile",
    "capacityReservation",
    "diagnosticsProfile",
    "evictionPolicy",
    "extensionProfile",
    "hardwareProfile",
    "interconnectBlockProfile",
    "licenseType",
    "networkProfile",
    "osProfile",
    "priority",
    "scheduledEventsProfile",
    "securityPostureReference",
    "securityProfile",
    "serviceArtifactReference",
    "storageProfile",
    "userData",
];

/// What only the service says: models `VirtualMachineScaleSet` and `VirtualMachineScaleSetProperties`. It is taken and forgotten, as Resource Manager
/// does with what is read and written back.
const READ_ONLY: &[&str] = &["id", "name", "type", "etag", "systemData"];
const READ_ONLY_PROPERTIES: &[&str] = &["provisioningState", "timeCreated", "uniqueId"];

/// Fields that there are not, in the words of the compute provider.
fn known(body: &Value, inside: &str, fields: &[&str], more: &[&str]) -> Result<()> {
    let names =
        at(body, inside).or(Some(body).filter(|_| inside.is_empty())).and_then(Value::as_object).into_iter().flat_map(Map::keys);
    for name in names {
        if !fields.contains(&name.as_str()) && !more.contains(&name.as_str()) {
            let path = if inside.is_empty() { name.clone() } else { format!("{inside}.{name}") };
            let message = format!("Could not find member '{name}' on object of type 'VirtualMachineScaleSet'. Path '{path}'.");
            return Err(bad("InvalidRequestContent", message));
        }
    }
    Ok(())
}

fn without_read_only(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        READ_ONLY.iter().for_each(|field| drop(body.remove(*field)));
    }
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        READ_ONLY_PROPERTIES.iter().for_each(|field| drop(properties.remove(*field)));
    }
    body
}

/// What a PUT says, if it may.
pub(crate) fn whole(world: &World, asked: &Asked) -> Result<Value> {
    known(&asked.body, "", WHOLE, READ_ONLY)?;
    known(&asked.body, "properties", PROPERTIES, READ_ONLY_PROPERTIES)?;
    known(&asked.body, "properties.virtualMachineProfile", PROFILE, &["timeCreated"])?;
    let body = without_read_only(&asked.body);
    let location = text(&body, "location");
    if location.is_empty() {
        return Err(bad("LocationRequired", "The location property is required for this definition."));
    }
    if plain(location) != plain(&world.location) {
        let message = format!(
            "The provided location '{location}' is not available for resource type 'Microsoft.Compute/virtualMachineScaleSets'."
        );
        return Err(bad("LocationNotAvailableForResourceType", message));
    }
    if let Some(found) = world.find(asked.target()) {
        let same = |field: &str, default: &str| {
            let word = |body: &Value| Some(text(body, field)).filter(|word| !word.is_empty()).unwrap_or(default).to_owned();
            word(&found.body) == word(&body)
        };
        if !same("properties.orchestrationMode", "Uniform") {
            return Err(changed("orchestrationMode"));
        }
    }
    checked(world, &body)?;
    Ok(body)
}

fn changed(field: &str) -> super::super::error::ArmError {
    // "PropertyChangeNotAllowed": "Troubleshoot common error messages when you manage Azure virtual machines".
    conflict("PropertyChangeNotAllowed", format!("Changing property '{field}' is not allowed."))
}

/// What it is after a PATCH: "JSON merge patch", but for tags, which are replaced whole ("Update tags").
pub(crate) fn patched(world: &World, asked: &Asked, found: &Resource) -> Result<Value> {
    known(&asked.body, "", PATCH, &[])?;
    // VirtualMachineScaleSetUpdateProperties, VirtualMachineScaleSetUpdateVMProfile.
    let fixed = ["orchestrationMode", "platformFaultDomainCount", "zoneBalance", "hostGroup", "constrainedMaximumCapacity"];
    let fields: Vec<&str> = PROPERTIES.iter().copied().filter(|field| !fixed.contains(field)).collect();
    known(&asked.body, "properties", &fields, &[])?;
    let fixed = ["applicationProfile", "priority", "evictionPolicy", "capacityReservation", "serviceArtifactReference"];
    let fields: Vec<&str> = PROFILE.iter().copied().filter(|field| !fixed.contains(field)).collect();
    known(&asked.body, "properties.virtualMachineProfile", &fields, &[])?;
    let mut body = found.body.clone();
    for (field, value) in asked.body.as_object().into_iter().flatten() {
        match (field.as_str(), body.get_mut(field)) {
            ("sku" | "properties", Some(known)) => merge(known, value),
            _ => put(&mut body, field, value.clone()),
        }
    }
    checked(world, &body)?;
    Ok(body)
}

/// Lists are replaced whole, null removes.
pub(crate) fn merge(known: &mut Value, patch: &Value) {
    let (Some(inside), Some(patch)) = (known.as_object_mut(), patch.as_object()) else {
        *known = patch.clone();
        return;
    };
    for (field, value) in patch {
        match inside.get_mut(field) {
            _ if value.is_null() => drop(inside.remove(field)),
            Some(inner) => merge(inner, value),
            None => drop(inside.insert(field.clone(), value.clone())),
        }
    }
}

fn required(body: &Value, field: &str) -> Result<()> {
    let name = field.strip_prefix("properties.").unwrap_or(field);
    match at(body, field) {
        Some(value) if !value.is_null() => Ok(()),
        // terraform-provider-azurerm and others quote it: code, words and target.
        _ => Err(invalid(name, format!("Required parameter '{name}' is missing (null)."))),
    }
}

fn checked(world: &World, body: &Value) -> Result<()> {
    check_tags(body)?;
    required(body, "sku.name")?;
    let capacity = at(body, "sku.capacity").and_then(Value::as_u64);
    // Up to 1000 machines: "What are Virtual Machine Scale Sets?".
    if capacity.is_none_or(|capacity| capacity > 1000) {
        return Err(invalid("sku.capacity", "The capacity of a scale set must be between 0 and 1000."));
    }
    for zone in list(body, "zones") {
        if !world.zones.iter().any(|known| zone == known.as_str()) {
            let message =
                format!("The zone(s) '{zone}' for resource type 'Microsoft.Compute/virtualMachineScaleSets' is not supported.");
            return Err(bad("InvalidAvailabilityZone", message));
        }
    }
    // "zoneBalance property can only be set if the zones property of the scale set contains more than one zone."
    if at(body, "properties.zoneBalance").is_some_and(Value::is_boolean) && list(body, "zones").len() < 2 {
        return Err(invalid("zoneBalance", "The property 'zoneBalance' can only be set if there is more than one zone."));
    }
    match text(body, "properties.orchestrationMode") {
        "Flexible" => flexible(body)?,
        // Without a mode it is uniform.
        "" | "Uniform" => uniform(body)?,
        word => {
            return Err(invalid("orchestrationMode", format!("The value '{word}' of parameter orchestrationMode is invalid.")));
        }
    }
    let Some(profile) = at(body, "properties.virtualMachineProfile").filter(|profile| !profile.is_null()) else {
        // A flexible scale set without a profile is one that machines are attached to: "Orchestration modes for Virtual Machine Scale Sets".
        return if capacity == Some(0) { Ok(()) } else { required(body, "properties.virtualMachineProfile") };
    };
    if let Some(reference) = at(profile, "storageProfile.imageReference") {
        world.image_of(reference)?;
    }
    world.has_applications(profile)
}

fn uniform(body: &Value) -> Result<()> {
    required(body, "properties.upgradePolicy")?;
    // bicep-registry-modules#2088 quotes it.
    match at(body, "properties.virtualMachineProfile.networkProfile.networkApiVersion") {
        Some(_) => {
            Err(bad("InvalidJson", "Could not find member 'networkApiVersion' on object of type 'VMScaleSetNetworkProfile'."))
        }
        None => Ok(()),
    }
}

/// "Orchestration modes for Virtual Machine Scale Sets".
fn flexible(body: &Value) -> Result<()> {
    // bicep-registry-modules#2671 quotes it.
    if text(body, "identity.type").contains("SystemAssigned") {
        let message =
            "The value 'SystemAssigned' of parameter 'identity' is not allowed. Allowed values are: UserAssigned, None.";
        return Err(invalid("identity", message));
    }
    required(body, "properties.platformFaultDomainCount")?;
    if at(body, "properties.singlePlacementGroup") == Some(&Value::Bool(true)) {
        let message = "The value 'True' of parameter 'singlePlacementGroup' is not allowed. Allowed values are: False.";
        return Err(invalid("singlePlacementGroup", message));
    }
    if at(body, "properties.overprovision") == Some(&Value::Bool(true)) {
        return Err(invalid("overprovision", "overprovision is not supported with orchestrationMode Flexible."));
    }
    let network = "properties.virtualMachineProfile.networkProfile";
    if !list(body, &format!("{network}.networkInterfaceConfigurations")).is_empty() {
        // As platformFaultDomainCount, it is asked for of flexible ones: azure-rest-api-specs#27029.
        required(body, &format!("{network}.networkApiVersion"))?;
    }
    Ok(())
}

/// What is shown: secrets never are. "userData" with `$expand=userData` alone.
pub(crate) fn shown(resource: &Resource, asked: &Asked) -> Value {
    let mut body = resource.json();
    put(&mut body, "properties.timeCreated", time(resource.created).into());
    put(&mut body, "properties.uniqueId", unique(resource).into());
    if at(&body, "properties.orchestrationMode").is_none() {
        put(&mut body, "properties.orchestrationMode", "Uniform".into());
    }
    let user_data = asked.query.get("$expand").is_some_and(|expand| expand.eq_ignore_ascii_case("userData"));
    if let Some(profile) = body.pointer_mut("/properties/virtualMachineProfile") {
        secretive(profile);
        if let Some(profile) = profile.as_object_mut().filter(|_| !user_data) {
            profile.remove("userData");
        }
    }
    body
}

/// `customData`, `adminPassword` and `protectedSettings` are told, and never shown.
pub(crate) fn secretive(profile: &mut Value) {
    if let Some(os) = profile.get_mut("osProfile").and_then(Value::as_object_mut) {
        os.remove("customData");
        os.remove("adminPassword");
    }
    let extensions = profile.pointer_mut("/extensionProfile/extensions").and_then(Value::as_array_mut);
    for extension in extensions.into_iter().flatten() {
        if let Some(properties) = extension.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("protectedSettings");
        }
    }
}

/// "the ID which uniquely identifies a Virtual Machine Scale Set": another, when another is made of the same name.
fn unique(resource: &Resource) -> String {
    let digits = crate::fault::scramble(resource.created ^ u64::try_from(resource.id.len()).unwrap_or(0));
    format!("{:08x}-{:04x}-4{:03x}-8000-{:012x}", digits >> 32, (digits >> 16) & 0xffff, digits & 0xfff, resource.created)
}

/// What is asked for the first time is answered as it is, but for this.
pub(crate) fn capacity(body: &Value) -> usize {
    at(body, "sku.capacity").and_then(Value::as_u64).and_then(|capacity| usize::try_from(capacity).ok()).unwrap_or(0)
}

/// Sets it.
pub(crate) fn set_capacity(body: &mut Value, capacity: usize) {
    put(body, "sku.capacity", json!(capacity));
}
