//! Writes mutants into a file, each behind a switch: `a < b` becomes `if on(7) { a <= b } else { a < b }`.

use std::collections::BTreeSet;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, Pat, ReturnType, Signature, Type, UnOp};

use crate::Mutant;

/// A file with the mutants that could be written into it, and which those are.
pub(crate) fn embed(source: &str, mutants: &[&Mutant], unfit: &BTreeSet<usize>) -> Result<(String, BTreeSet<usize>), String> {
    let file = syn::parse_file(source).map_err(|why| why.to_string())?;
    let mut finder = Finder { text: Text::of(source), mutants, unfit, constant: false, arms_stay: Vec::new(), sites: Vec::new() };
    finder.visit_file(&file);
    let all = finder.sites.iter().flat_map(|site| site.mutants.iter().map(|mutant| mutant.id)).collect();
    Ok((render(source, &finder.sites, 0, 0..source.len()), all))
}

/// A place that has mutants: its text, and what it is made of.
struct Site<'m> {
    at: Range<usize>,
    kind: Kind,
    mutants: Vec<&'m Mutant>,
}

enum Kind {
    /// Left, operator, right.
    Binary(Range<usize>, Range<usize>, Range<usize>),
    /// The operand, of `!` or of `-`.
    Not(Range<usize>),
    Negative(Range<usize>),
    /// A guard that is always true, or never.
    Guard,
    /// An arm that is not there: at its guard, or after its pattern if it has none.
    Guarded,
    Arm,
    /// A field that is left to the struct that gives the rest: its name, its value, and its value there.
    Field(String, Range<usize>, String),
    /// Behind the brace that opens a function.
    Body,
}

/// The text of a range with its mutants: of the sites from `first` on, which are in the order in which they begin, the outer before the inner.
fn render(source: &str, sites: &[Site<'_>], first: usize, range: Range<usize>) -> String {
    let (mut out, mut at) = (String::new(), range.start);
    for (number, site) in sites.iter().enumerate().skip(first) {
        // What lies within another is rendered with it.
        if site.at.start >= at && site.at.end <= range.end {
            out += &source[at..site.at.start];
            out += &switched(source, site, |part| render(source, sites, number + 1, part));
            at = site.at.end;
        }
    }
    out + &source[at..range.end]
}

fn switched(source: &str, site: &Site<'_>, render: impl Fn(Range<usize>) -> String) -> String {
    let on = |mutant: &Mutant| format!("crate::mutation::on({})", mutant.id);
    let first = on(site.mutants[0]);
    match &site.kind {
        Kind::Binary(left, operator, right) => {
            let (left, operator, right) = (render(left.clone()), &source[operator.clone()], render(right.clone()));
            match (operator, &site.mutants[..]) {
                // Without writing either side twice: that would double with every operand.
                ("==" | "!=", [_]) => format!("(({left} {operator} {right}) ^ {first})"),
                ("&&", [other]) if other.replacement == "||" => {
                    format!("(match {left} {{ one if one == {first} => one, _ => {right} }})")
                }
                ("||", [other]) if other.replacement == "&&" => {
                    format!("(match {left} {{ one if one != {first} => one, _ => {right} }})")
                }
                (_, mutants) => {
                    let other = |mutant: &&Mutant| format!("if {} {{ {left} {} {right} }} else ", on(mutant), mutant.replacement);
                    let others: String = mutants.iter().map(other).collect();
                    let assigns = operator.ends_with('=') && !["<=", ">=", "==", "!="].contains(&operator);
                    let (open, close) = if assigns { ('{', '}') } else { ('(', ')') };
                    format!("{open}{others}{{ {left} {operator} {right} }}{close}")
                }
            }
        }
        Kind::Not(operand) => format!("({first} ^ !{})", render(operand.clone())),
        Kind::Negative(operand) => {
            let operand = render(operand.clone());
            format!("(if {first} {{ {operand} }} else {{ -{operand} }})")
        }
        Kind::Guard => {
            let always = |truth: &str| site.mutants.iter().find(|mutant| mutant.replacement == truth);
            let mut guard = format!("({})", render(site.at.clone()));
            if let Some(never) = always("false") {
                guard = format!("(!{} && {guard})", on(never));
            }
            if let Some(always) = always("true") {
                guard = format!("({} || {guard})", on(always));
            }
            guard
        }
        Kind::Guarded => format!("(!{first} && ({}))", render(site.at.clone())),
        Kind::Arm => format!(" if !{first}"),
        Kind::Field(name, value, there) => {
            format!("{name}: if {first} {{ {there} }} else {{ {} }}", render(value.clone()))
        }
        Kind::Body => {
            site.mutants.iter().map(|mutant| format!(" if {} {{ return {}; }}", on(mutant), mutant.replacement)).collect()
        }
    }
}

/// Where each line begins.
struct Text<'s> {
    source: &'s str,
    lines: Vec<usize>,
}

