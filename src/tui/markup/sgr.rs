//! Parameters of SGR sequences (ECMA-48, Select Graphic Rendition), by which programs choose colours.

use anstyle_parse::Params;
use ratatui::style::{Color, Modifier};

use super::tone::Sgr;

/// The style after a sequence with these parameters.
pub(super) fn apply(mut sgr: Sgr, params: &Params) -> Sgr {
    if params.is_empty() {
        return Sgr::default();
    }
    let mut params = params.iter();
    while let Some(param) = params.next() {
        let [number, details @ ..] = param else {
            continue;
        };
        match number {
            0 => sgr = Sgr::default(),
            1 => sgr.modifiers |= Modifier::BOLD,
            2 => sgr.modifiers |= Modifier::DIM,
            3 => sgr.modifiers |= Modifier::ITALIC,
            4 if details.first() == Some(&0) => sgr.modifiers -= Modifier::UNDERLINED,
            4 | 21 => sgr.modifiers |= Modifier::UNDERLINED,
            7 => sgr.modifiers |= Modifier::REVERSED,
            9 => sgr.modifiers |= Modifier::CROSSED_OUT,
            22 => sgr.modifiers -= Modifier::BOLD | Modifier::DIM,
            23 => sgr.modifiers -= Modifier::ITALIC,
            24 => sgr.modifiers -= Modifier::UNDERLINED,
            27 => sgr.modifiers -= Modifier::REVERSED,
            29 => sgr.modifiers -= Modifier::CROSSED_OUT,
            30..=37 => sgr.fg = Some(basic(number - 30)),
            38 => sgr.fg = extended(details, &mut params).or(sgr.fg),
            39 => sgr.fg = None,
            40..=47 => sgr.bg = Some(basic(number - 40)),
            48 => sgr.bg = extended(details, &mut params).or(sgr.bg),
            49 => sgr.bg = None,
            // The colour of underlines, which is only skipped.
            58 => drop(extended(details, &mut params)),
            90..=97 => sgr.fg = Some(basic(number - 90 + 8)),
            100..=107 => sgr.bg = Some(basic(number - 100 + 8)),
            _ => {}
        }
    }
    sgr
}

/// A colour by its number among the 16.
fn basic(number: u16) -> Color {
    match number {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        _ => Color::White,
    }
}

/// The colour after 38 and 48: `38;5;n` and `38;2;r;g;b`, or the same with colons, where the
/// colour space may be given before the red.
fn extended<'p>(details: &[u16], rest: &mut impl Iterator<Item = &'p [u16]>) -> Option<Color> {
    let mut next = || rest.next()?.first().copied();
    match details {
        [5, index, ..] => indexed(*index),
        [2, _, red, green, blue, ..] | [2, red, green, blue] => rgb(*red, *green, *blue),
        [] => match next()? {
            5 => indexed(next()?),
            2 => rgb(next()?, next()?, next()?),
            _ => None,
        },
        _ => None,
    }
}

fn indexed(index: u16) -> Option<Color> {
    let index = u8::try_from(index).ok()?;
    Some(match index {
        0..16 => basic(index.into()),
        _ => Color::Indexed(index),
    })
}

fn rgb(red: u16, green: u16, blue: u16) -> Option<Color> {
    let part = |part| u8::try_from(part).ok();
    Some(Color::Rgb(part(red)?, part(green)?, part(blue)?))
}
