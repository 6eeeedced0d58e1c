//! Rules of listeners.

use super::super::error::{Result, refused};
use super::super::params::{Params, page};
use super::super::world::balancer::{Condition, Listener, Route, Rule};
use super::super::world::{Region, Tags};
use super::super::xml::Xml;
use super::{actions, listeners};

fn conditions(params: &mut Params) -> Result<Vec<Condition>> {
    let mut read = Vec::new();
    for mut condition in params.structs("Conditions")? {
        let field = condition.required("Field")?;
        let mut values = condition.list("Values")?;
        let config = match field.as_str() {
            "path-pattern" => "PathPatternConfig",
            "host-header" => "HostHeaderConfig",
            other => return Err(super::invalid(format!("Condition field '{other}' is not understood here"))),
        };
        values.extend(condition.list(&format!("{config}.Values"))?);
        condition.finish()?;
        read.push(Condition { field, values });
    }
    Ok(read)
}

pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let listener = params.required("ListenerArn")?;
    let of = region.listeners.get(&listener).cloned().ok_or_else(|| listeners::missing(&listener))?;
    let priority: u32 = params.number("Priority")?.ok_or_else(|| super::invalid("A rule must have a priority"))?;
    let conditions = conditions(params)?;
    let action = actions::read(region, &of.balancer, params, "Actions")?;
    let tags = params.tags("Tags")?;
    params.finish()?;
    // "Priority: Valid Range: Minimum value of 1. Maximum value of 50000."
    if !(1..=50_000).contains(&priority) {
        return Err(super::invalid(format!("Priority '{priority}' must be between 1 and 50000")));
    }
    if conditions.is_empty() {
        return Err(super::invalid("A rule must have a condition"));
    }
    let action = action.ok_or_else(|| super::invalid("A rule must have an action"))?;
    if region.rules.values().any(|rule| rule.listener == listener && rule.priority == priority) {
        return Err(refused("PriorityInUse", format!("Priority '{priority}' is currently in use")));
    }
    let unique = region.hex();
    let arn = format!("{}/{unique}", listener.replace(":listener/", ":listener-rule/"));
    let route = Route::new(action, region.now);
    let rule = Rule { arn: arn.clone(), listener, priority, conditions, route, tags: Tags::of(tags) };
    region.rules.insert(arn, rule.clone());
    Ok(list(&[rule], None, None))
}

fn list(found: &[Rule], default: Option<&Listener>, next: Option<String>) -> Xml {
    let mut xml = Xml::new();
    xml.node("Rules", |xml| {
        for rule in found {
            xml.node("member", |xml| {
                xml.text("RuleArn", &rule.arn);
                xml.text("Priority", rule.priority);
                xml.members("Conditions", &rule.conditions, |xml, condition| {
                    xml.text("Field", &condition.field);
                    xml.texts("Values", &condition.values);
                    let config = if condition.field == "path-pattern" { "PathPatternConfig" } else { "HostHeaderConfig" };
                    xml.node(config, |xml| xml.texts("Values", &condition.values));
                });
                actions::write(xml, "Actions", &rule.route.said);
                xml.text("IsDefault", false);
            });
        }
        if let Some(listener) = default {
            xml.node("member", |xml| {
                xml.text("RuleArn", format!("{}/default", listener.arn.replace(":listener/", ":listener-rule/")));
                xml.text("Priority", "default");
                xml.texts::<&str>("Conditions", []);
                actions::write(xml, "Actions", &listener.route.said);
                xml.text("IsDefault", true);
            });
        }
    });
    xml.maybe("NextMarker", next);
    xml
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let listener = params.text("ListenerArn");
    let arns = params.list("RuleArns")?;
    let (size, token) = super::paging(params)?;
    params.finish()?;
    if listener.is_none() == arns.is_empty() {
        return Err(super::invalid("Either a listener ARN or rule ARNs must be specified"));
    }
    if let Some(arn) = listener.as_ref().filter(|arn| !region.listeners.contains_key(*arn)) {
        return Err(listeners::missing(arn));
    }
    if let Some(arn) = arns.iter().find(|arn| !region.rules.contains_key(*arn)) {
        return Err(missing(arn));
    }
    let wanted = |rule: &&Rule| arns.contains(&rule.arn) || listener.as_ref() == Some(&rule.listener);
    let mut found: Vec<_> = region.rules.values().filter(wanted).cloned().collect();
    found.sort_by_key(|rule| rule.priority);
    let (found, next) = page(found, size, token, "ValidationError")?;
    // The default rule is a listener's last.
    let default = listener.and_then(|arn| region.listeners.get(&arn)).filter(|_| next.is_none());
    Ok(list(&found, default, next))
}

fn missing(arn: &str) -> super::AwsError {
    super::not_found("Rule", &format!("Rules '[{arn}]' not found"))
}

pub(super) fn modify(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("RuleArn")?;
    let listener = region.rules.get(&arn).map(|rule| rule.listener.clone()).ok_or_else(|| missing(&arn))?;
    let balancer = region.listeners.get(&listener).map(|listener| listener.balancer.clone()).unwrap_or_default();
    let conditions = conditions(params)?;
    let action = actions::read(region, &balancer, params, "Actions")?;
    params.finish()?;
    let (now, settle) = (region.now, region.settings.settle);
    let rule = region.rules.get_mut(&arn).ok_or_else(|| missing(&arn))?;
    // "Any properties that you do not specify are unchanged."
    if let Some(action) = action {
        rule.route.change(action, now, settle);
    }
    if !conditions.is_empty() {
        rule.conditions = conditions;
    }
    Ok(list(std::slice::from_ref(rule), None, None))
}

pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("RuleArn")?;
    params.finish()?;
    region.rules.remove(&arn).ok_or_else(|| missing(&arn))?;
    Ok(Xml::new())
}
