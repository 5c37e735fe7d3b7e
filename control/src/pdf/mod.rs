//! PDF files of text: rows of columns, one below another, and page numbers. All fonts are embedded; there is no script, no
//! link, no form and no picture in them.

mod text;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::KrillaGlyph;
use time::OffsetDateTime;

use self::text::{Fonts, Typesetter};

/// A4, in points of 1/72 inch.
const PAGE: (f32, f32) = (595.0, 842.0);

/// Empty on every side of a page.
const MARGIN: f32 = 48.0;

/// Below this the foot of a page begins.
const BOTTOM: f32 = PAGE.1 - MARGIN - 24.0;

/// Width of what stands on a page.
pub(crate) const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;

/// Most text of one file, in bytes: a limit of memory, about sixty bytes a character while it is made.
pub(crate) const MOST_TEXT: usize = 1_500_000;

/// How text looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// What the file is about.
    Title,
    /// What follows.
    Heading,
    /// Most text.
    Body,
    /// What helps to read the rest.
    Quiet,
}

impl Style {
    const fn size(self) -> f32 {
        match self {
            Self::Title => 18.0,
            Self::Heading => 12.0,
            Self::Body => 9.5,
            Self::Quiet => 8.0,
        }
    }

    fn color(self) -> rgb::Color {
        match self {
            Self::Title | Self::Body => rgb::Color::new(20, 32, 29),
            Self::Heading => rgb::Color::new(11, 107, 93),
            Self::Quiet => rgb::Color::new(84, 99, 94),
        }
    }
}

/// Text in a column of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<'a> {
    /// Where the column begins, in points from the left of what stands on a page.
    pub(crate) x: f32,
    /// Its width in points.
    pub(crate) width: f32,
    pub(crate) text: &'a str,
    pub(crate) style: Style,
}

/// The file cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("a PDF cannot be made: {0}")]
pub(crate) struct PdfError(String);

/// A file that is being written, from top to bottom.
pub(crate) struct Document {
    typesetter: Typesetter,
    pages: Vec<Page>,
    /// Where the next row begins, in points from the top of the page.
    y: f32,
    text: usize,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("pages", &self.pages.len()).field("text", &self.text).finish()
    }
}

#[derive(Default)]
struct Page {
    runs: Vec<Run>,
    /// Lines from side to side: how far from the top.
    rules: Vec<f32>,
}

/// Glyphs of one font in a row, and the text that they stand for.
struct Run {
    font: u64,
    size: f32,
    color: rgb::Color,
    at: (f32, f32),
    glyphs: Vec<KrillaGlyph>,
    text: Arc<str>,
}

/// Lines of a column, ready to be placed.
struct Line {
    /// From the top of the line to the next.
    height: f32,
    /// From the top of the line to where its letters stand.
    baseline: f32,
    runs: Vec<Run>,
}

