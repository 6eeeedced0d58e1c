//! Scale sets that others made, read as if they were generations.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, GroupSpec, Placement, Release, Upkeep};
use immutable_core::id::{NativeRef, Zone};
use immutable_core::{Digest, Error, ErrorKind, ImageRef, LaunchTemplate, Result};
use serde_json::{Value, json};

use super::VmssFleet;
use super::baseline;
use super::calls::KIND;
use super::seen::Group;
use crate::marks::{last, same};

impl VmssFleet {
    /// A scale set of the resource group, Uniform or Flexible, by its name or its id.
    pub(super) async fn look_into(&self, native: &NativeRef) -> Result<GenerationSpec> {
        let found = self.there(self.named(native)?).await?;
        self.spec_of(&found)
    }

    /// Which scale set of the resource group is meant.
    pub(super) fn named<'a>(&self, native: &'a NativeRef) -> Result<&'a str> {
        let name = last(native.as_str());
        let ours = self.azure.of(KIND, name);
        if native.as_str().contains('/') && !same(native.as_str(), &ours) {
            return Err(Error::invalid(format!("{native} is no scale set of this resource group; it would be {ours}")));
        }
        Ok(name)
    }

    /// A scale set that has to be there.
    pub(super) async fn there(&self, name: &str) -> Result<Group> {
        let found = self.certainly(name).await?;
        found.ok_or_else(|| {
            let what = format!("there is no scale set {name} in resource group {}", self.azure.resource_group());
            Error::new(ErrorKind::NotFound, what)
        })
    }

    pub(super) fn spec_of(&self, found: &Group) -> Result<GenerationSpec> {
        baseline::check(found, self.azure.region())?;
        let place = self.azure.place();
        let image = found.runs.clone().unwrap_or_default();
        let zone = match found.zones.as_slice() {
            [zone] => Placement::Zone(Zone::new(zone.as_str())),
            _ => Placement::Region,
        };
        let template = LaunchTemplate::of(&json!({ "scale_set": model(found) }))?;
        let release = Release { artifact: Digest::of(image.as_bytes()), template: template.digest() };
        Ok(GenerationSpec {
            fleet: FleetId::new(place.clone(), found.name.to_ascii_lowercase()),
            id: GenerationId(1),
            name: format!("azure/{}", found.name.to_ascii_lowercase()).parse()?,
            version: version(&image).parse()?,
            release,
            image: ImageRef::new(place, image),
            template,
            groups: vec![GroupSpec { cell: 0, placement: zone, max: baseline::most(found) }],
            pool: None,
            upkeep: Upkeep { heal: found.repairs, rebalance: found.rebalances, autoscale: false },
            labels: BTreeMap::new(),
        })
    }
}

/// What decides what is launched, without what changes by itself.
fn model(found: &Group) -> Value {
    let mut profile = found.body.pointer("/properties/virtualMachineProfile").cloned().unwrap_or(Value::Null);
    settled(&mut profile);
    json!({
        "orchestrationMode": if found.flexible { "Flexible" } else { "Uniform" },
        "size": found.size,
        "zones": found.zones,
        "virtualMachineProfile": profile,
    })
}

/// When it was made, and how far that is, is not what it is.
fn settled(of: &mut Value) {
    match of {
        Value::Object(fields) => {
            fields.retain(|name, _| !["timeCreated", "provisioningState"].contains(&name.as_str()));
            fields.values_mut().for_each(settled);
        }
        Value::Array(all) => all.iter_mut().for_each(settled),
        _ => {}
    }
}

/// The version at the end of an image's id, if it has one: a gallery's are as those of artifacts.
fn version(image: &str) -> String {
    let last = image.rsplit(['/', ':']).next().unwrap_or_default();
    if last.split('.').count() == 3
        && last.split('.').all(|part| part.parse::<u64>().is_ok_and(|number| number.to_string() == part))
    {
        last.to_owned()
    } else {
        "0.0.0".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_the_gallerys() {
        assert_eq!(version("/x/images/web/versions/1.2.0"), "1.2.0");
        assert_eq!(version("/x/images/web"), "0.0.0");
        assert_eq!(version("Canonical:ubuntu:server:24.04.202601010"), "0.0.0", "no leading zeros in a version");
    }
}
