//! SSM: parameters, among them the public ones that name AWS's own images.

use serde_json::{Value, json};

use super::error::refused;
use super::request::{Answer, Body};
use super::world::Region;

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) value: String,
    pub(crate) version: u64,
    pub(crate) changed: u64,
}

pub(crate) fn perform(region: &Region, action: &str, body: &Value) -> Option<Answer> {
    (action == "GetParameter").then(|| get(region, body))
}

fn get(region: &Region, body: &Value) -> Answer {
    let fields = body.as_object().into_iter().flatten();
    for (name, _) in fields {
        if !["Name", "WithDecryption"].contains(&name.as_str()) {
            return Err(refused("UnknownParameter", format!("The parameter {name} is not recognized")));
        }
    }
    let asked = body.get("Name").and_then(Value::as_str).unwrap_or_default();
    // "To query by version, use name:version": SSM API, GetParameter.
    let (name, version) = match asked.rsplit_once(':') {
        Some((name, version)) => (name, version.parse::<u64>().ok()),
        None => (asked, None),
    };
    let Some(parameter) = region.parameters.get(name) else {
        return Err(refused("ParameterNotFound", format!("Parameter {asked} not found.")));
    };
    if version.is_some_and(|version| version != parameter.version) {
        return Err(refused("ParameterVersionNotFound", format!("Systems Manager could not find version of {name}.")));
    }
    let owner = if name.starts_with("/aws/") { "" } else { region.account.as_str() };
    Ok(Body::Json(json!({ "Parameter": {
        "Name": name,
        "Type": "String",
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": parameter.changed / 1000,
        "ARN": format!("arn:aws:ssm:{}:{owner}:parameter{name}", region.name),
        "DataType": "text",
    }})))
}
