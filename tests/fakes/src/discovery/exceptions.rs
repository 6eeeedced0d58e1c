//! What passes although the discovery document does not say so.

use crate::schema::Passes;

/// One thing that passes, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exception {
    /// A parameter of any request.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What its value is to look like.
        value: Shape,
        /// Why it is right.
        why: &'static str,
    },
    /// `{}` as the body of a request for which the document has none.
    EmptyObject {
        /// The verbs with which it comes.
        verbs: &'static [&'static str],
        /// Why it is right.
        why: &'static str,
    },
    /// Fields that are only ever in an answer, in a request.
    Answered {
        /// Whose requests may have them.
        methods: &'static [&'static str],
        /// The fields, on the outermost level of the body.
        fields: &'static [&'static str],
        /// Why it is right.
        why: &'static str,
    },
}

/// What a parameter's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// These words and no other.
    Word(&'static str),
    /// A day, as `2026-09-01`.
    Day,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception::Parameter {
        name: "$alt",
        value: Shape::Word("json"),
        why: "google-cloud-compute-v1 4.1.0 sends it; Google Cloud APIs, \"System parameters\": `$alt` is `alt`, and `json` its default",
    },
    Exception::Parameter {
        name: "$apiVersion",
        value: Shape::Day,
        why: "google-cloud-compute-v1 4.1.0 sends the day of its own document; Google Cloud APIs, \"System parameters\": which version of the API is meant",
    },
    Exception::EmptyObject {
        verbs: &["POST", "PUT"],
        why: "google-cloud-gax-internal 0.7.21, `handle_empty`: what has no body is sent with an empty object, since Google's front end refuses a POST without a length",
    },
    Exception::Answered {
        methods: &["regionUrlMaps.update", "urlMaps.update"],
        fields: &["creationTimestamp", "id", "kind", "region", "selfLink"],
        why: "a PUT sends back the whole that was read, and what it leaves out is taken away; AIP-203, \"Output only\": they are ignored, and are no error",
    },
    Exception::Answered {
        methods: &[
            "instanceGroupManagers.insert",
            "instanceGroupManagers.patch",
            "regionInstanceGroupManagers.insert",
            "regionInstanceGroupManagers.patch",
        ],
        fields: &["namedPorts"],
        why: "the document is wrong: Google's own Terraform provider sets them so, `named_port` of google_compute_instance_group_manager",
    },
];

pub(super) const PASSES: Passes = Passes { echoed: answered, undescribed: |_, _| false, unlisted: |_, _| false };

/// Whether a parameter passes that the document does not know.
pub(super) fn query(given: &str, text: &str) -> bool {
    EXCEPTIONS.iter().any(|one| matches!(one, Exception::Parameter { name, value, .. } if *name == given && value.fits(text)))
}

/// Whether a body passes where the document has none.
pub(super) fn empty_object(verb: &str, body: &[u8]) -> bool {
    body == b"{}" && EXCEPTIONS.iter().any(|one| matches!(one, Exception::EmptyObject { verbs, .. } if verbs.contains(&verb)))
}

/// Whether a field passes in a request, outermost in the body, although it is only ever in an answer.
fn answered(id: &str, place: &str) -> bool {
    let Some(field) = place.strip_prefix("body.") else { return false };
    EXCEPTIONS
        .iter()
        .any(|one| matches!(one, Exception::Answered { methods, fields, .. } if methods.contains(&id) && fields.contains(&field)))
}

impl Shape {
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Word(word) => word == text,
            Self::Day => text.parse::<jiff::civil::Date>().is_ok(),
        }
    }
}
