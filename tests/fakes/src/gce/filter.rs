//! The `filter` of lists: `name = "web"`, `name eq web-.*`, `(labels.app = "web") (status != "READY")`. As the parameter's documentation has it.

use regex_lite::Regex;
use serde_json::Value;

use super::asked::at;
use super::error::{Result, bad};

/// What is filtered by; all of it holds, or any of it.
#[derive(Debug)]
pub(crate) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Is(Test),
}

/// One expression: field, operator, value.
#[derive(Debug)]
pub(crate) struct Test {
    field: String,
    how: How,
    negated: bool,
}

#[derive(Debug)]
enum How {
    /// "The value must be a string, a number, or a boolean": compared as text.
    Equals(String),
    /// "The literal value is interpreted as a regular expression [..]. The literal value must match the entire field": `eq` and `ne`.
    Matches(Regex),
    /// "`:*` comparison can be used to test whether a key has been defined".
    Defined,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Operator(String),
    Word(String),
}

impl Filter {
    pub(crate) fn read(text: &str) -> Result<Self> {
        let tokens = tokens(text).ok_or_else(|| refused(text))?;
        let mut rest = tokens.as_slice();
        let filter = any(&mut rest).ok_or_else(|| refused(text))?;
        if rest.is_empty() && filter.is_of_a_kind() { Ok(filter) } else { Err(refused(text)) }
    }

    /// The two kinds "cannot be mixed in one request", and "you cannot combine constraints on multiple fields using regular expressions".
    fn is_of_a_kind(&self) -> bool {
        let mut tests = Vec::new();
        self.collect(&mut tests);
        let by_regex = tests.iter().filter(|test| matches!(test.how, How::Matches(_))).count();
        by_regex == 0
            || (by_regex == tests.len() && tests.windows(2).all(|pair| matches!(pair, [one, other] if one.field == other.field)))
    }

    fn collect<'a>(&'a self, tests: &mut Vec<&'a Test>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect(tests)),
            Self::Is(test) => tests.push(test),
        }
    }

    pub(crate) fn passes(&self, body: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.passes(body)),
            Self::Any(parts) => parts.iter().any(|part| part.passes(body)),
            Self::Is(test) => test.passes(body) != test.negated,
        }
    }
}

impl Test {
    fn passes(&self, body: &Value) -> bool {
        let value = at(body, &self.field);
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        match &self.how {
            How::Equals(wanted) => text == *wanted,
            How::Matches(regex) => regex.is_match(&text),
            How::Defined => value.is_some(),
        }
    }
}

fn refused(text: &str) -> super::error::GceError {
    bad("invalid", format!("Invalid value for field 'filter': '{text}'. Invalid list filter expression."))
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '(' if !matches!(found.last(), Some(Token::Operator(_))) => found.push(Token::Open),
            ')' => found.push(Token::Close),
            '=' | ':' => found.push(Token::Operator(letter.into())),
            '!' if letters.next_if_eq(&'=').is_some() => found.push(Token::Operator("!=".into())),
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    match letters.next()? {
                        '\\' => word.push(letters.next()?),
                        end if end == quote => break,
                        other => word.push(other),
                    }
                }
                found.push(Token::Word(word));
            }
            first => {
                let mut word = String::from(first);
                // What follows `eq` is a regular expression, with parentheses of its own; it ends where one closes that it did not open.
                let value = matches!(found.last(), Some(Token::Operator(_)));
                let mut depth = usize::from(first == '(');
                while let Some(next) = letters.peek() {
                    match next {
                        ' ' => break,
                        '(' if value => depth += 1,
                        ')' if value && depth > 0 => depth -= 1,
                        '(' | ')' => break,
                        '=' | ':' | '!' if !value => break,
                        _ => {}
                    }
                    word.extend(letters.next());
                }
                let operator = matches!(word.as_str(), "eq" | "ne") && matches!(found.last(), Some(Token::Word(_)));
                found.push(if operator { Token::Operator(word) } else { Token::Word(word) });
            }
        }
    }
    Some(found)
}

fn any(rest: &mut &[Token]) -> Option<Filter> {
    let mut parts = vec![all(rest)?];
    while let [Token::Word(word), after @ ..] = *rest
        && word == "OR"
    {
        *rest = after;
        parts.push(all(rest)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Filter::Any(parts)) }
}

/// "By default, each expression is an AND expression".
fn all(rest: &mut &[Token]) -> Option<Filter> {
    let mut parts = vec![one(rest)?];
    loop {
        match *rest {
            [Token::Word(word), after @ ..] if word == "AND" => {
                *rest = after;
                parts.push(one(rest)?);
            }
            [Token::Open, ..] => parts.push(one(rest)?),
            _ => break,
        }
    }
    if parts.len() == 1 { parts.pop() } else { Some(Filter::All(parts)) }
}

fn one(rest: &mut &[Token]) -> Option<Filter> {
    match *rest {
        [Token::Open, after @ ..] => {
            *rest = after;
            let inside = any(rest)?;
            let [Token::Close, after @ ..] = *rest else { return None };
            *rest = after;
            Some(inside)
        }
        [Token::Word(field), Token::Operator(operator), Token::Word(value), after @ ..] => {
            *rest = after;
            let how = match operator.as_str() {
                "eq" | "ne" => How::Matches(Regex::new(&format!("^(?:{value})$")).ok()?),
                ":" if value == "*" => How::Defined,
                ":" => return None,
                _ => How::Equals(value.clone()),
            };
            let negated = matches!(operator.as_str(), "ne" | "!=");
            Some(Filter::Is(Test { field: field.clone(), how, negated }))
        }
        _ => None,
    }
}
