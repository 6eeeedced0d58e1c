//! What a rule's probe has found. "Manage Azure Load Balancer health status": asked for by a POST, and answered a while later.

use std::collections::BTreeMap;
use std::time::Duration;

use immutable_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::balancer::{KIND, VERSION, nic};
use crate::client::{Azure, Call, lacks, read};
use crate::errors;
use crate::operations::{Operation, Stands};

const ID: &str = "loadBalancerLoadBalancingRules.health";
/// How long an answer is waited for: less than anybody waits for a view.
const SOON: Duration = Duration::from_secs(8);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    #[serde(default)]
    load_balancer_backend_addresses: Vec<Found>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(rename = "networkInterfaceIPConfigurationId")]
    configuration: Option<String>,
    state: Option<String>,
}

impl Azure {
    /// Who is up behind a rule, and who is not, by the ids of their network interfaces.
    pub(super) async fn rule_health(&self, balancer: &str, rule: &str) -> Result<BTreeMap<String, bool>> {
        let path = format!("{}/loadBalancingRules/{rule}/health", self.of(KIND, balancer));
        let call = Call::post(ID, &path, VERSION, None);
        let answer = self.order(&call).await?;
        let Some(operation) = Operation::of(&call, &answer, false) else { return found(&answer.body) };
        let deadline = self.now() + SOON;
        let mut pause = answer.retry_after().unwrap_or_default().clamp(Duration::from_millis(500), Duration::from_secs(3));
        loop {
            self.pause(pause).await;
            match self.stands(&operation).await? {
                Stands::Done => break,
                Stands::Failed(faults) => return Err(errors::of_operation(ID, &faults)),
                Stands::Running(_) if self.now() + pause < deadline => {}
                Stands::Running(_) => return Err(late("goes on", rule)),
                Stands::Lost => return Err(late("is no longer known", rule)),
            }
            pause = Duration::from_secs(1);
        }
        match (answer.header("location"), answer.header("azure-asyncoperation")) {
            (Some(url), _) => found(&self.ask(&self.at(ID, url)?).await?.body),
            (None, Some(url)) => {
                let answer = self.ask(&self.at(ID, url)?).await?;
                found(answer.body.pointer("/properties/output").ok_or_else(|| lacks(ID, "output"))?)
            }
            (None, None) => Err(lacks(ID, "location")),
        }
    }
}

fn late(how: &str, rule: &str) -> Error {
    Error::new(
        ErrorKind::Unreachable,
        format!("what the probe of rule {rule} has found was asked for, and that {how}; ask again"),
    )
}

fn found(body: &Value) -> Result<BTreeMap<String, bool>> {
    let answered: Answered = read(ID, body)?;
    let up = |state: String| match state.to_ascii_lowercase().as_str() {
        "up" => Some(true),
        "down" => Some(false),
        _ => None,
    };
    let of = |one: Found| Some((nic(&one.configuration?)?, up(one.state?)?));
    let mut all = BTreeMap::new();
    for (nic, up) in answered.load_balancer_backend_addresses.into_iter().filter_map(of) {
        // One with several addresses is up if all of them are.
        all.entry(nic).and_modify(|known| *known &= up).or_insert(up);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_is_up_is_told_by_interface() {
        let one = |nic: &str, state: &str| json!({"ipAddress": "10.0.0.4", "networkInterfaceIPConfigurationId": format!("/NICS/{nic}/ipConfigurations/ip"), "state": state});
        let body = json!({"up": 1, "down": 2, "loadBalancerBackendAddresses": [
            one("a", "Up"), one("b", "Down"), one("c", "Up"), one("c", "Down"), one("d", "SomethingNew"), {"ipAddress": "10.0.0.9", "state": "Up"},
        ]});
        let all: Vec<(String, bool)> = found(&body).unwrap().into_iter().collect();
        let wanted = [("/nics/a", true), ("/nics/b", false), ("/nics/c", false)];
        assert_eq!(all, wanted.map(|(nic, up)| (nic.to_owned(), up)));
        assert!(found(&json!({})).unwrap().is_empty());
    }
}
