//! Scale sets and their machines as Azure has them.

use immutable_core::{ErrorKind, Result};
use serde_json::{Value, json};

use super::seen::{Group, Machine};
use crate::client::{Answer, Azure, Call, lacks};
use crate::operations::Stands;

/// The version of the compute API that this speaks.
pub(crate) const COMPUTE: &str = "2026-04-01";
pub(super) const KIND: &str = "Microsoft.Compute/virtualMachineScaleSets";

impl Azure {
    /// A scale set of the resource group, if it is there.
    pub(crate) async fn group(&self, name: &str) -> Result<Option<Group>> {
        let id = "virtualMachineScaleSets.get";
        match self.ask(&Call::get(id, &self.of(KIND, name), COMPUTE)).await {
            Ok(answer) => {
                let etag = answer.etag();
                Group::read(id, answer.body, etag).map(Some)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All scale sets of the resource group.
    pub(crate) async fn groups(&self) -> Result<Vec<Group>> {
        let id = "virtualMachineScaleSets.list";
        let found = self.list(&Call::get(id, &self.all(KIND), COMPUTE)).await?;
        found.into_iter().map(|body| Group::read(id, body, None)).collect()
    }

    /// Makes a scale set, if there is none of its name.
    pub(crate) async fn make_group(&self, name: &str, body: &Value) -> Result<Stands> {
        let call = Call::put("virtualMachineScaleSets.createOrUpdate", &self.of(KIND, name), COMPUTE, body).if_none();
        self.operate(&call, false).await
    }

    /// Changes a scale set, if it is what was read. The operation that comes of it is not waited for.
    pub(crate) async fn change_group(&self, group: &Group, change: &Value) -> Result<(Call, Answer)> {
        // Without one a late copy could undo what came after it.
        let etag = group.etag.as_deref().ok_or_else(|| lacks("virtualMachineScaleSets.get", "etag"))?;
        let call = Call::patch("virtualMachineScaleSets.update", &self.of(KIND, &group.name), COMPUTE, change).if_match(etag);
        let answer = self.order(&call).await?;
        Ok((call, answer))
    }

    /// Has a scale set be of this size: more are made, and fewer are of Azure's choice.
    pub(crate) async fn set_capacity(&self, group: &Group, to: u32) -> Result<(Call, Answer)> {
        self.change_group(group, &json!({ "sku": { "name": group.size, "capacity": to } })).await
    }

    /// Has the named go, and the capacity with them. They are called as their scale set does.
    pub(crate) async fn delete_machines(&self, name: &str, names: &[&str]) -> Result<()> {
        // Without a name, all go: azure-powershell#21162.
        if names.is_empty() {
            return Err(immutable_core::Error::invalid("nobody is named; without a name Azure deletes all"));
        }
        let body = json!({ "instanceIds": names });
        let path = format!("{}/delete", self.of(KIND, name));
        self.order(&Call::post("virtualMachineScaleSets.deleteInstances", &path, COMPUTE, Some(&body))).await.map(drop)
    }

    pub(crate) async fn delete_group(&self, name: &str) -> Result<()> {
        self.complete(&Call::delete("virtualMachineScaleSets.delete", &self.of(KIND, name), COMPUTE), true).await
    }

    /// The machines of a scale set, with what is known of each: also those on the way in or out. The own list of a Flexible one knows neither tags nor state (azure-rest-api-specs#27441), and
    /// those of a Uniform one are in no other.
    pub(crate) async fn machines(&self, group: &Group) -> Result<Vec<Machine>> {
        if !group.flexible {
            let id = "virtualMachineScaleSetVMs.list";
            let path = format!("{}/virtualMachines", self.of(KIND, &group.name));
            let found = self.list(&Call::get(id, &path, COMPUTE).query("$expand", "instanceView")).await?;
            return found.iter().map(|body| Machine::read(id, body)).collect();
        }
        let id = "virtualMachines.list";
        // "expand=instanceView" is taken with this filter only.
        let call = Call::get(id, &self.all("Microsoft.Compute/virtualMachines"), COMPUTE)
            .query("$filter", &format!("'virtualMachineScaleSet/id' eq '{}'", group.resource))
            .query("$expand", "instanceView");
        let found = self.list(&call).await?;
        // Whoever says of another scale set that it is theirs is none of this one's, whatever the list was asked for.
        let of = |body: &&Value| {
            let said = body.pointer("/properties/virtualMachineScaleSet/id").and_then(Value::as_str);
            said.is_none_or(|said| crate::marks::same(said, &group.resource))
        };
        found.iter().filter(of).map(|body| Machine::read(id, body)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed_that_has_no_etag() {
        let token = || async { Err(immutable_core::Error::invalid("it was called")) };
        let azure = Azure::builder("s", "acme", "westeurope").access_token(token).connect();
        let clock = immutable_core::time::VirtualClock::default();
        let azure = clock.run(azure).unwrap();
        let group = Group::read("virtualMachineScaleSets.get", json!({"id": "/x", "name": "x"}), None).unwrap();
        let error = clock.run(azure.set_capacity(&group, 2)).unwrap_err();
        assert!(error.to_string().contains("etag"), "{error}");
    }
}
