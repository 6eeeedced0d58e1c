//! How traffic can be divided, and how not.

use super::trial::{Trial, Weights};
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{GenerationId, Split};

/// Of how many generations more than a switch allows a case makes to be sure of its refusal: whose limit is higher is believed.
const MOST: u8 = 12;

pub(super) async fn a_route_within_the_split_is_done(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    let (one, two) = (first.spec.id, second.spec.id);
    let routes: Vec<Weights> = match trial.traffic().capabilities().split {
        Split::Pooled => vec![[(one, 1)].into(), [(one, 1), (two, 1)].into()],
        Split::Binary => vec![[(one, 1)].into(), [(one, 0), (two, 1)].into(), [(one, 1), (two, 0)].into()],
        Split::Weighted { generations: ..=1, parts } => vec![[(one, parts)].into(), [(two, 1)].into()],
        Split::Weighted { parts, .. } => {
            vec![[(one, parts)].into(), [(one, parts), (two, parts)].into(), [(one, 1), (two, parts)].into(), [(two, 1)].into()]
        }
    };
    for weights in routes {
        trial.set(&weights).await?;
        let seen = trial.look().await?;
        require!(seen.weights == weights, "{weights:?} was set, and it shows {:?}", seen.weights);
        let named = [&first, &second].into_iter().filter(|made| weights.contains_key(&made.spec.id));
        trial.attached(&named.flat_map(|made| made.members.clone()).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

pub(super) async fn a_route_beyond_the_split_is_invalid(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    let beyond = beyond(trial, &first, &second).await?;
    trial.set(&trial.alone(&first)).await?;
    trial.attached(&first.members).await?;
    let before = trial.look().await?;
    for weights in beyond {
        let answer = trial.route(&trial.op(), &trial.to(&before.tag, &weights)?).await;
        let split = trial.traffic().capabilities().split;
        refused(&format!("{weights:?}, which is beyond {split:?},"), answer, &[ErrorKind::Invalid])?;
        trial.unchanged(&before, "a route beyond the split").await?;
    }
    Ok(())
}

/// Routes that the switch says it cannot have, each beyond its limit by one.
async fn beyond(trial: &Trial, first: &Made, second: &Made) -> Verdict<Vec<Weights>> {
    let (one, two) = (first.spec.id, second.spec.id);
    Ok(match trial.traffic().capabilities().split {
        Split::Pooled => vec![[(one, 1), (two, 2)].into(), [(one, 1), (two, 0)].into()],
        Split::Binary => vec![[(one, 1), (two, 1)].into()],
        Split::Weighted { generations, parts } => {
            let mut routes: Vec<Weights> = Vec::new();
            if let Some(above) = parts.checked_add(1) {
                routes.push([(one, above)].into());
            }
            if generations <= MOST {
                let all = 1..=u32::from(generations) + 1;
                for ordinal in all.clone().skip(2) {
                    trial.machines.make(&trial.spec(trial.pool(), ordinal, 0)?).await?;
                }
                routes.push(all.map(|ordinal| (GenerationId(ordinal), 1)).collect());
            }
            routes
        }
    })
}
