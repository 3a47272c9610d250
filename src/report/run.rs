//! One course of an incident: its curves and what was done.

/// One course of an incident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// What sets it apart, such as `With Crossfade`.
    pub title: String,
    /// Seconds by the page's clock, rising; a time that does not rise, and what was seen then, is
    /// left out.
    pub times: Vec<f64>,
    /// The charts, from the top. Those with the same [`Chart::id`] in two runs make one row, on the
    /// same scale.
    pub charts: Vec<Chart>,
    /// What happened and what was decided, in order of time: vertical lines in each chart of the run,
    /// and rows of the table below.
    pub marks: Vec<Mark>,
}

impl Run {
    /// A run without charts and marks.
    pub fn new(title: impl Into<String>, times: impl Into<Vec<f64>>) -> Self {
        Self { title: title.into(), times: times.into(), ..Self::default() }
    }

    /// The same with one more chart.
    #[must_use]
    pub fn chart(mut self, chart: Chart) -> Self {
        self.charts.push(chart);
        self
    }

    /// The same with one more mark.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }
}

/// One chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// The same in two runs: the same row and the same scale.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The unit of its values, such as `%` or `connects/s`.
    pub unit: String,
    /// Its curves; the last lies on top.
    pub series: Vec<Series>,
    /// Its horizontal lines.
    pub lines: Vec<Threshold>,
}

impl Chart {
    /// A chart without curves.
    pub fn new(id: impl Into<String>, title: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), unit: unit.into(), ..Self::default() }
    }

    /// The same without its curves.
    pub(super) fn clone_head(&self) -> Self {
        let Self { id, title, unit, series: _, lines } = self;
        Self {
            id: id.clone(),
            title: title.clone(),
            unit: unit.clone(),
            series: Vec::new(),
            lines: lines.clone(),
        }
    }

    /// The same with one more curve.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The same with one more horizontal line.
    #[must_use]
    pub fn line(mut self, line: Threshold) -> Self {
        self.lines.push(line);
        self
    }
}

/// What a curve stands for. It decides its colour; a role that comes again in the same chart gets
/// another dash, and each curve a sign of its own, so that colour is never needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Of the legacy side.
    Legacy,
    /// Of the Kubernetes side.
    Kubernetes,
    /// What users ask for.
    Demand,
    /// What can be carried; dashed.
    Capacity,
    /// What failed.
    Failed,
    /// Connects per second.
    Rate,
    /// Open connections.
    Connections,
    /// A weight read back.
    Weight,
    /// A weight wanted; dashed.
    Intended,
    /// Anything else, told apart by the number.
    Other(u8),
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// From point to point: what is measured.
    #[default]
    Line,
    /// Each value holds until the next: what is set.
    Step,
    /// A line with the area down to zero filled.
    Area,
    /// A line with the area to the curve *before it in the chart* filled: headroom, a range.
    Band,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// How it is drawn.
    pub style: Style,
    /// One value for each of [`Run::times`]; `None`, NaN and the infinite are gaps.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// A curve in this style.
    pub fn new(
        name: impl Into<String>,
        role: Role,
        style: Style,
        values: impl Into<Vec<Option<f64>>>,
    ) -> Self {
        Self { name: name.into(), role, style, values: values.into() }
    }

    /// A curve from point to point.
    pub fn line(name: impl Into<String>, role: Role, values: impl Into<Vec<Option<f64>>>) -> Self {
        Self::new(name, role, Style::Line, values)
    }

    /// A curve whose values hold until the next.
    pub fn step(name: impl Into<String>, role: Role, values: impl Into<Vec<Option<f64>>>) -> Self {
        Self::new(name, role, Style::Step, values)
    }

    /// A curve filled down to zero.
    pub fn area(name: impl Into<String>, role: Role, values: impl Into<Vec<Option<f64>>>) -> Self {
        Self::new(name, role, Style::Area, values)
    }

    /// A curve filled to the one before it.
    pub fn band(name: impl Into<String>, role: Role, values: impl Into<Vec<Option<f64>>>) -> Self {
        Self::new(name, role, Style::Band, values)
    }
}

/// What a horizontal line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdKind {
    /// Above it the guard pauses.
    Pause,
    /// Above it the guard takes traffic back.
    Rollback,
    /// Below it the guard clears.
    Resume,
    /// What there is, such as `max_connections`.
    Limit,
}

/// A horizontal line.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Its name, such as `pause`; the value and the unit are added.
    pub label: String,
    /// Where it lies, in the chart's unit. A line far above all curves is told in the legend and
    /// does not flatten them.
    pub value: f64,
    /// What it means.
    pub kind: ThresholdKind,
}

impl Threshold {
    /// A line at this value.
    pub fn new(label: impl Into<String>, value: f64, kind: ThresholdKind) -> Self {
        Self { label: label.into(), value, kind }
    }
}

/// What a mark tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// Weight moved towards Kubernetes.
    Raise,
    /// Weight moved back towards legacy.
    Retreat,
    /// A guard stopped the rise.
    Pause,
    /// A guard is clear again.
    Clear,
    /// Anything else that was done or seen.
    Event,
    /// What went wrong in the world.
    Incident,
}

/// Something that happened: a vertical line, or a strip while it lasted.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// When, by the page's clock.
    pub at: f64,
    /// Until when it lasted, if it lasted.
    pub until: Option<f64>,
    /// What it tells.
    pub kind: MarkKind,
    /// What happened, in a few words, such as `50 → 25 %`.
    pub label: String,
    /// Why, in a sentence.
    pub text: String,
}

impl Mark {
    /// Something that happened at once.
    pub fn new(at: f64, kind: MarkKind, label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at, until: None, kind, label: label.into(), text: text.into() }
    }

    /// The same, lasting until then.
    #[must_use]
    pub fn until(mut self, until: f64) -> Self {
        self.until = Some(until);
        self
    }
}
