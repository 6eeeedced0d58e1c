//! A rollout over time as an SVG: who is there and ready, who gets the requests, and what a rollback would be.

use std::fmt::Write as _;

/// What is drawn. Times are seconds since the rollout began.
pub(crate) struct Chart {
    /// One line, above everything.
    pub(crate) title: String,
    /// How it looks from each time on, until the next.
    pub(crate) moments: Vec<(f64, Moment)>,
    /// What begins at each time.
    pub(crate) steps: Vec<(f64, String)>,
    /// What a rollback is from each time on.
    pub(crate) rollback: Vec<(f64, Rollback)>,
    pub(crate) floor: u32,
    pub(crate) ceiling: u32,
    pub(crate) end: f64,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Moment {
    /// How many of the old release are ready, and how many of the new.
    pub(crate) old: u32,
    pub(crate) new: u32,
    /// How many exist, starting and leaving ones included.
    pub(crate) live: u32,
    /// Which part of the requests each serves. What is missing nobody does.
    pub(crate) served: (f64, f64),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rollback {
    Instant,
    Partial,
    Again,
    Under,
}

impl Rollback {
    fn class(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Partial => "partial",
            Self::Again => "again",
            Self::Under => "under",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Partial => "partial",
            Self::Again => "launch again",
            Self::Under => "going back",
        }
    }
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 712.0;
/// Where the names of the steps begin, and how far apart their lanes are.
const LANES: f64 = 50.0;
const LANE: f64 = 15.0;
const CAPACITY: f64 = 170.0;
const TRAFFIC: f64 = 70.0;
const STRIP: f64 = 18.0;
const GAP: f64 = 24.0;
/// So many seconds before it begins are drawn too.
pub(crate) const BEFORE: f64 = 15.0;
/// About as wide as a letter is.
const LETTER: f64 = 6.1;

/// Light and dark by what the reader prefers; on a ground of its own, so that it can be read wherever it is shown.
const STYLE: &str = "\
.ground{fill:#fff;stroke:#d0d7de}.plot{fill:#f6f8fa}text{font:11px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.title{font-size:13px;font-weight:600}.soft{fill:#59636e}.grid{stroke:#d0d7de}.step{stroke:#8c959f;stroke-dasharray:2 3}\
.old{fill:#54aeff}.new{fill:#1a7f37}.other{fill:#d0d7de}.lost{fill:#ffcecb}\
.ceiling{stroke:#cf222e}.floor{stroke:#9a6700}.limit{stroke-width:1.5;stroke-dasharray:6 4}.ceiling-text{fill:#cf222e}.floor-text{fill:#9a6700}\
.instant{fill:#aceebb}.partial{fill:#fae17d}.again{fill:#ffb77c}.under{fill:#d0d7de}\
@media(prefers-color-scheme:dark){.ground{fill:#0d1117;stroke:#3d444d}.plot{fill:#151b23}text{fill:#e6edf3}.soft{fill:#9198a1}\
.grid{stroke:#2f3742}.step{stroke:#656c76}.old{fill:#1f6feb}.new{fill:#56d364}.other{fill:#3d444d}.lost{fill:#8e1519}\
.ceiling{stroke:#ff7b72}.floor{stroke:#e3b341}.ceiling-text{fill:#ff7b72}.floor-text{fill:#e3b341}\
.instant{fill:#116329}.partial{fill:#7d4e00}.again{fill:#953800}.under{fill:#3d444d}}";

/// A band of a stack: where it begins and ends at each moment.
type Band<'a> = &'a dyn Fn(&Moment) -> (f64, f64);

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let lanes = self.lanes();
        let depth = lanes.iter().map(|(lane, ..)| lane + 1).max().unwrap_or(0);
        let top = LANES + LANE * depth as f64;
        let traffic = top + CAPACITY + GAP;
        let strip = traffic + TRAFFIC + GAP - 6.0;
        let axis = strip + STRIP;
        let height = axis + 62.0;
        let mut svg = String::new();
        let mut put = |line: String| svg.push_str(&(line + "\n"));
        put(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">"#
        ));
        put(format!("<title>{}</title>", escaped(&self.title)));
        put(format!("<style>{STYLE}</style>"));
        put(format!(r#"<rect class="ground" x=".5" y=".5" width="{}" height="{}" rx="8"/>"#, WIDTH - 1.0, height - 1.0));
        put(format!(r#"<text class="title" x="14" y="26">{}</text>"#, escaped(&self.title)));
        for (y, tall) in [(top, CAPACITY), (traffic, TRAFFIC)] {
            put(format!(r#"<rect class="plot" x="{LEFT}" y="{y}" width="{}" height="{tall}"/>"#, RIGHT - LEFT));
        }

        // How many there are, from the ground up: the old that are ready, the new that are, and the others.
        let most = self.moments.iter().map(|(_, moment)| moment.live).max().unwrap_or(0).max(self.ceiling);
        let tall = f64::from(most.max(1)) * 1.06;
        let count = |instances: f64| top + CAPACITY * (1.0 - instances / tall);
        put(self.grid(&count, step_of(most), most, ""));
        let there: [(&str, Band<'_>); 3] = [
            ("old", &|m| (0.0, m.old.into())),
            ("new", &|m| (m.old.into(), (m.old + m.new).into())),
            ("other", &|m| ((m.old + m.new).into(), m.live.max(m.old + m.new).into())),
        ];
        for (class, band) in there {
            self.band(class, band, &count).into_iter().for_each(&mut put);
        }

        // Who serves which part of the requests.
        let part = |part: f64| traffic + TRAFFIC * (1.0 - part);
        put(self.grid(&|percent| part(percent / 100.0), 50, 100, "%"));
        let served: [(&str, Band<'_>); 3] = [
            ("old", &|m| (0.0, m.served.0)),
            ("new", &|m| (m.served.0, m.served.0 + m.served.1)),
            ("lost", &|m| (m.served.0 + m.served.1, 1.0)),
        ];
        for (class, band) in served {
            self.band(class, band, &part).into_iter().for_each(&mut put);
        }

        for ((lane, x, end), (at, name)) in lanes.iter().zip(&self.steps) {
            let (line, y) = (self.x(*at), LANES + LANE * *lane as f64);
            let anchor = if *end { "end" } else { "start" };
            put(format!(r#"<path class="step" d="M{line:.1} {:.1}V{axis}"/>"#, y - 9.0));
            put(format!(r#"<text x="{x:.1}" y="{y}" text-anchor="{anchor}">{}</text>"#, escaped(name)));
        }
        let (ceiling, floor) = (count(self.ceiling.into()), count(self.floor.into()));
        // Their names must not cover each other.
        let apart = (14.0 - (floor - ceiling)).max(0.0) / 2.0;
        for (class, limit, y, name) in
            [("ceiling", self.ceiling, ceiling, ceiling - apart), ("floor", self.floor, floor, floor + apart)]
        {
            put(format!(r#"<path class="limit {class}" d="M{LEFT} {y:.1}H{RIGHT}"/>"#));
            put(format!(r#"<text class="{class}-text" x="{}" y="{:.1}">{class} {limit}</text>"#, RIGHT + 6.0, name + 4.0));
        }

        let until = self.rollback.iter().skip(1).map(|(at, _)| *at).chain([self.end]);
        for ((at, rollback), until) in self.rollback.iter().zip(until) {
            let (x, wide) = (self.x(*at), self.x(until) - self.x(*at));
            let words = rollback.words();
            put(format!(r#"<rect class="{}" x="{x:.1}" y="{strip}" width="{wide:.1}" height="{STRIP}"/>"#, rollback.class()));
            if wide > LETTER * words.len() as f64 + 1.0 {
                put(format!(r#"<text x="{:.1}" y="{}" text-anchor="middle">{words}</text>"#, x + wide / 2.0, strip + 13.0));
            } else if until >= self.end {
                put(format!(r#"<text x="{}" y="{}">{words}</text>"#, RIGHT + 6.0, strip + 13.0));
            }
        }
        for (y, lines) in [
            (top + CAPACITY / 2.0, ["instances", ""]),
            (traffic + TRAFFIC / 2.0, ["requests", "served by"]),
            (strip + STRIP / 2.0, ["rollback", "would be"]),
        ] {
            let shift = if lines[1].is_empty() { 4.0 } else { -2.0 };
            for (line, words) in lines.iter().enumerate().filter(|(_, words)| !words.is_empty()) {
                put(format!(r#"<text class="soft" x="14" y="{:.1}">{words}</text>"#, y + shift + 12.0 * line as f64));
            }
        }

        let minutes = step_of((self.end / 60.0) as u32);
        for minute in (0..).step_by(minutes as usize).take_while(|minute| f64::from(*minute) * 60.0 <= self.end) {
            let x = self.x(f64::from(minute) * 60.0);
            put(format!(r#"<path class="grid" d="M{x:.1} {axis}v5"/>"#));
            put(format!(r#"<text class="soft" x="{x:.1}" y="{}" text-anchor="middle">{minute}</text>"#, axis + 17.0));
        }
        put(format!(r#"<text class="soft" x="{}" y="{}">min</text>"#, RIGHT + 6.0, axis + 17.0));

        let lost = self.moments.iter().any(|(_, moment)| moment.served.0 + moment.served.1 < 0.999);
        let mut x = LEFT;
        for (class, words) in [
            ("old", "old, ready"),
            ("new", "new, ready"),
            ("other", "starting or leaving"),
            ("lost", "requests that nobody serves"),
        ] {
            if class != "lost" || lost {
                put(format!(r#"<rect class="{class}" x="{x:.1}" y="{}" width="11" height="11"/>"#, axis + 34.0));
                put(format!(r#"<text x="{:.1}" y="{}">{words}</text>"#, x + 16.0, axis + 44.0));
                x += 40.0 + LETTER * words.len() as f64;
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (at + BEFORE) / (self.end + BEFORE)
    }

    /// For each step the lane of its name, where it stands, and whether it ends there.
    fn lanes(&self) -> Vec<(usize, f64, bool)> {
        let mut taken: Vec<Vec<(f64, f64)>> = Vec::new();
        let place = |(at, name): &(f64, String)| {
            let (line, wide) = (self.x(*at), LETTER * name.len() as f64);
            let end = line + 3.0 + wide > WIDTH - 12.0;
            let (from, to) = if end { (line - 3.0 - wide, line) } else { (line, line + 3.0 + wide) };
            let free = |lane: &Vec<(f64, f64)>| lane.iter().all(|(a, b)| to + 6.0 <= *a || *b + 6.0 <= from);
            let lane = taken.iter().position(free).unwrap_or_else(|| {
                taken.push(Vec::new());
                taken.len() - 1
            });
            if let Some(lane) = taken.get_mut(lane) {
                lane.push((from, to));
            }
            (lane, if end { line - 3.0 } else { line + 3.0 }, end)
        };
        self.steps.iter().map(place).collect()
    }

    fn grid(&self, y: &dyn Fn(f64) -> f64, step: u32, most: u32, unit: &str) -> String {
        let mut lines = String::new();
        for value in (0..=most).step_by(step as usize) {
            let y = y(value.into());
            let _ = write!(
                lines,
                r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/><text class="soft" x="{}" y="{:.1}" text-anchor="end">{value}{unit}</text>"#,
                LEFT - 6.0,
                y + 4.0
            );
        }
        lines
    }

    /// The band's areas, each as one path: there and back again.
    fn band(&self, class: &str, band: Band<'_>, y: &dyn Fn(f64) -> f64) -> Vec<String> {
        let until = self.moments.iter().skip(1).map(|(at, _)| *at).chain([self.end]);
        let spans: Vec<_> = self.moments.iter().zip(until).map(|((at, moment), until)| (*at, until, band(moment))).collect();
        let areas = spans.split(|(.., (from, to))| to - from < 1e-6).filter(|spans| !spans.is_empty());
        let path = |spans: &[(f64, f64, (f64, f64))]| {
            let mut path = String::new();
            for (number, (at, until, (_, to))) in spans.iter().enumerate() {
                let verb = if number == 0 { "M" } else { "L" };
                let _ = write!(path, "{verb}{:.1} {:.1}H{:.1}", self.x(*at), y(*to), self.x(*until));
            }
            for (at, _, (from, _)) in spans.iter().rev() {
                let _ = write!(path, "V{:.1}H{:.1}", y(*from), self.x(*at));
            }
            format!(r#"<path class="{class}" d="{path}Z"/>"#)
        };
        areas.map(path).collect()
    }
}

/// How far apart ticks are, so that there are about five.
fn step_of(most: u32) -> u32 {
    let steps = [1, 2, 3, 4, 5, 6, 10, 15, 20, 30, 60, 100];
    steps.into_iter().find(|step| most / step <= 6).unwrap_or(200)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
