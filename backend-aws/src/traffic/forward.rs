//! What a listener or a rule does, and how its weights are changed without touching the rest.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple};
use immutable_core::{Error, ErrorKind, Result};

use super::{AlbTraffic, At, MOST, Pool};

/// All actions of a listener or rule, the forwarding one among them.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    actions: Vec<Action>,
    /// Target groups and their weights, in their order.
    pub(super) weights: Vec<(String, u16)>,
    /// For how many seconds a client stays with a target group, if it does.
    pub(super) sticks: Option<u32>,
}

impl Forward {
    fn read(actions: Vec<Action>) -> Result<Self> {
        let forwards = |action: &&Action| action.r#type() == Some(&ActionTypeEnum::Forward);
        let Some(forward) = actions.iter().find(forwards) else {
            return Err(Error::invalid("it forwards to no target group; have it forward to those of the pool"));
        };
        let config = forward.forward_config();
        let weight = |tuple: &TargetGroupTuple| {
            let weight = tuple.weight().and_then(|weight| u16::try_from(weight).ok()).unwrap_or(1);
            tuple.target_group_arn().map(|arn| (arn.to_owned(), weight))
        };
        let mut weights: Vec<(String, u16)> =
            config.map(|config| config.target_groups().iter().filter_map(weight).collect()).unwrap_or_default();
        // One target group may be named without a weight.
        if weights.is_empty() {
            weights.extend(forward.target_group_arn().map(|arn| (arn.to_owned(), 1)));
        }
        let sticks =
            config.and_then(|config| config.target_group_stickiness_config()).filter(|sticks| sticks.enabled() == Some(true));
        let sticks = sticks.and_then(|sticks| sticks.duration_seconds()).and_then(|seconds| u32::try_from(seconds).ok());
        Ok(Self { actions, weights, sticks })
    }

    pub(super) fn weight(&self, arn: &str) -> u16 {
        self.weights.iter().find_map(|(known, weight)| (known == arn).then_some(*weight)).unwrap_or(0)
    }

    /// The same actions, with these weights for these target groups, and all others as they are.
    fn with(&self, wanted: &BTreeMap<&str, u16>) -> Result<Vec<Action>> {
        let mut weights = self.weights.clone();
        for (arn, weight) in wanted {
            match weights.iter_mut().find(|(known, _)| known == arn) {
                Some((_, known)) => *known = *weight,
                None => weights.push(((*arn).to_owned(), *weight)),
            }
        }
        if weights.len() > MOST {
            let what = format!(
                "with the target groups of others it would forward to {}, and at most {MOST} are possible; name fewer",
                weights.len()
            );
            return Err(Error::new(ErrorKind::Quota, what));
        }
        let tuple =
            |(arn, weight): &(String, u16)| TargetGroupTuple::builder().target_group_arn(arn).weight((*weight).into()).build();
        let mut actions = self.actions.clone();
        // "AuthenticateOidcActionConfig": the secret is never shown, and may be left out only if this says so.
        for sign_in in actions.iter_mut().filter_map(|action| action.authenticate_oidc_config.as_mut()) {
            sign_in.use_existing_client_secret = Some(true);
        }
        for action in actions.iter_mut().filter(|action| action.r#type() == Some(&ActionTypeEnum::Forward)) {
            let sticks = action.forward_config().and_then(|config| config.target_group_stickiness_config()).cloned();
            let config = ForwardActionConfig::builder().set_target_groups(Some(weights.iter().map(tuple).collect()));
            action.forward_config = Some(config.set_target_group_stickiness_config(sticks).build());
            // The short form, which may not stand beside another's.
            action.target_group_arn = None;
        }
        Ok(actions)
    }
}

