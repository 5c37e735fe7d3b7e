use super::*;

fn made(write: impl FnOnce(&mut Document)) -> Vec<u8> {
    let mut document = Document::new();
    write(&mut document);
    document.finish("Title", "Foot", OffsetDateTime::UNIX_EPOCH).unwrap()
}

fn contains(file: &[u8], what: &str) -> bool {
    file.windows(what.len()).any(|bytes| bytes == what.as_bytes())
}

#[test]
fn a_file_has_pages_and_nothing_that_acts() {
    let file = made(|document| {
        for n in 0..200 {
            document.paragraph(
                Style::Body,
                &format!("Line {n}: <script>alert(1)</script> https://evil.example/"),
            );
        }
    });
    assert!(file.starts_with(b"%PDF-1."));
    for never in ["/JavaScript", "/JS", "/URI", "/OpenAction", "/AA", "/Annots", "/AcroForm", "/EmbeddedFile"]
    {
        assert!(!contains(&file, never), "{never}");
    }
}

#[test]
fn what_cannot_stand_on_paper_is_replaced_and_too_much_is_cut() {
    assert_eq!(legible("a\r\nb\rc\td\u{0}e\u{7}", 100), "a\nb\nc d\u{fffd}e\u{fffd}");
    assert_eq!(legible("x\u{202e}evil\u{202c}\u{2066}y\u{2069}", 100), "xevily");
    assert_eq!(legible("äöü", 4), "äö…");
    assert_eq!(legible("abc", 3), "abc");
    let mut document = Document::new();
    let much = "word ".repeat(20_000);
    for _ in 0..20 {
        document.paragraph(Style::Quiet, &much);
    }
    assert!(document.is_full() && document.text < MOST_TEXT + 100);
}

#[test]
fn every_character_has_a_glyph() {
    let mut document = Document::new();
    let scripts = "Ångström Ωμέγα Привет עברית العربية हिन्दी বাংলা தமிழ் ไทย ქართული Հայերեն አማርኛ 日本語 한국어 中文 བོད ខ្មែរ 😀 🦩";
    document.paragraph(Style::Body, scripts);
    for run in document.pages.iter().flat_map(|page| &page.runs) {
        for glyph in &run.glyphs {
            assert_ne!(glyph.glyph_id.to_u32(), 0, "{}", &run.text[glyph.text_range.clone()]);
        }
    }
}
