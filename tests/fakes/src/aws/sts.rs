//! STS: who is asking.

use super::params::Params;
use super::request::{Answer, Body};
use super::world::Region;
use super::xml::Xml;

pub(crate) fn perform(region: &Region, action: &str, params: Params) -> Option<Answer> {
    (action == "GetCallerIdentity").then(|| {
        params.finish()?;
        let mut xml = Xml::new();
        xml.text("Arn", format!("arn:aws:iam::{}:user/deployer", region.account));
        xml.text("UserId", "AIDADEPLOYER");
        xml.text("Account", &region.account);
        Ok(Body::Xml(xml))
    })
}
