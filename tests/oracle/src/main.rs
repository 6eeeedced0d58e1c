//! Reads what was sent to Azure by the models of another's client, `azure_mgmt_compute`, which is generated from Microsoft's specifications of 2024.
//!
//!     oracle FILE...
//!
//! A line of a file is a call: `{"call": "virtualMachineScaleSets.update", "body": {"sku": {"capacity": 3}}}`. Its body is to be of the call's model, and
//! what the model writes is to have every field of it, with its value: a field that is overlooked would be lost. Fields that are newer than those models
//! are listed, each with its reason. `bodies.jsonl` is what `backend-azure` sends, and is held against it (`backend-azure/tests/it/bodies.rs`). Prints how many bodies were read; whatever is wrong is printed, and fails.

use std::process::ExitCode;

use azure_mgmt_compute::package_2024_07_01::models;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, to_value};

/// What those models do not have: a call, how the place ends, and why it is right.
const NEWER: &[(&str, &str, &str)] = &[
    (
        "galleryImageVersions.createOrUpdate",
        "safetyProfile.blockDeletionBeforeEndOfLife",
        "azure-mgmt-compute 39.0.0 has it; these models are of the galleries of 2023-07-03",
    ),
    (
        "virtualMachineScaleSets.createOrUpdate",
        "resiliencyPolicy.automaticZoneRebalancingPolicy",
        "azure-mgmt-compute 39.0.0 has it; these models are of the scale sets of 2024-07-01",
    ),
    (
        "virtualMachineScaleSets.update",
        "resiliencyPolicy.automaticZoneRebalancingPolicy",
        "azure-mgmt-compute 39.0.0 has it; these models are of the scale sets of 2024-07-01",
    ),
];

/// By the call's model; `None` if the call has none there.
fn read(call: &str, body: Value) -> Option<serde_json::Result<Value>> {
    fn through<T: DeserializeOwned + Serialize>(body: Value) -> Option<serde_json::Result<Value>> {
        Some(from_value::<T>(body).and_then(to_value))
    }
    match call {
        "galleries.createOrUpdate" => through::<models::Gallery>(body),
        "galleryApplicationVersions.createOrUpdate" => through::<models::GalleryApplicationVersion>(body),
        "galleryApplicationVersions.update" => through::<models::GalleryApplicationVersionUpdate>(body),
        "galleryApplications.createOrUpdate" => through::<models::GalleryApplication>(body),
        "galleryImageVersions.createOrUpdate" => through::<models::GalleryImageVersion>(body),
        "galleryImageVersions.update" => through::<models::GalleryImageVersionUpdate>(body),
        "galleryImages.createOrUpdate" => through::<models::GalleryImage>(body),
        "images.createOrUpdate" => through::<models::Image>(body),
        "virtualMachineScaleSets.createOrUpdate" => through::<models::VirtualMachineScaleSet>(body),
        "virtualMachineScaleSets.deleteInstances" => through::<models::VirtualMachineScaleSetVmInstanceRequiredIDs>(body),
        "virtualMachineScaleSets.update" => through::<models::VirtualMachineScaleSetUpdate>(body),
        _ => None,
    }
}

/// The places of what was sent and is not there, or is another.
fn lost(sent: &Value, seen: Option<&Value>, place: &str, into: &mut Vec<String>) {
    match (sent, seen) {
        (Value::Object(sent), Some(Value::Object(seen))) => {
            sent.iter().for_each(|(name, value)| lost(value, seen.get(name), &format!("{place}.{name}"), into));
        }
        (Value::Array(sent), Some(Value::Array(seen))) if sent.len() == seen.len() => {
            let pairs = sent.iter().zip(seen).enumerate();
            pairs.for_each(|(at, (sent, seen))| lost(sent, Some(seen), &format!("{place}[{at}]"), into));
        }
        (sent, Some(seen)) if sent == seen => {}
        // An empty object, or an empty list, is left out when it is written.
        (Value::Object(sent), None) if sent.is_empty() => {}
        (Value::Array(sent), None) if sent.is_empty() => {}
        (sent, None) => into.push(format!("{place}: {sent} is overlooked")),
        (sent, Some(seen)) => into.push(format!("{place}: {sent} is read as {seen}")),
    }
}

/// What is wrong with a line; `Ok(false)`: its call is of no model there.
fn judge(line: &str) -> Result<bool, Vec<String>> {
    let whole: Value = serde_json::from_str(line).map_err(|error| vec![error.to_string()])?;
    let call = whole.get("call").and_then(Value::as_str).ok_or_else(|| vec!["no call".to_owned()])?;
    let body = whole.get("body").ok_or_else(|| vec!["no body".to_owned()])?;
    let Some(seen) = read(call, body.clone()) else { return Ok(false) };
    let seen = seen.map_err(|error| vec![format!("{call}: {error}")])?;
    let mut wrong = Vec::new();
    lost(body, Some(&seen), "body", &mut wrong);
    let known = |wrong: &str| {
        NEWER.iter().any(|(of, end, _)| *of == call && wrong.split(": ").next().is_some_and(|place| place.ends_with(end)))
    };
    wrong.retain(|wrong| !known(wrong));
    if wrong.is_empty() { Ok(true) } else { Err(wrong.into_iter().map(|wrong| format!("{call}: {wrong}")).collect()) }
}

fn main() -> ExitCode {
    let (mut read, mut wrong) = (0, Vec::new());
    for file in std::env::args().skip(1) {
        match std::fs::read_to_string(&file) {
            Err(error) => wrong.push(format!("{file}: {error}")),
            Ok(text) => {
                for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
                    match judge(line) {
                        Ok(judged) => read += usize::from(judged),
                        Err(found) => wrong.extend(found.into_iter().map(|found| format!("{file}:{}: {found}", at + 1))),
                    }
                }
            }
        }
    }
    wrong.iter().for_each(|wrong| eprintln!("{wrong}"));
    if read == 0 {
        eprintln!("no body was read");
    }
    println!("{read} bodies were read");
    if wrong.is_empty() && read > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn line(call: &str, body: &str) -> String {
        format!("{{\"call\":\"{call}\",\"body\":{body}}}")
    }

    #[test]
    fn what_is_there_is_read_and_what_is_lost_is_told() {
        assert_eq!(judge(&line("virtualMachineScaleSets.update", "{\"sku\":{\"capacity\":3}}")), Ok(true));
        assert_eq!(judge(&line("loadBalancers.createOrUpdate", "{}")), Ok(false));
        for (call, body, words) in [
            ("virtualMachineScaleSets.update", "{\"sku\":{\"capacities\":3}}", "body.sku.capacities: 3 is overlooked"),
            ("virtualMachineScaleSets.update", "{\"sku\":{\"capacity\":\"3\"}}", "invalid type"),
            ("virtualMachineScaleSets.createOrUpdate", "{}", "missing field `location`"),
            ("virtualMachineScaleSets.deleteInstances", "{}", "missing field `instanceIds`"),
        ] {
            let wrong = judge(&line(call, body)).unwrap_err();
            assert!(wrong.len() == 1 && wrong[0].contains(words), "{wrong:?}");
        }
        assert!(judge("{}").is_err() && judge("nonsense").is_err());
    }
}
