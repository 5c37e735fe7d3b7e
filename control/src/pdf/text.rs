//! Lines of text: fonts for every script, both directions, and where lines break.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use krilla::text::{Font, GlyphId, KrillaGlyph};
use parley::fontique::{Blob, Collection, CollectionOptions, SourceCache};
use parley::style::{FontFamily, FontFamilyName, LineHeight, OverflowWrap, StyleProperty};
use parley::{Alignment, FontContext, LayoutContext};

use super::{Bytes, Cell, Line, Run};

/// The fonts, in the order in which they are asked for a character: what one does not have, the next may. `fonts/README.md`
/// says what they are.
const FONTS: [(&str, &[u8]); 4] = [
    ("DejaVu Sans", include_bytes!("../../fonts/DejaVuSans.ttf")),
    ("Droid Sans Fallback", include_bytes!("../../fonts/DroidSansFallbackFull.ttf")),
    ("Unifont", include_bytes!("../../fonts/UnifontRest.otf")),
    ("Unifont Upper", include_bytes!("../../fonts/UnifontUpperRest.otf")),
];

/// Line height, of the size of the letters.
const LEADING: f32 = 1.35;

/// The fonts, read once, and what each is called by who sets with them.
static READ: LazyLock<(FontContext, HashMap<u64, &'static [u8]>)> = LazyLock::new(|| {
    let options = CollectionOptions { shared: false, system_fonts: false };
    let mut collection = Collection::new(options);
    let mut files = HashMap::new();
    for (_, file) in FONTS {
        let blob = Blob::new(Arc::new(file));
        files.insert(blob.id(), file);
        collection.register_fonts(blob, None);
    }
    (FontContext { collection, source_cache: SourceCache::default() }, files)
});

/// The fonts of one file, of which it embeds what it uses.
#[derive(Default)]
pub(super) struct Fonts(HashMap<u64, Font>);

impl Fonts {
    pub(super) fn get(&mut self, id: u64) -> Option<Font> {
        if let Some(font) = self.0.get(&id) {
            return Some(font.clone());
        }
        let font = Font::new((*READ.1.get(&id)?).into(), 0)?;
        self.0.insert(id, font.clone());
        Some(font)
    }
}

/// Makes lines of text.
pub(super) struct Typesetter {
    fonts: FontContext,
    layouts: LayoutContext<()>,
}

impl Typesetter {
    pub(super) fn new() -> Self {
        Self { fonts: READ.0.clone(), layouts: LayoutContext::new() }
    }

    /// The lines of `text` in a column like `cell`. Each begins at the left of the page's text.
    pub(super) fn lines(&mut self, text: &str, cell: Cell<'_>) -> Vec<Line> {
        let text: Arc<str> = text.into();
        let names = FONTS.map(|(name, _)| FontFamilyName::Named(Cow::Borrowed(name)));
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, &text, 1.0, false);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Borrowed(&names))));
        builder.push_default(StyleProperty::FontSize(cell.style.size()));
        builder.push_default(StyleProperty::LineHeight(LineHeight::FontSizeRelative(LEADING)));
        // A word that is longer than the column must not stand out of it.
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
        let mut layout = builder.build(&*text);
        layout.break_all_lines(Some(cell.width));
        layout.align(Alignment::Start, parley::AlignmentOptions::default());
        let mut lines = Vec::new();
        for line in layout.lines() {
            let mut x = cell.x + line.metrics().offset;
            let mut runs = Vec::new();
            for run in line.runs() {
                let (begin, mut glyphs) = (x, Vec::new());
                for cluster in run.visual_clusters() {
                    let (before, bytes) = (glyphs.len(), cluster.text_range());
                    for glyph in cluster.glyphs() {
                        glyphs.push(placed(
                            glyph.id,
                            (glyph.advance, glyph.x, glyph.y),
                            run.font_size(),
                            bytes.clone(),
                        ));
                        x += glyph.advance;
                    }
                    // Of a ligature the first glyph stands for the letters of all.
                    if glyphs.len() == before
                        && let Some(last) = glyphs.last_mut()
                    {
                        last.text_range =
                            last.text_range.start.min(bytes.start)..last.text_range.end.max(bytes.end);
                    }
                }
                runs.push(Run {
                    font: run.font().data.id(),
                    size: run.font_size(),
                    color: cell.style.color(),
                    at: (begin, 0.0),
                    glyphs,
                    text: text.clone(),
                });
            }
            let height = cell.style.size() * LEADING;
            // The same for every font, so that the columns of a row stand on one line.
            lines.push(Line { height, baseline: height * 0.8, runs });
        }
        lines
    }
}

fn placed(id: u32, (advance, x, y): (f32, f32, f32), size: f32, bytes: Bytes) -> KrillaGlyph {
    KrillaGlyph::new(GlyphId::new(id), advance / size, x / size, y / size, 0.0, bytes, None)
}
