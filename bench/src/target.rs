//! What a standard load is to reach, and whether it did.

use serde::{Deserialize, Serialize};

use crate::comparison::{Comparison, Role};
use crate::outcome::{Outcome, Unit};

/// A target as a scenario file has it: one figure and one bound.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Target {
    /// The figure's key in the results.
    pub(crate) figure: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_least: Option<f64>,
    /// The second broker's figure is to be at least so many times this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) below_against: Option<f64>,
    /// Not the figure is bounded but how many times that of the same row of this other file it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) times_of: Option<String>,
}

/// A target beside what was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// What is bounded.
    pub(crate) what: String,
    /// `<= 0.450`
    pub(crate) wanted: String,
    /// Per side, in their order; `None` where it has no such figure.
    pub(crate) values: Vec<Option<String>>,
    /// Whether the first side reached it; `None` if it could not be judged.
    pub(crate) met: Option<bool>,
    /// By how many times it was missed.
    pub(crate) missed_by: Option<f64>,
}

impl Target {
    /// Refuses a target without exactly one bound.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bounds = [self.at_most, self.at_least, self.below_against];
        let times_alone = self.times_of.is_none() || self.below_against.is_none();
        match bounds.iter().flatten().count() {
            1 if times_alone && bounds.iter().flatten().all(|bound| bound.is_finite() && *bound >= 0.0) => Ok(()),
            _ => Err(format!("a target of {} wants one of at_most, at_least, below_against", self.figure)),
        }
    }

    /// Judges one comparison; `others` are the ones before it.
    pub(crate) fn judge(&self, comparison: &Comparison, others: &[Comparison]) -> Verdict {
        let first = &comparison.sides[0].outcome;
        let (label, unit) = comparison
            .sides
            .iter()
            .find_map(|side| side.outcome.figure(&self.figure))
            .map_or((self.figure.clone(), Unit::Count), |figure| (figure.label.to_owned(), figure.unit));
        let of = |outcome: &Outcome| Some(outcome.figure(&self.figure)?.value);
        if let Some(times) = self.below_against {
            let against = comparison.sides.iter().find(|side| side.role == Role::Against);
            let value =
                against.and_then(|side| Some(of(&side.outcome)? / of(first)?)).filter(|value| value.is_finite());
            let mut verdict =
                verdict(format!("{label}, the other broker's by this one's"), Unit::Times, times, false, value);
            verdict.values.resize(comparison.sides.len(), None);
            return verdict;
        }
        let (bound, most) = (self.at_most.or(self.at_least).unwrap_or_default(), self.at_most.is_some());
        let Some(stem) = &self.times_of else {
            let mut verdict = verdict(label, unit, bound, most, of(first));
            let rest = comparison.sides.iter().skip(1).map(|side| of(&side.outcome).map(|value| unit.show(value)));
            verdict.values.extend(rest);
            return verdict;
        };
        let base = others.iter().find(|other| other.stem == *stem && other.take == comparison.take);
        let times = |index: usize| {
            let side = &comparison.sides[index];
            let base = base?.sides.iter().find(|base| base.role == side.role)?;
            Some(of(&side.outcome)? / of(&base.outcome)?).filter(|times| times.is_finite())
        };
        let name = base.map_or(stem.clone(), |base| base.name.clone());
        let mut verdict = verdict(format!("{label}, by that of {name}"), Unit::Times, bound, most, times(0));
        let rest = (1..comparison.sides.len()).map(|index| times(index).map(|value| Unit::Times.show(value)));
        verdict.values.extend(rest);
        verdict
    }
}

fn verdict(what: String, unit: Unit, bound: f64, most: bool, value: Option<f64>) -> Verdict {
    let met = value.map(|value| if most { value <= bound } else { value >= bound });
    let factor = |value: f64| if most { value / bound } else { bound / value };
    Verdict {
        what,
        wanted: format!("{} {}", if most { "<=" } else { ">=" }, unit.show(bound)),
        values: vec![value.map(|value| unit.show(value))],
        met,
        missed_by: value.filter(|_| met == Some(false)).map(factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Side;

    fn comparison(stem: &str, values: &[(Role, f64)]) -> Comparison {
        let side = |&(role, value): &(Role, f64)| {
            let mut outcome = Outcome::default();
            outcome.put("cost", "CPU", Unit::Cost, value);
            Side { role, uri: String::new(), pid: None, spawned: false, runs: Vec::new(), outcome }
        };
        Comparison {
            stem: stem.to_owned(),
            name: format!("load {stem}"),
            sides: values.iter().map(side).collect(),
            ..Comparison::default()
        }
    }

    fn target(text: &str) -> Target {
        toml::from_str(&format!("figure = 'cost'\n{text}")).unwrap()
    }

    #[test]
    fn bounds_are_met_or_missed_by_a_factor() {
        let one = comparison("a", &[(Role::Broker, 0.5), (Role::Against, 10.0)]);
        let verdict = target("at_most = 0.4").judge(&one, &[]);
        assert_eq!((verdict.met, verdict.wanted.as_str()), (Some(false), "<= 0.400"));
        assert!((verdict.missed_by.unwrap() - 1.25).abs() < 1e-9);
        assert_eq!(verdict.values, [Some("0.500".to_owned()), Some("10.0".to_owned())]);
        assert_eq!(target("at_least = 0.5").judge(&one, &[]).met, Some(true));
        assert_eq!(target("below_against = 20").judge(&one, &[]).met, Some(true));
        assert_eq!(target("below_against = 21").judge(&one, &[]).met, Some(false));
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let alone = comparison("a", &[(Role::Broker, 0.5)]);
        assert_eq!(target("below_against = 2").judge(&alone, &[]).met, None);
        let nothing = Target { figure: "speed".to_owned(), at_most: Some(1.0), ..Target::default() };
        assert_eq!(nothing.judge(&alone, &[]).met, None);
        assert_eq!(target("at_most = 1.3\ntimes_of = 'b'").judge(&alone, &[]).met, None);
    }

    #[test]
    fn a_row_may_be_held_against_another_row() {
        let base = comparison("a", &[(Role::Broker, 2.0), (Role::Against, 4.0)]);
        let many = comparison("b", &[(Role::Broker, 2.4), (Role::Against, 8.0)]);
        let verdict = target("at_most = 1.3\ntimes_of = 'a'").judge(&many, &[base]);
        assert_eq!(verdict.met, Some(true));
        assert_eq!(verdict.values, [Some("1.20 x".to_owned()), Some("2.00 x".to_owned())]);
        assert!(verdict.what.contains("load a"));
    }

    #[test]
    fn a_target_has_one_bound() {
        assert!(target("at_most = 1").check().is_ok());
        for text in ["", "at_most = 1\nat_least = 2", "below_against = 2\ntimes_of = 'a'", "at_most = -1"] {
            assert!(target(text).check().is_err(), "{text}");
        }
    }
}
