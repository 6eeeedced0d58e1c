//! What a listener or a rule does with a request: weighted forwarding, or a fixed answer.

use super::super::error::{Result, invalid, refused};
use super::super::params::Params;
use super::super::world::Region;
use super::super::world::balancer::Action;
use super::super::xml::Xml;

/// Reads the one action that there must be. The rules are of the ELBv2 API: Action, ForwardActionConfig, TargetGroupTuple.
pub(super) fn read(region: &Region, balancer: &str, params: &mut Params, name: &str) -> Result<Option<Action>> {
    let mut actions = params.structs(name)?;
    let Some(mut action) = actions.pop() else { return Ok(None) };
    if !actions.is_empty() {
        return Err(refused("TooManyActions", "Only one action is understood here".into()));
    }
    let kind = action.required("Type")?;
    action.number::<u32>("Order")?;
    let read = match kind.as_str() {
        "forward" => forward(region, balancer, &mut action)?,
        "fixed-response" => {
            let mut fixed = action.below("FixedResponseConfig");
            let status = fixed.required("StatusCode")?;
            let (kind, body) = (fixed.text("ContentType"), fixed.text("MessageBody"));
            fixed.finish()?;
            Action::Fixed { status, kind, body }
        }
        other => return Err(invalid(format!("Actions of the type '{other}' are not understood here"))),
    };
    action.finish()?;
    Ok(Some(read))
}

fn forward(region: &Region, balancer: &str, action: &mut Params) -> Result<Action> {
    let single = action.text("TargetGroupArn");
    let mut weights: Vec<(String, u32)> = Vec::new();
    for mut tuple in action.structs("ForwardConfig.TargetGroups")? {
        // "The range is 0 to 999"; 1 unless said, as answers show.
        let (arn, weight) = (tuple.required("TargetGroupArn")?, tuple.number::<u32>("Weight")?.unwrap_or(1));
        tuple.finish()?;
        if weight > 999 {
            return Err(invalid(format!("Weight '{weight}' must be between 0 and 999")));
        }
        if weights.iter().any(|(known, _)| *known == arn) {
            return Err(invalid(format!("Target group '{arn}' is named twice")));
        }
        weights.push((arn, weight));
    }
    let mut sticky = action.below("ForwardConfig.TargetGroupStickinessConfig");
    let enabled = sticky.flag("Enabled")?.unwrap_or(false);
    let seconds: Option<u64> = sticky.number("DurationSeconds")?;
    sticky.finish()?;
    // "The range is 1-604800 seconds (7 days). You must specify this value when enabling target group stickiness."
    if enabled && !seconds.is_some_and(|seconds| (1..=604_800).contains(&seconds)) {
        return Err(invalid("The stickiness duration must be between 1 and 604800 seconds"));
    }
    match (single, weights.as_slice()) {
        (Some(arn), []) => weights.push((arn, 1)),
        // "You can specify both … only if they name the same one."
        (Some(arn), [(only, _)]) if *only == arn => {}
        (Some(_), _) => {
            return Err(invalid("You must specify either a target group ARN or a forward config, or the same in both"));
        }
        (None, []) => return Err(invalid("A forward action must name a target group")),
        (None, _) => {}
    }
    // "Target groups per action per Application Load Balancer: 5": ELBv2 quotas. Which code that is, they do not say.
    if weights.len() > 5 {
        return Err(refused("TooManyTargetGroups", format!("{} target groups are more than the 5 of an action", weights.len())));
    }
    for (arn, _) in &weights {
        if !region.target_groups.contains_key(arn) {
            return Err(super::not_found("TargetGroup", &format!("Target groups '{arn}' not found")));
        }
        // "A target group can be used by one load balancer": TargetGroupAssociationLimit.
        if region.users_of(arn).iter().any(|user| user != balancer) {
            return Err(refused(
                "TargetGroupAssociationLimit",
                format!("The following target groups cannot be associated with more than one load balancer: {arn}"),
            ));
        }
    }
    Ok(Action::Forward { weights, sticky: seconds.filter(|_| enabled) })
}

pub(super) fn write(xml: &mut Xml, name: &str, action: &Action) {
    xml.members(name, [action], |xml, action| match action {
        Action::Forward { weights, sticky } => {
            xml.text("Type", "forward");
            // A single target group is named in both places.
            if let [(arn, _)] = weights.as_slice() {
                xml.text("TargetGroupArn", arn);
            }
            xml.node("ForwardConfig", |xml| {
                xml.members("TargetGroups", weights, |xml, (arn, weight)| {
                    xml.text("TargetGroupArn", arn);
                    xml.text("Weight", weight);
                });
                xml.node("TargetGroupStickinessConfig", |xml| {
                    xml.text("Enabled", sticky.is_some());
                    xml.maybe("DurationSeconds", sticky.as_ref());
                });
            });
        }
        Action::Fixed { status, kind, body } => {
            xml.text("Type", "fixed-response");
            xml.node("FixedResponseConfig", |xml| {
                xml.text("StatusCode", status);
                xml.maybe("ContentType", kind.as_ref());
                xml.maybe("MessageBody", body.as_ref());
            });
        }
    });
}
