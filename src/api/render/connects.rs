//! What the status says of the connects to a database.

use super::{Engine, cut, finite, rounded};
use crate::api::status::{BySideStatus, ConnectsStatus, LessonStatus, NormalStatus, PredictedStatus};
use crate::core::lessons::Lesson;
use crate::core::prediction::{Missing, Prediction, Rates};
use crate::core::side::BySide;
use crate::core::time::Time;

/// Of the database at this place in the plan.
pub fn connects(engine: &Engine, place: usize, time: &impl Fn(Time) -> String) -> ConnectsStatus {
    let Some(database) = engine.plan.databases.get(place) else { return ConnectsStatus::default() };
    let room = engine.rooms.get(&database.name).map(|why| cut(why));
    let report = engine.report.databases.get(place);
    let predicted = report.and_then(|report| report.predicted.as_ref()).map(predicted);
    let learned = report.into_iter().flat_map(|report| &report.learned);
    let learned = learned.map(|lesson| self::lesson(lesson, time)).collect();
    if !database.by_side {
        return ConnectsStatus { room, predicted, learned, ..ConnectsStatus::default() };
    }
    let rates = report.and_then(|report| report.connects);
    ConnectsStatus {
        connections_per_second: rates.and_then(by_side),
        normal: report.and_then(|report| report.normal).and_then(normal),
        sides: engine.lacks.get(&database.name).map(|why| cut(why)),
        room,
        predicted,
        learned,
    }
}

fn lesson(lesson: &Lesson, time: &impl Fn(Time) -> String) -> LessonStatus {
    let Lesson { at, by, rise, noise } = *lesson;
    LessonStatus { at: time(at), by: 100.0 * by, rise, noise }
}

fn by_side(BySide { legacy, kubernetes }: BySide<f64>) -> Option<BySideStatus> {
    let (legacy, kubernetes) = finite(legacy).zip(finite(kubernetes))?;
    Some(BySideStatus { legacy: rounded(legacy), kubernetes: rounded(kubernetes) })
}

fn normal(normal: BySide<f64>) -> Option<NormalStatus> {
    by_side(normal).map(|BySideStatus { legacy, kubernetes }| NormalStatus { legacy, kubernetes })
}

fn predicted(prediction: &Prediction) -> PredictedStatus {
    let weight = prediction.weight.percent();
    let learned_from_steps = prediction.steps.and_then(|steps| u32::try_from(steps).ok());
    match prediction.rates {
        Ok(Rates { now, peak }) => PredictedStatus {
            weight,
            connections_per_second: finite(now).map(rounded),
            at_peak: finite(peak).map(rounded),
            learned_from_steps,
            unknown: None,
        },
        Err(missing) => {
            let unknown = Some(words(missing).into());
            PredictedStatus { weight, learned_from_steps, unknown, ..PredictedStatus::default() }
        }
    }
}

fn words(missing: Missing) -> &'static str {
    match missing {
        Missing::Demand => "it is not known how much is asked for: spec.demand says where to read it",
        Missing::Requests => {
            "the connects of each side were not seen beside its requests for a minute; the latter are counted by \
             the route of spec.demand, and what keeps the former from being told apart stands in sides"
        }
        Missing::Legacy => "legacy made fewer than 100 connects in the last 5 min",
        Missing::Kubernetes => "Kubernetes made fewer than 100 connects in the last 5 min",
        Missing::Steps => {
            "without spec.databases[].users it is learned from steps of the weight what they do, and fewer than two \
             were calm and 35 s long"
        }
        Missing::Noise => {
            "what earlier steps have shown is not certain enough for one of this size: spec.databases[].users tells \
             the sides apart"
        }
    }
}