impl Document {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { typesetter: Typesetter::new(), pages: vec![Page::default()], y: MARGIN, text: 0 }
    }

    /// Whether as much text is in it as can be.
    pub(crate) const fn is_full(&self) -> bool {
        self.text >= MOST_TEXT
    }

    /// Text over the whole width.
    pub(crate) fn paragraph(&mut self, style: Style, text: &str) {
        self.row(&[Cell { x: 0.0, width: WIDTH, text, style }]);
    }

    /// Columns beside each other. What does not fit on the page goes on at the top of the next. What would be too much text
    /// is cut off, with a sign for it.
    pub(crate) fn row(&mut self, cells: &[Cell<'_>]) {
        let mut columns = Vec::with_capacity(cells.len());
        for cell in cells {
            let left = MOST_TEXT.saturating_sub(self.text);
            let text = legible(cell.text, left);
            self.text += text.len();
            columns.push(self.typesetter.lines(&text, *cell).into_iter());
        }
        loop {
            let lines: Vec<Line> = columns.iter_mut().filter_map(Iterator::next).collect();
            let Some(height) = lines.iter().map(|line| line.height).reduce(f32::max) else { return };
            let page = self.page_with(height);
            for Line { baseline, runs, .. } in lines {
                for run in runs {
                    let at = (run.at.0 + MARGIN, page.1 + baseline);
                    page.0.runs.push(Run { at, ..run });
                }
            }
            self.y += height;
        }
    }

    /// Empty space, in points; none at the top of a page.
    pub(crate) fn space(&mut self, points: f32) {
        if self.y > MARGIN {
            self.y += points;
        }
    }

    /// A thin line from side to side.
    pub(crate) fn rule(&mut self) {
        let (page, y) = self.page_with(7.0);
        page.rules.push(y + 3.0);
        self.y += 7.0;
    }

    /// Begins a new page, should less than this be left of the present one.
    pub(crate) fn keep_together(&mut self, points: f32) {
        self.page_with(points);
    }

    /// The page for something of this height, and where on it.
    fn page_with(&mut self, height: f32) -> (&mut Page, f32) {
        let fits = self.y + height <= BOTTOM || self.y <= MARGIN;
        if !fits {
            self.pages.push(Page::default());
            self.y = MARGIN;
        }
        (self.pages.last_mut().expect("there is always one"), self.y)
    }

    /// The file, with `foot` and its number on each page.
    pub(crate) fn finish(
        mut self,
        title: &str,
        foot: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, PdfError> {
        let all = self.pages.len();
        for (n, page) in self.pages.iter_mut().enumerate() {
            let number = format!("Page {} of {all}", n + 1);
            let foot = legible(foot, 300);
            for (x, width, text) in [(0.0, WIDTH - 90.0, foot.as_str()), (WIDTH - 80.0, 80.0, &number)] {
                let cell = Cell { x, width, text, style: Style::Quiet };
                // One line of it has room.
                let line = self.typesetter.lines(text, cell).into_iter().next();
                let runs = line.into_iter().flat_map(|line| line.runs);
                page.runs.extend(runs.map(|run| Run { at: (run.at.0 + MARGIN, PAGE.1 - MARGIN), ..run }));
            }
        }
        let mut file = krilla::Document::new();
        let mut fonts = Fonts::default();
        for page in &self.pages {
            let size = PageSettings::from_wh(PAGE.0, PAGE.1);
            let mut sheet = file.start_page_with(size.ok_or_else(|| PdfError("no such page".to_owned()))?);
            let mut surface = sheet.surface();
            page.draw(&mut surface, &mut fonts)?;
            surface.finish();
            sheet.finish();
        }
        let metadata = Metadata::new()
            .title(legible(title, 300))
            .creator("Partyline".to_owned())
            .producer("Partyline".to_owned())
            .creation_date(moment(now));
        file.set_metadata(metadata);
        file.finish().map_err(|error| PdfError(format!("{error:?}")))
    }
}

impl Page {
    fn draw(&self, surface: &mut Surface<'_>, fonts: &mut Fonts) -> Result<(), PdfError> {
        for run in &self.runs {
            let font = fonts.get(run.font).ok_or_else(|| PdfError("a font is not there".to_owned()))?;
            let (paint, opacity) = (run.color.into(), NormalizedF32::ONE);
            surface.set_fill(Some(Fill { paint, opacity, ..Fill::default() }));
            surface.draw_glyphs(
                Point::from_xy(run.at.0, run.at.1),
                &run.glyphs,
                font,
                &run.text,
                run.size,
                false,
            );
        }
        surface.set_fill(None);
        surface.set_stroke(Some(Stroke {
            paint: rgb::Color::new(217, 224, 221).into(),
            width: 0.75,
            ..Stroke::default()
        }));
        for &y in &self.rules {
            let mut path = PathBuilder::new();
            path.move_to(MARGIN, y);
            path.line_to(PAGE.0 - MARGIN, y);
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        surface.set_stroke(None);
        Ok(())
    }
}

/// The text as it can stand on paper: line breaks are of one kind, other control characters and what only orders others
/// about are replaced, and it has at most so many bytes.
fn legible(text: &str, most: usize) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(text.len().min(most));
    for c in text.chars() {
        let c = match c {
            '\n' => c,
            '\t' => ' ',
            // Embeddings and overrides, of which the end may be missing: a name must not turn what stands beside it.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c if c.is_control() => '\u{fffd}',
            c => c,
        };
        if out.len() + c.len_utf8() > most {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

fn moment(at: OffsetDateTime) -> DateTime {
    let at = at.to_offset(time::UtcOffset::UTC);
    DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(at.month().into())
        .day(at.day())
        .hour(at.hour())
        .minute(at.minute())
        .second(at.second())
        .utc_offset_hour(0)
}

/// Bytes of a text.
type Bytes = Range<usize>;

#[cfg(test)]
mod tests;