impl<'s> Text<'s> {
    fn of(source: &'s str) -> Self {
        let ends = source.match_indices('\n').map(|(end, _)| end + 1);
        Self { source, lines: [0].into_iter().chain(ends).collect() }
    }

    /// Columns count characters.
    fn offset(&self, at: LineColumn) -> usize {
        let start = self.lines[at.line - 1];
        let rest = &self.source[start..];
        start + rest.char_indices().nth(at.column).map_or(rest.len(), |(offset, _)| offset)
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }
}

struct Finder<'m> {
    text: Text<'m>,
    mutants: &'m [&'m Mutant],
    /// Those that cannot be compiled.
    unfit: &'m BTreeSet<usize>,
    /// Whether this is evaluated by the compiler, which knows no switch.
    constant: bool,
    /// Whether the arms of this match have to stay: an arm with a guard, as those have that are switched, is none that a match may end with.
    arms_stay: Vec<bool>,
    sites: Vec<Site<'m>>,
}

impl<'m> Finder<'m> {
    fn at(&self, span: Span, genre: &str) -> Vec<&'m Mutant> {
        let start = span.start();
        let here = |mutant: &&&Mutant| (mutant.line, mutant.column) == (start.line, start.column + 1) && mutant.genre == genre;
        let fits = |mutant: &&&Mutant| !self.constant && !self.unfit.contains(&mutant.id);
        self.mutants.iter().filter(here).filter(fits).copied().collect()
    }

    fn site(&mut self, at: Range<usize>, kind: Kind, mutants: Vec<&'m Mutant>) {
        if !mutants.is_empty() {
            self.sites.push(Site { at, kind, mutants });
        }
    }

    fn body(&mut self, signature: &Signature, block: &Block) {
        // Its type is that of what it returns, which no other can be.
        let hidden = matches!(&signature.output, ReturnType::Type(_, of) if matches!(**of, Type::ImplTrait(_)));
        if let Some(first) = block.stmts.first().filter(|_| !hidden) {
            let open = self.text.range(block.brace_token.span.open()).end;
            let mutants = self.at(first.span(), "FnValue");
            self.site(open..open, Kind::Body, mutants);
        }
    }

    fn within(&mut self, constant: bool, visit: impl FnOnce(&mut Self)) {
        let outer = self.constant;
        self.constant |= constant;
        visit(self);
        self.constant = outer;
    }
}

/// Whether it binds names, as nothing but a condition may.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(both) => binds(&both.left) || binds(&both.right),
        _ => false,
    }
}

