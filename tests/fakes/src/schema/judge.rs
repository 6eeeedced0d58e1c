//! Values against schemas.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::shape::{Format, Kind, Location, Schema};

/// Whether an answer may have a value that the schema does not list yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Only those that are listed.
    Known,
    /// Any: a cloud that is newer than the schema adds values.
    Any,
}

/// Collects what is wrong with one request or answer.
#[derive(Debug)]
pub(crate) struct Judge<'d> {
    schemas: &'d BTreeMap<String, Schema>,
    id: &'d str,
    whose: Whose,
    passes: Passes,
    found: Vec<String>,
}

/// What passes although the schema does not say so: each is asked for a method and a place, as `body.id`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes {
    /// A field in a request that is only ever in an answer.
    pub(crate) echoed: fn(&str, &str) -> bool,
    /// A field in an answer that the schema does not have.
    pub(crate) undescribed: fn(&str, &str) -> bool,
    /// A value that is not listed.
    pub(crate) unlisted: fn(&str, &str) -> bool,
}

#[derive(Clone, Copy, Debug)]
enum Whose {
    Request,
    Answer(Values),
}

impl<'d> Judge<'d> {
    pub(crate) fn of_request(schemas: &'d BTreeMap<String, Schema>, id: &'d str, passes: Passes) -> Self {
        Self { schemas, id, whose: Whose::Request, passes, found: Vec::new() }
    }

    pub(crate) fn of_answer(schemas: &'d BTreeMap<String, Schema>, id: &'d str, values: Values, passes: Passes) -> Self {
        Self { schemas, id, whose: Whose::Answer(values), passes, found: Vec::new() }
    }

    pub(crate) fn verdict(self) -> Result<(), Vec<String>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }

    pub(crate) fn wrong(&mut self, place: &str, what: String) {
        let id = match self.whose {
            Whose::Request => self.id.to_owned(),
            Whose::Answer(_) => format!("the answer to {}", self.id),
        };
        self.found.push(if place.is_empty() { format!("{id}: {what}") } else { format!("{id}: {place}: {what}") });
    }

    /// A parameter of the path or of the query.
    pub(crate) fn parameter(&mut self, parameters: &BTreeMap<String, Schema>, name: &str, value: &str) {
        match parameters.get(name) {
            Some(schema) => self.parameter_value(schema, name, value),
            None => {
                let known = parameters.iter().filter(|(_, schema)| schema.location == Some(Location::Query));
                let known: Vec<_> = known.map(|(name, _)| name.as_str()).collect();
                self.wrong("", format!("there is no parameter {name}; in the query there may be {}", known.join(" ")));
            }
        }
    }

    /// A parameter is a text; as what it is to be read its schema says.
    pub(crate) fn parameter_value(&mut self, schema: &Schema, name: &str, text: &str) {
        let value = match schema.kind {
            Some(Kind::Integer | Kind::Number | Kind::Boolean) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            _ => Value::from(text),
        };
        self.value(schema, &value, &format!("the parameter {name}"));
    }

    /// By the schema of that name.
    pub(crate) fn named(&mut self, name: &str, value: &Value, place: &str) {
        match self.schemas.get(name) {
            Some(schema) => self.object_or_value(Some(name), schema, value, place),
            None => self.wrong(place, format!("there is no schema {name}")),
        }
    }

    /// By a schema.
    pub(crate) fn value(&mut self, schema: &Schema, value: &Value, place: &str) {
        match &schema.reference {
            Some(name) => self.named(name, value, place),
            None => self.object_or_value(None, schema, value, place),
        }
    }

    fn object_or_value(&mut self, name: Option<&str>, schema: &Schema, value: &Value, place: &str) {
        match (schema.kind, value) {
            (Some(Kind::Object), Value::Object(fields)) => self.fields(name, schema, fields, place),
            (Some(Kind::Array), Value::Array(all)) => {
                let Some(items) = &schema.items else { return self.wrong(place, "no schema says what is in the list".into()) };
                for (index, one) in all.iter().enumerate() {
                    self.value(items, one, &format!("{place}[{index}]"));
                }
            }
            (Some(Kind::Any), _) => {}
            (Some(Kind::String), Value::String(text)) => self.text(schema, text, place),
            (Some(Kind::Boolean), Value::Bool(_)) => {}
            (Some(Kind::Integer | Kind::Number), Value::Number(_)) => self.number(schema, value, place),
            (Some(kind), _) => self.wrong(place, format!("{value} is not {}", kind.article())),
            (None, _) => self.wrong(place, "no schema says what it is".into()),
        }
    }

    fn fields(&mut self, name: Option<&str>, schema: &Schema, fields: &Map<String, Value>, place: &str) {
        for (field, value) in fields {
            let there = format!("{place}.{field}");
            match (schema.properties.get(field), &schema.additional_properties) {
                (Some(known), _) if known.output && self.is_request() && !(self.passes.echoed)(self.id, &there) => {
                    self.wrong(&there, "is only ever in an answer; leave it out".into());
                }
                (Some(known), _) => {
                    if let Some(kind) = known.default.as_ref().filter(|kind| field == "kind" && *kind != value) {
                        self.wrong(&there, format!("{value} is of something else; {kind} is right"));
                    }
                    self.value(known, value, &there);
                }
                (None, Some(any)) => self.value(any, value, &there),
                (None, None) if !self.is_request() && (self.passes.undescribed)(self.id, &there) => {}
                (None, None) => {
                    let known = schema.properties.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
                    self.wrong(&there, format!("there is no such field; {} has {known}", name.unwrap_or("this object")));
                }
            }
        }
        let request = self.is_request();
        let needed = schema.properties.iter().filter(|(_, known)| {
            known.required && !(known.output && request) || request && known.required_by.iter().any(|id| id == self.id)
        });
        let missing: Vec<_> = needed.map(|(field, _)| field).filter(|field| !fields.contains_key(*field)).collect();
        for field in missing {
            self.wrong(place, format!("{field} is missing, and required"));
        }
    }

    fn text(&mut self, schema: &Schema, text: &str, place: &str) {
        if let Some(values) = schema.values.as_ref().filter(|values| !values.iter().any(|one| one == text))
            && !matches!(self.whose, Whose::Answer(Values::Any))
            && !(self.passes.unlisted)(self.id, place)
        {
            self.wrong(place, format!("{text:?} is no value of it; there are {}", values.join(" ")));
        }
        if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.fits(text)) {
            self.wrong(place, format!("{text:?} is not of the pattern {}", pattern.text));
        }
        if let Some(right) = schema.format.and_then(|format| format.asks_of(text)) {
            self.wrong(place, format!("{text:?} is not {right}"));
        }
    }

    fn number(&mut self, schema: &Schema, value: &Value, place: &str) {
        let range = match schema.format {
            Some(Format::Int32) => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Some(Format::Uint32) => Some((0, i64::from(u32::MAX))),
            _ => None,
        };
        let Some(whole) = value.as_i64() else {
            if schema.kind == Some(Kind::Integer) {
                self.wrong(place, format!("{value} is not a whole number"));
            }
            return;
        };
        let least = schema.minimum.into_iter().chain(range.map(|(least, _)| least)).max();
        let most = schema.maximum.into_iter().chain(range.map(|(_, most)| most)).min();
        if let Some(least) = least.filter(|least| whole < *least) {
            self.wrong(place, format!("{whole} is less than {least}"));
        }
        if let Some(most) = most.filter(|most| whole > *most) {
            self.wrong(place, format!("{whole} is more than {most}"));
        }
    }

    fn is_request(&self) -> bool {
        matches!(self.whose, Whose::Request)
    }
}
