//! A request's target in its parts, and which method it is for.

use std::collections::BTreeMap;

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uri {
    /// Decoded, without the slashes.
    pub(crate) segments: Vec<String>,
    /// Decoded, in the order in which they are.
    pub(crate) query: Vec<(String, String)>,
}

/// Whether the fixed words of a path are compared with their case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Matters,
    Ignored,
}

/// What has a path, as `projects/{project}/global/images`; `{+resource}` is of as many segments as there are.
pub(crate) trait Route {
    fn verb(&self) -> &str;
    fn path(&self) -> &str;
}

/// Why no method is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// No method has the path.
    Path(String),
    /// Those that have it are of other verbs.
    Verb(String),
}

pub(crate) type Found<'m, M> = (&'m str, M, BTreeMap<String, String>);

impl Lost {
    pub(crate) fn told(self, reduction: &str) -> String {
        match self {
            Self::Path(path) => format!("no method has the path {path}; {reduction} lists all"),
            Self::Verb(what) => what,
        }
    }
}

/// Of two methods whose paths fit, the one of more fixed words: `images/family/{family}` is no image of the name `family`.
pub(crate) fn find<'m, M: Route>(
    methods: impl Iterator<Item = (&'m str, M)>,
    base: &str,
    case: Case,
    verb: &str,
    uri: &Uri,
) -> Result<Found<'m, M>, Lost> {
    let mut there: Vec<_> = methods
        .filter_map(|(id, method)| {
            let (literal, names) = uri.fits(base, method.path(), case)?;
            Some((literal, id, method, names))
        })
        .collect();
    let most = there.iter().map(|(literal, ..)| *literal).max();
    there.retain(|(literal, ..)| Some(*literal) == most);
    let verbs: Vec<_> = there.iter().map(|(_, id, method, _)| format!("{} for {id}", method.verb())).collect();
    let path = format!("/{}", uri.segments.join("/"));
    match there.into_iter().find(|(_, _, method, _)| method.verb() == verb) {
        Some((_, id, method, names)) => Ok((id, method, names)),
        None if verbs.is_empty() => Err(Lost::Path(path)),
        None => Err(Lost::Verb(format!("{verb} {path} is no method; there is {}", verbs.join(", ")))),
    }
}

impl Uri {
    pub(crate) fn parse(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let decoded = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        Self {
            segments: path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect(),
            query: form_urlencoded::parse(query.as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        }
    }

    /// What the names of a path stand for here; `None` if it is of another form.
    ///
    /// The more of it is not a name, the larger is the number.
    fn fits(&self, base: &str, path: &str, case: Case) -> Option<(usize, BTreeMap<String, String>)> {
        let parts: Vec<&str> = base.split('/').chain(path.split('/')).filter(|part| !part.is_empty()).collect();
        let (mut literal, mut names) = (0, BTreeMap::new());
        let mut rest = self.segments.as_slice();
        for (at, part) in parts.iter().enumerate() {
            let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let many = name.and_then(|name| name.strip_prefix('+'));
            // What follows takes one segment each.
            let takes = if many.is_some() { (rest.len() + at + 1).checked_sub(parts.len())? } else { 1 };
            let (these, after) = rest.split_at_checked(takes)?;
            rest = after;
            let segment = these.join("/");
            match many.or(name) {
                Some(_) if segment.is_empty() => return None,
                Some(name) => drop(names.insert(name.to_owned(), segment)),
                None if *part == segment || case == Case::Ignored && part.eq_ignore_ascii_case(&segment) => literal += 1,
                None => return None,
            }
        }
        rest.is_empty().then_some((literal, names))
    }
}