/// Whether nothing gets past it: `_`, or a name that is no constant's.
fn takes_all(arm: &Arm) -> bool {
    let all = match &arm.pat {
        Pat::Wild(_) => true,
        Pat::Ident(name) => name.ident.to_string().starts_with(char::is_lowercase),
        _ => false,
    };
    all && arm.guard.is_none()
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(item.sig.constness.is_some(), |this| {
            this.body(&item.sig, &item.block);
            visit::visit_item_fn(this, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(item.sig.constness.is_some(), |this| {
            this.body(&item.sig, &item.block);
            visit::visit_impl_item_fn(this, item);
        });
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.within(true, |this| visit::visit_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.within(true, |this| visit::visit_item_static(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.within(true, |this| visit::visit_impl_item_const(this, item));
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        if !binds(&expr.left) && !binds(&expr.right) {
            let [left, operator, right] = [expr.left.span(), expr.op.span(), expr.right.span()].map(|span| self.text.range(span));
            let mutants = self.at(expr.op.span(), "BinaryOperator");
            self.site(left.start..right.end, Kind::Binary(left, operator, right), mutants);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast ExprUnary) {
        let operand = self.text.range(expr.expr.span());
        let kind = if matches!(expr.op, UnOp::Neg(_)) { Kind::Negative(operand) } else { Kind::Not(operand) };
        let mutants = self.at(expr.op.span(), "UnaryOperator");
        self.site(self.text.range(expr.span()), kind, mutants);
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &'ast ExprStruct) {
        if let Some(rest) = &expr.rest {
            let text = |span| &self.text.source[self.text.range(span)];
            let rest = match text(rest.span()) {
                // Of which type it is is told by where it stands, and it will stand elsewhere.
                "Default::default()" => format!("{}::default()", text(expr.path.span())),
                rest => format!("({rest})"),
            };
            for field in &expr.fields {
                let (at, value) = (self.text.range(field.span()), self.text.range(field.expr.span()));
                let name = self.text.source[self.text.range(field.member.span())].to_owned();
                let there = format!("{rest}.{name}");
                let mutants = self.at(field.span(), "StructField");
                self.site(at, Kind::Field(name, value, there), mutants);
            }
        }
        visit::visit_expr_struct(self, expr);
    }

    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        self.arms_stay.push(!expr.arms.iter().any(takes_all));
        visit::visit_expr_match(self, expr);
        self.arms_stay.pop();
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let stays = self.arms_stay.last() == Some(&true) || takes_all(arm);
        let gone = if stays { Vec::new() } else { self.at(arm.span(), "MatchArm") };
        match &arm.guard {
            Some((_, guard)) if !binds(guard) => {
                let at = self.text.range(guard.span());
                let mutants = self.at(guard.span(), "MatchArmGuard");
                self.site(at.clone(), Kind::Guarded, gone);
                self.site(at, Kind::Guard, mutants);
            }
            Some(_) => {}
            None => {
                let end = self.text.range(arm.pat.span()).end;
                self.site(end..end, Kind::Arm, gone);
            }
        }
        visit::visit_arm(self, arm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(id: usize, genre: &str, (line, column): (usize, usize), replacement: &str) -> Mutant {
        Mutant {
            id,
            name: String::new(),
            file: String::new(),
            line,
            column,
            genre: genre.into(),
            replacement: replacement.into(),
        }
    }

    fn embedded(source: &str, mutants: &[Mutant]) -> String {
        embed(source, &mutants.iter().collect::<Vec<_>>(), &BTreeSet::new()).unwrap().0.replace("crate::mutation::", "")
    }

    #[test]
    fn each_is_behind_its_switch() {
        let source = "fn a(b: u8) -> bool { b > 1 && !c(b) }";
        let mutants = [
            mutant(1, "FnValue", (1, 23), "true"),
            mutant(2, "BinaryOperator", (1, 29), "||"),
            mutant(3, "BinaryOperator", (1, 25), ">="),
            mutant(4, "UnaryOperator", (1, 32), ""),
        ];
        assert_eq!(
            embedded(source, &mutants),
            "fn a(b: u8) -> bool { if on(1) { return true; } \
             (match (if on(3) { b >= 1 } else { b > 1 }) { one if one == on(2) => one, _ => (on(4) ^ !c(b)) }) }"
        );
    }

    #[test]
    fn an_arm_goes_where_another_takes_its_place() {
        let source = "fn a() { match b { C if d => 1, E => 2, _ => 3 }; match f { G => 4, _ if h => 5, I => 6 }; match j { K if l => 7, m => 8 } }";
        let mutants = [
            mutant(1, "MatchArm", (1, 20), ""),
            mutant(2, "MatchArmGuard", (1, 25), "true"),
            mutant(3, "MatchArmGuard", (1, 25), "false"),
            mutant(4, "MatchArm", (1, 33), ""),
            // Nothing else would take what they take.
            mutant(5, "MatchArm", (1, 61), ""),
            mutant(6, "MatchArm", (1, 115), ""),
        ];
        assert_eq!(
            embedded(source, &mutants),
            "fn a() { match b { C if (!on(1) && ((on(2) || (!on(3) && (d))))) => 1, E if !on(4) => 2, _ => 3 }; \
             match f { G => 4, _ if h => 5, I => 6 }; match j { K if l => 7, m => 8 } }"
        );
    }

    #[test]
    fn a_field_goes_where_the_rest_has_one() {
        let source = "fn a() -> B { B { c: 1 + 1, d, ..e() }; f(B { c: 1, ..Default::default() }) }";
        let mutants = [
            mutant(1, "StructField", (1, 19), ""),
            mutant(2, "BinaryOperator", (1, 24), "-"),
            mutant(3, "StructField", (1, 29), ""),
            mutant(4, "StructField", (1, 47), ""),
        ];
        assert_eq!(
            embedded(source, &mutants),
            "fn a() -> B { B { c: if on(1) { (e()).c } else { (if on(2) { 1 - 1 } else { 1 + 1 }) }, \
             d: if on(3) { (e()).d } else { d }, ..e() }; f(B { c: if on(4) { B::default().c } else { 1 }, ..Default::default() }) }"
        );
    }

    #[test]
    fn what_the_compiler_evaluates_has_no_switch() {
        let mutants = [mutant(1, "BinaryOperator", (1, 18), "-")];
        for source in ["const A: u8 = 1  + 1;", "const fn a() { 1 + 1 }", "static A: u8 = 1 + 1;"] {
            assert_eq!(embedded(source, &mutants), source);
        }
        assert_eq!(embedded("fn a() -> u8 { 1 + 1 }", &mutants), "fn a() -> u8 { (if on(1) { 1 - 1 } else { 1 + 1 }) }");
    }
}