impl AlbTraffic {
    pub(super) async fn forward(&self, pool: &Pool) -> Result<Forward> {
        let missing = |what: &str, arn: &str| Error::new(ErrorKind::NotFound, format!("there is no {what} {arn}; make it first"));
        let actions = match &pool.at {
            At::Listener(arn) => {
                let call = self.aws.again().elb.describe_listeners().listener_arns(arn);
                let answer = self.aws.ask("elasticloadbalancing:DescribeListeners", call.send()).await?;
                let listener = answer.listeners.unwrap_or_default().into_iter().next().ok_or_else(|| missing("listener", arn))?;
                listener.default_actions
            }
            At::Rule(arn) => {
                let call = self.aws.again().elb.describe_rules().rule_arns(arn);
                let answer = self.aws.ask("elasticloadbalancing:DescribeRules", call.send()).await?;
                answer.rules.unwrap_or_default().into_iter().next().ok_or_else(|| missing("rule", arn))?.actions
            }
        };
        let arn = match &pool.at {
            At::Listener(arn) | At::Rule(arn) => arn.clone(),
        };
        Forward::read(actions.unwrap_or_default()).map_err(|error| error.with_resource(arn))
    }

    pub(super) async fn set_weights(&self, pool: &Pool, wanted: &BTreeMap<&str, u16>) -> Result<()> {
        // Read again: what others changed meanwhile is not to be undone.
        let forward = self.forward(pool).await?;
        if wanted.iter().all(|(arn, weight)| forward.weights.iter().any(|(known, is)| known == arn && is == weight)) {
            return Ok(());
        }
        let actions = Some(forward.with(wanted)?);
        match &pool.at {
            At::Listener(arn) => {
                let call = self.aws.once().elb.modify_listener().listener_arn(arn).set_default_actions(actions);
                self.aws.order("elasticloadbalancing:ModifyListener", call.send()).await.map(drop)
            }
            At::Rule(arn) => {
                let call = self.aws.once().elb.modify_rule().rule_arn(arn).set_actions(actions);
                self.aws.order("elasticloadbalancing:ModifyRule", call.send()).await.map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_elasticloadbalancingv2::types::TargetGroupStickinessConfig;

    fn forward(weights: &[(&str, i32)]) -> Action {
        let tuple = |(arn, weight): &(&str, i32)| TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build();
        let config = ForwardActionConfig::builder().set_target_groups(Some(weights.iter().map(tuple).collect()));
        let sticks = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(60).build();
        Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .forward_config(config.target_group_stickiness_config(sticks).build())
            .build()
    }

    #[test]
    fn only_the_weights_that_are_named_change() {
        let sign_in = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).build();
        let read = Forward::read(vec![sign_in.clone(), forward(&[("theirs", 7), ("blue", 1)])]).unwrap();
        assert_eq!((read.weight("blue"), read.weight("green"), read.sticks), (1, 0, Some(60)));
        let actions = read.with(&[("blue", 0), ("green", 100)].into()).unwrap();
        assert_eq!(actions[0], sign_in);
        let again = Forward::read(actions).unwrap();
        assert_eq!(again.weights, [("theirs".to_owned(), 7), ("blue".to_owned(), 0), ("green".to_owned(), 100)]);
        assert_eq!(again.sticks, Some(60));
    }

    #[test]
    fn the_short_form_is_read_and_written_as_the_long_one() {
        let short = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("blue").build();
        let read = Forward::read(vec![short]).unwrap();
        assert_eq!(read.weights, [("blue".to_owned(), 1)]);
        let actions = read.with(&[("blue", 5)].into()).unwrap();
        assert!(actions[0].target_group_arn().is_none());
    }

    #[test]
    fn what_forwards_nowhere_or_too_widely_is_refused() {
        let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).build();
        assert!(Forward::read(vec![fixed]).unwrap_err().to_string().contains("forwards to no target group"));
        let five = Forward::read(vec![forward(&[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)])]).unwrap();
        assert_eq!(five.with(&[("f", 1)].into()).unwrap_err().kind(), ErrorKind::Quota);
    }
}
